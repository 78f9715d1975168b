#!/bin/bash
# PID 1 of one node, inside its own network, mount, PID, UTS and IPC namespaces: makes the standard paths the node's
# own and keeps containerd, kubelet, kube-proxy and the CSI driver running. SIGKILL to it is a power cut.
# node-init.sh DIR NAME KUBERNETES-BINARY CSI-BINARY KUBE-PROXY-ARGUMENT…
set -u
dir=$1 name=$2 kubernetes=$3 csi=$4; shift 4

hostname "$name"
ip link set lo up
# a fresh sysfs shows this namespace's network devices; the cgroups are kept
mkdir -p "$dir/cgroup"; mount --rbind /sys/fs/cgroup "$dir/cgroup"
mount -t sysfs sysfs /sys && mount --rbind "$dir/cgroup" /sys/fs/cgroup
umount -l "$dir/cgroup"

own() { mkdir -p "$dir/$1" "$2"; mount --bind "$dir/$1" "$2"; }
own kubelet /var/lib/kubelet
own containerd /var/lib/containerd
own cni /var/lib/cni
own cni-conf /etc/cni/net.d
own log /var/log
mount -t tmpfs -o mode=755 tmpfs /run; mkdir -p /run/netns /run/lock
printf '%032x\n' "0x7b0${name#node-}" > "$dir/machine-id"
[ -e /etc/machine-id ] && mount --bind "$dir/machine-id" /etc/machine-id
sysctl -qw net.ipv4.ip_forward=1
sysctl -qw net.bridge.bridge-nf-call-iptables=1 2> /dev/null || true
# shared only now: earlier, unmounting the copy of the cgroup tree would propagate into the real one
mount --make-rshared /

keep() { # NAME COMMAND…: run it, and again when it ends
  local log=/var/log/$1.log; shift
  while :; do
    "$@" >> "$log" 2>&1 < /dev/null
    echo "$(date -Is) ended with $?: $1; starting it again" >> "$log"
    sleep 0.5
  done &
}
keep containerd containerd -c "$dir/containerd.toml"
until [ -S /run/containerd/containerd.sock ]; do sleep 0.05; done
keep kubelet "$kubernetes" kubelet --config="$dir/kubelet.yaml" --kubeconfig="$dir/kubeconfig" --hostname-override="$name" \
  --node-ip="$(hostname -I | cut -d' ' -f1)"
keep kube-proxy "$kubernetes" kube-proxy --hostname-override="$name" "$@"
keep csi "$csi" node "$name" "$dir/csi"
wait
