# What must be on the machine: root, Debian packages (installed here when missing), Go. One line says what is not there.

PACKAGES=(containerd runc containernetworking-plugins iptables nftables iproute2 conntrack ethtool socat debootstrap
  busybox-static xfsprogs util-linux jq openssl curl python3 ca-certificates)

needs_root() { [ "$(id -u)" = 0 ] || die "root is needed: namespaces, mounts and packages. Run it with sudo."; }

needs_packages() { # of Debian, by name
  local missing=() p
  command -v apt-get dpkg-query > /dev/null || die "Debian 12 is needed (apt-get not found); on this system point KUBECONFIG to a cluster instead."
  for p; do dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2> /dev/null | grep -q '^.i' || missing+=("$p"); done
  [ ${#missing[@]} = 0 ] || timed "installed ${missing[*]}" install_packages "${missing[@]}"
}

install_packages() {
  local log=$CACHE/log/apt.log; mkdir -p "${log%/*}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y -qq --no-install-recommends "$@" > "$log" 2>&1 < /dev/null && return
  # package lists may be absent or old
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } >> "$log" 2>&1 < /dev/null ||
    die "Debian packages could not be installed: $*. Install them by hand; log: $log"
}

needs_go() {
  local v
  command -v go > /dev/null || die "Go 1.21 or newer is needed to build Kubernetes (Debian 12's is too old): see https://go.dev/dl"
  v=$(go env GOVERSION); v=${v#go1.}; v=${v%%[!0-9]*}
  ((v >= 21)) || die "Go 1.21 or newer is needed to build Kubernetes; here is $(go env GOVERSION). See https://go.dev/dl"
}

needs_maven() { command -v mvn java > /dev/null || needs_packages maven default-jre-headless; }
