# The self-test: what the bed claims, one line each. It works in a namespace of its own, but it drains, cuts and kills
# nodes: not beside other tests. `test recovery` cuts the bed itself off in every way we know and brings it back.

PASSED=0 FAILED=0 NS=testbed-selftest
t() { k -n "$NS" "$@"; }

# check SECONDS SENTENCE COMMAND…: true within the time
check() {
  local seconds=$1 sentence=$2 began=${EPOCHREALTIME/[.,]/} tenths word=ok; shift 2
  if within "$seconds" "$@"; then PASSED=$((PASSED + 1)); else word=FAILED FAILED=$((FAILED + 1)); fi
  tenths=$(((${EPOCHREALTIME/[.,]/} - began) / 100000))
  printf '%-6s %5d.%d s  %s\n' "$word" $((tenths / 10)) $((tenths % 10)) "$sentence"
  [ $word = ok ] || { "$@" 2>&1 | tail -n 3 | sed 's/^/         /'; } || true
}
says() { local out; out=$("${@:2}" 2>&1 || true); [[ $out == *"$1"* ]] || { echo "$out"; return 1; }; }
equal() { [ "$1" = "$2" ] || { echo "got '$1', wanted '$2'"; return 1; }; }

selftest() {
  local ours=0
  needs_root
  [ "${1:-}" != recovery ] || { test_recovery; tell; return; }
  [ $# = 0 ] || die "usage: testbed test [recovery]"
  [ "$(instance)" != none ] || ours=1
  (lock; timed "up" up)
  k delete namespace "$NS" --ignore-not-found > /dev/null
  k create namespace "$NS" > /dev/null
  check 20 "a new namespace has its service account" t get serviceaccount default
  test_pods; test_volumes; test_images; test_policy; test_drain; test_cut; test_power
  k delete namespace "$NS" --wait=false > /dev/null
  check 60 "volumes of deleted claims are gone, their loop devices too" no_volumes
  [ $ours = 0 ] || (lock; check 10 "down leaves nothing behind" nothing_after_down)
  tell
}
tell() { echo "$PASSED passed, $FAILED failed"; [ $FAILED = 0 ]; }

ready() { equal "$(t get statefulset "$1" -o jsonpath='{.status.readyReplicas}')" 3; }
nodes_of() { t get pods -l "app=$1" -o jsonpath='{.items[*].spec.nodeName}' | tr ' ' '\n' | sort -u | wc -l; }
get_all() { t exec web-0 -- tool get http://web-{0,1,2}.web."$NS".svc.cluster.local | cut -c1-9 | tr '\n' ' '; }

test_pods() {
  t apply -f "$HERE/manifests/selftest/web.yaml" > /dev/null
  check 60 "a StatefulSet of three is ready" ready web
  check 0 "its pods are in three zones" equal "$(nodes_of web)" 3
  check 5 "pods find each other by name, over all nodes" all_answer
  check 15 "a ClusterIP answers" eval "t exec web-0 -- tool get http://web-vip | grep ^200"
  check 15 "a ClusterIP answers from the host" eval "curl -fs --max-time 2 http://$(t get svc web-vip -o jsonpath='{.spec.clusterIP}')"
  check 3 "a name outside does not exist, and says so at once" eval "t exec web-0 -- tool dns example.org | grep 'no such host'"
  check 5 "logs arrive" t logs web-0
}
all_answer() { equal "$(get_all)" "200 web-0 200 web-1 200 web-2 "; }

test_volumes() {
  local m=/data/more
  t apply -f "$HERE/manifests/selftest/db.yaml" > /dev/null
  check 60 "three pods with a volume each are ready" ready db
  check 0 "a full volume says so" says 'No space left' t exec db-0 -- dd if=/dev/zero of=$m bs=1M count=80
  t patch pvc data-db-0 -p '{"spec":{"resources":{"requests":{"storage":"256Mi"}}}}' > /dev/null
  check 90 "a volume grows while it is used" eval "equal \$(t get pvc data-db-0 -o jsonpath={.status.capacity.storage}) 256Mi"
  check 5 "and its file system with it" t exec db-0 -- dd if=/dev/zero of=$m bs=1M count=150
  t exec db-0 -- rm $m
}

test_images() {
  local f
  t apply -f "$HERE/manifests/selftest/images.yaml" > /dev/null
  check 60 "postgres:15 starts with a database" t wait --for=condition=Ready pod/postgres --timeout=1s
  check 5 "it ran the init script, knows the password and took its arguments" equal "$(t exec postgres -- sh -c "PGPASSWORD='it'\''s \$ecret' \
    psql -h \$(hostname -i) -U angler pond -Atc 'select name from fish; show wal_level; show max_replication_slots'" | xargs)" "trout logical 7"
  check 5 "it runs as 999, postgres" equal "$(t exec postgres -- stat -c '%u %U' /proc/1 | xargs)" "999 postgres"
  check 60 "apache/kafka:4.3.1 starts, pulled from nowhere" t wait --for=condition=Ready pod/kafka --timeout=1s
  check 5 "it runs as 1000, appuser" equal "$(t exec kafka -- stat -c '%u %U' /proc/1 | xargs)" "1000 appuser"
  check 90 "debezium/connect:3.6.0.Final joins that broker" t wait --for=condition=Ready pod/connect --timeout=1s
  f=$(t exec web-0 -- tool get http://connect:8083/connector-plugins | grep -oE 'io.debezium.connector.(postgresql.PostgresConnector|jdbc.JdbcSinkConnector)"' | sort -u | wc -l)
  check 0 "with the PostgreSQL source and the JDBC sink" equal "$f" 2
  f=$(mktemp -d)
  image testbed/curl:dev "$f/curl.tar" "$(command -v curl)"
  check 20 "an image packed from a binary loads into every node" load "$f/curl.tar"
  rm -r "$f"
  t run curl --image=testbed/curl:dev --image-pull-policy=Never --restart=Never --overrides='{"spec":{"securityContext":{"runAsNonRoot":true}}}' \
    -- -fsS http://web-vip > /dev/null
  check 20 "and runs, not as root, with names and libraries" eval "t logs curl | grep '^web-.* saw'"
  t delete pod kafka connect postgres curl --wait=false > /dev/null
}

test_policy() {
  t run client --image=testbed/tool:1 --labels=role=no --command -- sleep 9999 > /dev/null
  t wait --for=condition=Ready pod/client --timeout=30s > /dev/null
  check 5 "without a policy everything passes" client_gets "200 200 200 "
  t create -f - > /dev/null << P
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p},
 spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {role: ok}}}]}]}}
