# One node: its files, cgroups and namespaces; power off and on; network cut and healed.

nodes() { seq "$(cat "$STATE/nodes")"; }

node_pid() { # the PID 1 of node $1, as seen from outside
  local pid
  for pid in $(pids_of "node-$1"); do
    if grep -qsP '^NSpid:\t\d+\t1$' "/proc/$pid/status"; then echo "$pid"; return; fi
  done
  return 1
}

node_up() {
  local i=$1 dir=$STATE/node-$1
  ! node_pid "$i" > /dev/null || return 0
  end_processes pids_of "node-$i"
  node_files "$i"
  node_network "$i"
  node_cgroups "$i"
  # running shells read their script bit by bit: the node gets a copy that no checkout changes
  install -m 755 "$HERE/lib/node-init.sh" "$dir/init"
  part "node-$i" nsenter --net="/run/netns/$PREFIX-$i" unshare --mount --uts --ipc --pid --fork --kill-child --mount-proc \
    "$dir/init" "$dir" "node-$i" "$(place kubernetes)/kubernetes" "$(place csi)/csi-loop" \
    --kubeconfig="$STATE/pki/proxy.kubeconfig" --cluster-cidr="$POD_NET.0.0/16" --proxy-mode=iptables \
    --conntrack-max-per-core=0 --oom-score-adj=0
  within 5 node_pid "$i" || die "node-$i does not start; log: $STATE/log/node-$i.log"
}

node_kill() {
  local pid; pid=$(node_pid "$1") || { say "node-$1 is off"; return 0; }
  kill -9 "$pid"
  end_processes pids_of "node-$1"
}

node_cut() { ip link set "$PREFIX$1" down; }
node_heal() { ip link set "$PREFIX$1" up; }
node_exec() {
  local pid; pid=$(node_pid "$1") || die "node-$1 is off: testbed node up $1"
  shift; nsenter -t "$pid" -m -n -p -u -i -- "$@"
}

# Node objects are made by us, so that spec.podCIDR agrees with the node's CNI file
node_object() {
  printf '{"apiVersion":"v1","kind":"Node","metadata":{"name":"node-%s","labels":{"topology.kubernetes.io/region":"testbed",
    "topology.kubernetes.io/zone":"%s"}},"spec":{"podCIDR":"%s","podCIDRs":["%s"]}}\n' \
    "$1" "${ZONES[$1]}" "$POD_NET.$1.0/24" "$POD_NET.$1.0/24"
}

node_files() {
  local i=$1 dir=$STATE/node-$1 seed db
  mkdir -p "$dir/cni-conf"
  # images: hard links to the seed's files (layers and blobs never change in place), copies of its databases
  if [ ! -d "$dir/containerd" ]; then
    seed=$(place seed)/seed; rm -rf "$dir/.containerd"
    cp -al "$seed" "$dir/.containerd" 2> /dev/null || { rm -rf "$dir/.containerd"; cp -a "$seed" "$dir/.containerd"; }
    for db in io.containerd.metadata.v1.bolt/meta.db io.containerd.snapshotter.v1.overlayfs/metadata.db; do
      cp --remove-destination "$seed/$db" "$dir/.containerd/$db"
    done
    mv "$dir/.containerd" "$dir/containerd"
  fi
  cp "$STATE/pki/node-$i.kubeconfig" "$dir/kubeconfig"
  cat > "$dir/cni-conf/10-testbed.conflist" << C
{"cniVersion": "1.0.0", "name": "testbed", "plugins": [
 {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
  "ipam": {"type": "host-local", "ranges": [[{"subnet": "$POD_NET.$i.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
 {"type": "portmap", "capabilities": {"portMappings": true}}]}
C
  cat > "$dir/containerd.toml" << C
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "registry.k8s.io/pause:3.10"
restrict_oom_score_adj = true   # without CAP_SYS_RESOURCE a lower score is refused
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "/etc/cni/net.d"
C
  cat > "$dir/kubelet.yaml" << C
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $STATE/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $STATE/pki/node-$i.crt
tlsPrivateKeyFile: $STATE/pki/node-$i.key
clusterDNS: [$DNS_IP]
clusterDomain: cluster.local
resolvConf: $STATE/resolv.conf
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$PREFIX-node-$i
failSwapOn: false
failCgroupV1: false
imageGCHighThresholdPercent: 100
evictionHard: {nodefs.available: 1%, imagefs.available: 1%, memory.available: 100Mi}
nodeStatusUpdateFrequency: 3s
syncFrequency: 10s
oomScoreAdj: 0
C
}

# The kubelet wants its cgroup root in every hierarchy, with cpuset filled. Groups of containers that died with the
# node are removed first: cAdvisor would try each for 3 s.
node_cgroups() {
  local h group=$PREFIX-node-$1
  remove_cgroups "$group/kubepods"
  for h in $(cgroup_hierarchies); do
    mkdir -p "$h/$group"
    if [ -e "$h/cpuset.cpus" ]; then
      cat "$h/cpuset.cpus" > "$h/$group/cpuset.cpus"
      cat "$h/cpuset.mems" > "$h/$group/cpuset.mems"
    fi
  done
}
cgroup_hierarchies() { awk '$3 == "cgroup" || $3 == "cgroup2" {print $2}' /proc/mounts; }
remove_cgroups() { # GROUP: deepest first; a group is busy for a moment after its last process
  local h g
  for h in $(cgroup_hierarchies); do
    for g in "$h"/$1; do
      [ ! -d "$g" ] || within 2 find "$g" -depth -type d -exec rmdir '{}' + || true
    done
  done
}
