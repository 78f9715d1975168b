# The recovery test: the bed is cut off in every way we know of, and must come back. It runs on a copy of the cache
# (hard links), so that the cache itself can be lost; no other bed may run meanwhile.

test_recovery() {
  local other at part
  other=$( (pids_any; beds_elsewhere) | head -n 1)
  [ -z "$other" ] || die "test recovery: a bed runs; testbed down first"
  (lock; timed "build" build)
  SCRATCH=${CACHE%/testbed}/recovery
  copy_cache
  trap 'bed down 2> /dev/null; rm -rf "$SCRATCH"' EXIT

  for at in 0.7 2 3.5 5 7; do
    cut_off "$at" up
    check 0 "up works after an up that was killed at $at s" bed_up
    check 0 "all parts run, all nodes are Ready" all_parts
    [ "$at" = 3.5 ] || bed down 2> /dev/null    # one more goes on with a bed that runs
  done
  bed up 2> /dev/null
  check 0 "down after a down that was killed leaves nothing behind" down_twice

  bed_up > /dev/null 2>&1
  bed_k create deployment web --image=testbed/tool:1 --replicas=3 -- tool serve :80 > /dev/null
  check 20 "three pods run" web_runs
  for part in etcd kube-apiserver kube-controller-manager kube-scheduler csi-controller csi-provisioner csi-resizer netpol node-1; do
    end_processes bed_pids "$part"
  done
  check 0 "up heals a bed that lost every process but two nodes'" bed_up
  check 30 "all parts run, all nodes are Ready" all_parts
  check 60 "the three pods run again" web_runs
  end_processes bed_pids
  check 0 "up works after SIGKILL of everything" bed_up
  check 30 "all parts run, all nodes are Ready" all_parts
  check 90 "the three pods run again" web_runs

  echo not-this-boot > "$SCRATCH/sluice/testbed/state/boot"
  end_processes bed_pids
  check 0 "up works after a restart of the machine, with a fresh cluster" bed_up
  check 30 "all parts run, all nodes are Ready" all_parts
  check 0 "the old one's objects are gone" eval "! bed_k get deployment web"

  rm -rf "$SCRATCH"
  copy_cache
  check 0 "up works after the whole cache was removed under a running bed" bed_up
  check 30 "all parts run, all nodes are Ready" all_parts
  rm -rf "$SCRATCH"
  check 0 "down leaves nothing behind when the cache was removed" bed_down

  copy_cache
  litter
  check 0 "up works with links, namespaces, rules and groups of an unknown past" bed_up
  check 30 "all parts run, all nodes are Ready" all_parts
  head -c 3000000 "$(place image_small)/coredns.tar" > "$SCRATCH/half.tar"
  check 0 "half an image archive is refused" eval "! bed load $SCRATCH/half.tar"
  check 0 "a whole one loads after that" bed load "$(place image_small)/coredns.tar"
  check 0 "down leaves nothing behind" bed_down

  for at in 0.3 1.5 6; do
    rm -rf "$SCRATCH"/sluice/testbed/{seed,image_small,jre}-*
    cut_off "$at" build
    check 0 "build works after a build that was killed at $at s" bed build
  done
  check 0 "up works with what was rebuilt" bed_up
  check 0 "down leaves nothing behind" bed_down
}

copy_cache() {
  local name
  mkdir -p "$SCRATCH/sluice/testbed"
  for name in "${!INPUTS[@]}"; do cp -al "$(place "$name")" "$SCRATCH/sluice/testbed/"; done
}
bed() { XDG_CACHE_HOME=$SCRATCH "$HERE/testbed" "$@"; }
bed_k() { "$CACHE/bin/kubectl" --kubeconfig "$SCRATCH/sluice/testbed/kubeconfig" "$@"; }
bed_up() { bed up; }
bed_pids() { CACHE=$SCRATCH/sluice/testbed; STATE=$CACHE/state pids_any "$@"; }
bed_leftovers() (CACHE=$SCRATCH/sluice/testbed; STATE=$CACHE/state; leftovers)
bed_down() { bed down && equal "$(bed_leftovers)" ""; }
down_twice() { cut_off 0.3 down; bed_down; }
web_runs() { # by a command in each, as status is stale for seconds after a power cut
  local pods pod
  pods=$(bed_k get pods -l app=web --field-selector=status.phase=Running -o name)
  equal "$(wc -w <<< "$pods")" 3 || return
  for pod in $pods; do bed_k exec "$pod" -- tool get http://localhost || return; done
}
all_parts() { ! bed status | grep MISSING && bed_k wait --for=condition=Ready node --all --timeout=20s; }

cut_off() { # SECONDS COMMAND…: SIGKILL to the command and all that it started in its session
  local pid
  XDG_CACHE_HOME=$SCRATCH setsid "$HERE/testbed" "${@:2}" > /dev/null 2>&1 < /dev/null & pid=$!
  disown
  sleep "$1"
  kill -9 -- "-$pid" 2> /dev/null || true
}

litter() {
  ip link add "${PREFIX}0" type bridge
  ip netns add "$PREFIX-1"; ip netns add "$PREFIX-7"
  ip link add "${PREFIX}1" type veth peer name x0
  ip link add "${PREFIX}7" type veth peer name eth0 netns "$PREFIX-7"
  iptables -w -I FORWARD -i "${PREFIX}0" -j ACCEPT
  mkdir -p "/sys/fs/cgroup/memory/$PREFIX-node-1/kubepods/old"
  mkdir -p "$SCRATCH/sluice/testbed/state/node-1/csi"     # a state without an instance, with a volume in use
  truncate -s 300M "$SCRATCH/sluice/testbed/state/node-1/csi/img"
  losetup -f "$SCRATCH/sluice/testbed/state/node-1/csi/img"
}
