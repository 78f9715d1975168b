# The network of the bed: bridge slt0 in the root namespace, one namespace and one veth per node, plain routes between
# the pod networks, no masquerade. Every step can be repeated.

# Networks that the machine already uses elsewhere would be cut off or cut us off
check_networks() {
  local net other
  for net in "$NODE_NET.0/24" "$POD_NET.0.0/16" "$SERVICE_NET.0.0/16"; do
    other=$({ ip -4 route show table all root "$net"; ip -4 route show table all match "$net"; } |
      grep -v -e '^default' -e "dev ${PREFIX}0" -m1 || true)
    [ -z "$other" ] || die "the network $net is in use here ($other). Free it, or change it in $HERE/lib/settings.sh."
  done
}

network() {
  local dir i
  sysctl -qw net.ipv4.ip_forward=1
  # three kubelets and their pods use more inotify instances than the default of 128
  (($(< /proc/sys/fs/inotify/max_user_instances) >= 1024)) || sysctl -qw fs.inotify.max_user_instances=1024
  ip link show "${PREFIX}0" > /dev/null 2>&1 || ip link add "${PREFIX}0" type bridge
  ip addr replace "$GATEWAY/24" dev "${PREFIX}0"
  ip link set "${PREFIX}0" up
  # docker sets the FORWARD policy to DROP, and bridged frames pass there too (bridge-nf-call-iptables=1)
  for dir in -i -o; do
    iptables -w -C FORWARD "$dir" "${PREFIX}0" -j ACCEPT 2> /dev/null || iptables -w -I FORWARD "$dir" "${PREFIX}0" -j ACCEPT
  done
  for i in $(nodes); do ip route replace "$POD_NET.$i.0/24" via "$(node_ip "$i")" dev "${PREFIX}0"; done
  # ClusterIPs from the root namespace go through node-1
  ip route replace "$SERVICE_NET.0.0/16" via "$(node_ip 1)" dev "${PREFIX}0"
}

# A node that starts gets a new network namespace: rules and bridges of its former life are gone, as after a power cut.
# Its MAC address stays, or its neighbours would send into the void until their ARP entries expire.
node_network() {
  local i=$1 ns=$PREFIX-$1
  ip link del "$PREFIX$i" 2> /dev/null || true
  ip netns del "$ns" 2> /dev/null || true
  ip netns add "$ns"
  ip link add "$PREFIX$i" type veth peer name eth0 netns "$ns" address "02:00:0a:62:00:0$i"
  ip link set "$PREFIX$i" master "${PREFIX}0" up
  ip -n "$ns" addr add "$(node_ip "$i")/24" dev eth0
  ip -n "$ns" link set lo up
  ip -n "$ns" link set eth0 up
  ip -n "$ns" route add default via "$GATEWAY"
}

# every node's routes to the others' pods; repeated when nodes were added
node_routes() {
  local i j
  for i in $(nodes); do for j in $(nodes); do
    [ "$i" = "$j" ] || ip -n "$PREFIX-$i" route replace "$POD_NET.$j.0/24" via "$(node_ip "$j")"
  done; done
}

remove_network() {
  local ns link dir
  for ns in $(ip netns list 2> /dev/null | grep -oE "^$PREFIX-[0-9]+"); do ip netns del "$ns" || true; done
  for link in $(ip -o link show | grep -oE "^[0-9]+: ${PREFIX}[0-9]+" | cut -d' ' -f2); do ip link del "$link" 2> /dev/null || true; done
  for dir in -i -o; do
    while iptables -w -D FORWARD "$dir" "${PREFIX}0" -j ACCEPT 2> /dev/null; do :; done
  done
}
