# The whole bed: up, down, status. `up` starts what is missing and touches nothing that runs.

k() { "$(place kubernetes)/kubectl" --kubeconfig "$KUBECONFIG_FILE" "$@"; }

build() {
  needs_root; needs_packages "${PACKAGES[@]}"; needs_go; needs_maven
  end_processes pids_any build-seed
  side_by_side "kubernetes csi netpol tool coredns helm" "pki kafka debezium base jre postgres libs"
  product image_kafka image_connect image_postgres image_small seed
  links
}

build_only() { # PRODUCT…, without root where the product does without
  local name
  for name; do declare -F "build_$name" > /dev/null || die "build: no product $name; there are: ${!INPUTS[*]}"; done
  needs_go
  product "$@"
}

# stable paths beside the keyed ones
links() {
  mkdir -p "$CACHE/bin" "$CACHE/kafka-$KAFKA"
  ln -sfn "$(place kubernetes)/kubectl" "$CACHE/bin/kubectl"
  ln -sfn "$(place helm)/helm" "$CACHE/bin/helm"
}

up() {
  local count=${1:-}
  needs_packages "${PACKAGES[@]}"
  check_networks
  build
  fresh_or_same
  count=${count:-$(cat "$STATE/nodes" 2> /dev/null || echo 3)}
  ((count >= 1 && count <= MAX_NODES)) || die "up: --nodes is 1 to $MAX_NODES"
  ((count >= $(cat "$STATE/nodes" 2> /dev/null || echo 0))) || die "up: $(cat "$STATE/nodes") nodes run; for fewer: testbed down first"
  echo "$count" > "$STATE/nodes"
  network
  timed "API server ready" control_plane
  timed "nodes started" start_nodes
  timed "nodes, volumes, policy, DNS ready" start_services
  say "export KUBECONFIG=$KUBECONFIG_FILE"
}

# A state directory without its boot, or a machine that was restarted (etcd does not fsync): begin anew.
fresh_or_same() {
  local boot other; boot=$(< /proc/sys/kernel/random/boot_id)
  other=$(beds_elsewhere)
  [ -z "$other" ] || die "another bed runs on this machine: $other. Stop it first: XDG_CACHE_HOME=${other%/sluice/testbed/state} $HERE/testbed down"
  if [ "$(instance)" = none ] || [ "$(cat "$STATE/boot" 2> /dev/null)" != "$boot" ]; then
    sweep
    mkdir -p "$STATE/log"
    cp -r "$(place pki)" "$STATE/pki"
    # pods see no name server but the cluster's
    echo 'options ndots:1' > "$STATE/resolv.conf"
    echo "$boot" > "$STATE/boot"
    echo "$(date +%s)-$$" > "$STATE/instance"      # last: without it the state is not whole
  fi
  end_processes pids_stale
  install -m 600 "$STATE/pki/admin.kubeconfig" "$KUBECONFIG_FILE"
}

control_plane() {
  local b p=$STATE/pki; b=$(place kubernetes)/kubernetes
  part etcd "$b" etcd --data-dir "$STATE/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "http://127.0.0.1:$ETCD_PORT" --advertise-client-urls "http://127.0.0.1:$ETCD_PORT" \
    --listen-peer-urls "http://127.0.0.1:$((ETCD_PORT + 1))" --initial-advertise-peer-urls "http://127.0.0.1:$((ETCD_PORT + 1))" \
    --initial-cluster "default=http://127.0.0.1:$((ETCD_PORT + 1))"
  # kubelets by IP, or logs and exec fail by DNS; webhooks go to pods; a dead node's pods are evicted after 20 s
  GOGC=300 part kube-apiserver "$b" kube-apiserver --etcd-servers="http://127.0.0.1:$ETCD_PORT" --secure-port="$API_PORT" \
    --bind-address=0.0.0.0 --advertise-address="$GATEWAY" --client-ca-file="$p/ca.crt" \
    --tls-cert-file="$p/apiserver.crt" --tls-private-key-file="$p/apiserver.key" \
    --kubelet-client-certificate="$p/kubelet-client.crt" --kubelet-client-key="$p/kubelet-client.key" \
    --kubelet-preferred-address-types=InternalIP --enable-aggregator-routing=true --allow-privileged=true \
    --service-account-key-file="$p/sa.pub" --service-account-signing-key-file="$p/sa.key" \
    --service-account-issuer=https://kubernetes.default.svc --service-cluster-ip-range="$SERVICE_NET.0.0/16" \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
    --default-not-ready-toleration-seconds=20 --default-unreachable-toleration-seconds=20
  within 40 api_ready || die "the API server does not become ready; logs: $STATE/log/{etcd,kube-apiserver}.log"
  part kube-controller-manager "$b" kube-controller-manager --kubeconfig="$p/controller-manager.kubeconfig" \
    --service-account-private-key-file="$p/sa.key" --root-ca-file="$p/ca.crt" --use-service-account-credentials \
    --cluster-signing-cert-file="$p/ca.crt" --cluster-signing-key-file="$p/ca.key" --leader-elect=false \
    --allocate-node-cidrs=false --node-monitor-period=2s --node-monitor-grace-period=16s
  part kube-scheduler "$b" kube-scheduler --kubeconfig="$p/scheduler.kubeconfig" --leader-elect=false
}
api_ready() { curl -fs --max-time 2 --cacert "$STATE/pki/ca.crt" "https://$GATEWAY:$API_PORT/readyz"; }