P
  check 10 "a NetworkPolicy denies" client_gets "ERR ERR ERR "
  t label pod client role=ok --overwrite > /dev/null
  check 10 "and allows" client_gets "200 200 200 "
  t delete networkpolicy p > /dev/null
  t delete pod client --now > /dev/null
}
client_gets() { equal "$(t exec client -- tool get http://web-{0,1,2}.web."$NS".svc.cluster.local | cut -c1-3 | tr '\n' ' ')" "$1"; }

condition() { equal "$(k get node "$1" -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}')" "$2"; }
node_of() { t get pod "$1" -o jsonpath='{.spec.nodeName}'; }
all_ready() { ready web && ready db; }

test_drain() {
  local n m; n=$(node_of web-0) m=$(node_of web-1)
  check 0 "a node is drained" k drain "$n" --ignore-daemonsets --delete-emptydir-data --force --timeout=60s
  sleep 1   # the budget's controller has seen it
  check 0 "a second one is not: the disruption budget" says "disruption budget" k drain "$m" --pod-selector=app=web --timeout=4s
  k uncordon "$n" "$m" > /dev/null
  check 60 "after uncordon all are ready" all_ready
}

test_cut() {
  local n i; n=$(node_of web-1) i=${n#node-}
  node_cut "$i"
  check 60 "a node without network becomes Unknown" condition "$n" Unknown
  check 0 "its processes go on" node_pid "$i"
  node_heal "$i"
  check 60 "healed, it is Ready again" condition "$n" True
  check 90 "and all pods are" all_ready
}

test_power() {
  local n i p; n=$(node_of db-0) i=${n#node-}
  node_kill "$i"
  check 60 "a node without power becomes Unknown" condition "$n" Unknown
  check 60 "its pods are evicted" eval "t get pod db-0 -o jsonpath={.metadata.deletionTimestamp} | grep -q ."
  node_up "$i"; node_routes
  check 60 "with power it is Ready again" condition "$n" True
  check 90 "and all pods are" all_ready
  p=$(t exec db-0 -- sh -c 'sort -u /data/starts; wc -l < /data/starts' | xargs)
  check 0 "db-0 is back with its data (name, starts: $p)" eval "[[ '$p' =~ ^db-0\ [2-9]$ ]]"
}

no_volumes() { equal "$(k get pv -o name; losetup -ln -O BACK-FILE | grep -F "$STATE/")" ""; }

leftovers() { # what of ours is on this machine
  pids_any | sed 's/^/process /'
  ip netns list | grep "^$PREFIX-" || true
  ip -o link show | grep -oE " ${PREFIX}[0-9]+[:@]" || true
  ip route show | grep -e "$POD_NET" -e "$SERVICE_NET\.0" -e "$NODE_NET" || true
  iptables -w -S FORWARD | grep "${PREFIX}0" || true
  losetup -ln -O BACK-FILE | grep -F "$CACHE" || true
  grep -F "$CACHE" /proc/mounts || true
  for h in $(cgroup_hierarchies); do ls -d "$h/$PREFIX"-node-* 2> /dev/null || true; done
  ls -d "$STATE" 2> /dev/null || true
}
nothing_after_down() { sweep; equal "$(leftovers)" ""; }
