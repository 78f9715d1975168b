# What all other files agree on: versions, names, addresses and places. No work is done here.
# shellcheck disable=SC2034  # used by the files that are sourced next

KUBERNETES=1.34.4
KAFKA=4.3.1
DEBEZIUM=3.6.0.Final
DEBIAN=bookworm               # of the images: JRE 17, PostgreSQL 15
POSTGRES=15                   # another version: see the end of lib/images.sh

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/sluice/testbed   # products: built once per hash of their inputs
STATE=$CACHE/state            # the running bed: etcd, nodes, volumes, logs; `down` removes it
KUBECONFIG_FILE=$CACHE/kubeconfig
ARCH=$(dpkg --print-architecture 2>/dev/null || echo amd64)

# One bed per machine: these names and networks are the machine's, whatever the cache directory.
PREFIX=slt                    # bridge slt0, veths slt1…, network namespaces slt-1…, cgroups slt-node-1…
NODE_NET=10.98.0; GATEWAY=$NODE_NET.1
POD_NET=10.245                # node N has 10.245.N.0/24
SERVICE_NET=10.97; DNS_IP=$SERVICE_NET.0.10
API_PORT=7443
ETCD_PORT=12389
MAX_NODES=9
ZONES=(- a b c a b c a b c)   # node-1 is in zone a, node-4 again

node_ip() { echo "$NODE_NET.$((10 + $1))"; }