start_nodes() {
  local i
  for i in $(nodes); do node_object "$i"; done | k apply -f - > /dev/null
  for i in $(nodes); do node_up "$i"; node_heal "$i"; done
  node_routes
}

start_services() {
  local csi; csi=$(place csi)
  part csi-controller "$csi/csi-loop" controller "$STATE/csi.sock" "$STATE"
  part csi-provisioner "$csi/csi-provisioner" --csi-address="$STATE/csi.sock" --kubeconfig="$KUBECONFIG_FILE" --default-fstype=xfs \
    --feature-gates=Topology=true --strict-topology --leader-election=false --retry-interval-start=200ms
  part csi-resizer "$csi/csi-resizer" --csi-address="$STATE/csi.sock" --kubeconfig="$KUBECONFIG_FILE" --leader-election=false \
    --handle-volume-inuse-error=false --retry-interval-start=200ms
  part netpol env KUBECONFIG="$KUBECONFIG_FILE" "$(place netpol)/netpol" "/run/netns/$PREFIX-*"
  k apply -f "$HERE/manifests/storage.yaml" -f "$HERE/manifests/dns.yaml" > /dev/null
  k wait --for=condition=Ready node --all --timeout=60s > /dev/null || die "a node does not become Ready; logs: $STATE/node-*/log/"
  within 30 csi_everywhere || die "the CSI driver is not registered on each node; logs: $STATE/node-*/log/csi.log"
  within 30 k -n default get serviceaccount default || die "no service accounts; log: $STATE/log/kube-controller-manager.log"
  within 60 dns_ready || die "CoreDNS does not become ready: kubectl -n kube-system describe pod -l app=coredns"
}
csi_everywhere() { [ "$(k get csinode -o json | jq '[.items[] | select(.spec.drivers != null)] | length')" = "$(cat "$STATE/nodes")" ]; }
dns_ready() { [ "$(k -n kube-system get deploy coredns -o json | jq '.status.readyReplicas == 1 and .status.observedGeneration == .metadata.generation')" = true ]; }

down() { timed "stopped and removed" sweep; }

# Everything of ours on this machine, whatever is left of it and whoever cut it off
sweep() {
  local dev
  end_processes pids_any
  remove_network
  remove_cgroups "$PREFIX-node-*"
  # an image that is mounted nowhere any more; a mounted one goes with its mount namespace
  { losetup -ln -O NAME,BACK-FILE || true; } | awk -v s="$STATE/" 'index($2, s) == 1 {print $1}' |
    while read -r dev; do losetup -d "$dev" 2> /dev/null || true; done
  rm -f "$KUBECONFIG_FILE"
  # thousands of files: out of the way now, removed behind our back
  [ ! -e "$STATE" ] || mv "$STATE" "$CACHE/.old-$(date +%s%N)"
  setsid rm -rf "$CACHE"/.old-* > /dev/null 2>&1 < /dev/null 9>&- &
}

status() {
  local part
  [ "$(instance)" != none ] || { echo "no bed runs"; exit 3; }
  for part in etcd kube-apiserver kube-controller-manager kube-scheduler csi-controller csi-provisioner csi-resizer netpol \
    $(nodes | sed 's/^/node-/'); do
    runs "$part" && echo "runs     $part" || echo "MISSING  $part"
  done
  k get nodes -o wide -L topology.kubernetes.io/zone 2>&1 || true
  pids_any | memory
}

memory() { # PSS counts the pages of the one binary once
  local pid n=0 sum=0 kb
  while read -r pid; do
    kb=$(awk '/^Pss:/ {print $2}' "/proc/$pid/smaps_rollup" 2> /dev/null || true)
    n=$((n + 1)) sum=$((sum + ${kb:-0}))
  done
  echo "$n processes of the bed itself (without pods): $((sum / 1024)) MiB (PSS)"
}

load() {
  local tar i pids=() pid
  [ $# -gt 0 ] || die "usage: testbed load IMAGE.tar…"
  for tar; do [ -r "$tar" ] || die "load: cannot read $tar"; done
  [ "$(instance)" != none ] || die "load: no bed runs: testbed up"
  for i in $(nodes); do (set -e; for tar; do load_one "$i" "$tar"; done) & pids+=($!); done
  for pid in "${pids[@]}"; do wait "$pid" || die "load: an import failed; logs: $STATE/log/load-*.log"; done
}
load_one() { node_exec "$1" ctr -n k8s.io images import - < "$2" > "$STATE/log/load-$1.log" 2>&1; }
