# Recipes of binaries, jars and certificates. `build_NAME DIR` fills DIR; INPUTS[NAME] says what it depends on.

INPUTS[kubernetes]="$HERE/go/kubernetes $KUBERNETES"
build_kubernetes() { # every component and kubectl are one binary that looks at its name
  local v=k8s.io/component-base/version
  go_build kubernetes . "$1/kubernetes" "-X $v.gitVersion=v$KUBERNETES -X $v.gitMajor=1 -X $v.gitMinor=34"
  ln -s kubernetes "$1/kubectl"
}

INPUTS[csi]="$HERE/go/csi"
build_csi() {
  go_build csi github.com/kubernetes-csi/external-provisioner/v5/cmd/csi-provisioner "$1/csi-provisioner"
  go_build csi github.com/kubernetes-csi/external-resizer/cmd/csi-resizer "$1/csi-resizer"
  go_build csi ./driver "$1/csi-loop"
}

INPUTS[netpol]="$HERE/go/netpol"
build_netpol() { go_build netpol . "$1/netpol"; }

INPUTS[coredns]="$HERE/go/coredns"
build_coredns() { go_build coredns . "$1/coredns"; }

INPUTS[tool]="$HERE/go/tool"
build_tool() { go_build tool . "$1/tool"; }

INPUTS[helm]="$HERE/go/helm"
build_helm() { go_build helm helm.sh/helm/v3/cmd/helm "$1/helm" "-X helm.sh/helm/v3/internal/version.version=v3.22.0"; }

go_build() { # FOLDER PACKAGE OUT [LDFLAGS]
  (cd "$HERE/go/$1" && CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath -ldflags="-s -w ${4:-}" -o "$3" "$2")
}

INPUTS[kafka]="$HERE/images/kafka.pom.xml $KAFKA"
build_kafka() {
  mvn -q -B -C -f "$HERE/images/kafka.pom.xml" -Dkafka.version="$KAFKA" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$1/libs"
}

INPUTS[debezium]="$DEBEZIUM"
build_debezium() { # plugin folders as in the public image, drivers included
  local p
  mkdir "$1/plugins"
  for p in postgres jdbc; do
    mvn -q -B -C dependency:copy -DoutputDirectory="$1" \
      -Dartifact="io.debezium:debezium-connector-$p:$DEBEZIUM:tar.gz:plugin"
    tar -C "$1/plugins" -xzf "$1/debezium-connector-$p-$DEBEZIUM-plugin.tar.gz"
  done
  rm "$1"/*.tar.gz
}

INPUTS[pki]="$GATEWAY $SERVICE_NET $API_PORT $MAX_NODES"
build_pki() {
  local i
  cd "$1" || return
  ec_key ca; openssl req -x509 -new -key ca.key -out ca.crt -days 3650 -subj /CN=sluice-testbed
  openssl genrsa -out sa.key 2048; openssl rsa -in sa.key -pubout -out sa.pub
  certificate apiserver /CN=kube-apiserver "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,$(
    )DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:$SERVICE_NET.0.1,IP:$GATEWAY"
  certificate kubelet-client /O=system:masters/CN=kubelet-client DNS:kubelet-client
  identity admin /O=system:masters/CN=admin DNS:admin
  identity controller-manager /CN=system:kube-controller-manager DNS:controller-manager
  identity scheduler /CN=system:kube-scheduler DNS:scheduler
  identity proxy /CN=system:kube-proxy DNS:proxy
  for i in $(seq "$MAX_NODES"); do
    identity "node-$i" "/O=system:nodes/CN=system:node:node-$i" "DNS:node-$i,IP:$(node_ip "$i")"
  done
  chmod -R go= .
}
ec_key() { openssl ecparam -genkey -name prime256v1 -noout -out "$1.key"; }
certificate() { # NAME SUBJECT ALTERNATIVE-NAMES
  ec_key "$1"
  openssl req -new -key "$1.key" -subj "$2" | openssl x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 \
    -out "$1.crt" -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$3")
}
identity() { # a certificate and a kubeconfig that holds it
  certificate "$@"
  cat > "$1.kubeconfig" << K
apiVersion: v1
kind: Config
current-context: sluice-testbed
contexts: [{name: sluice-testbed, context: {cluster: sluice-testbed, user: $1}}]
clusters: [{name: sluice-testbed, cluster: {server: "https://$GATEWAY:$API_PORT", certificate-authority-data: $(base64 -w0 ca.crt)}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}}]
K
}
