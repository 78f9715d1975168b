# Recipes of container images: Debian layers made by debootstrap, small trees on top, packed by images/pack.py.
# They carry the public images' names and paths, so that the same manifests run on a cluster with internet.

P=$HERE/images/pack.py

INPUTS[base]="$DEBIAN"
build_base() { # `root` stays for the layers above; docs and package lists do not go into the image
  local junk=(usr/share/doc usr/share/man usr/share/locale usr/share/info var/cache var/lib/apt var/log dev proc sys)
  debootstrap --variant=minbase --include=ca-certificates "$DEBIAN" "$1/root"
  # security updates come from where this machine has its own
  local sources
  for sources in sources.list sources.list.d/debian.sources; do
    [ ! -s "/etc/apt/$sources" ] || cp "/etc/apt/$sources" "$1/root/etc/apt/sources.list.d/host-${sources##*/}"
  done
  [ ! -f "$1/root/etc/apt/sources.list.d/host-sources.list" ] ||
    mv "$1/root/etc/apt/sources.list.d/host-sources.list" "$1/root/etc/apt/sources.list.d/host.list"
  printf 'path-exclude /usr/share/%s/*\n' doc man locale info > "$1/root/etc/dpkg/dpkg.cfg.d/slim"
  tar -C "$1/root" --numeric-owner --sort=name --mtime=@0 "${junk[@]/#/--exclude=./}" -cf "$1/layer.tar" .
}

INPUTS[jre]="@base"
build_jre() { debian_layer "$1" "" openjdk-17-jre-headless; }

INPUTS[postgres]="@base $POSTGRES"
build_postgres() { # without LLVM (120 MB): PostgreSQL does without its JIT when the library is not there
  debian_layer "$1" "groupadd -g 999 postgres
    useradd -u 999 -g postgres -d /var/lib/postgresql -s /bin/bash postgres
    mkdir -p /var/run/postgresql /etc/postgresql-common
    chown postgres:postgres /var/run/postgresql; chmod 3777 /var/run/postgresql
    echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf" \
    "postgresql-$POSTGRES" --exclude='*/libLLVM*' --exclude='*/llvmjit*' --exclude='*/bitcode'
}

# debian_layer DIR PREPARE PACKAGE [TAR-OPTION…]: DIR/layer.tar is what installing the package adds to the base.
# In a mount namespace of its own, so that a cut-off build leaves no mounts.
debian_layer() {
  local dir=$1 prepare=$2 package=$3 lower; shift 3
  lower=$(place base)/root
  mkdir "$dir/upper" "$dir/work" "$dir/merged"
  # shellcheck disable=SC2016
  unshare --mount bash -euc '
    cd "$1"; mount -t overlay overlay -o "lowerdir=$2,upperdir=upper,workdir=work" merged
    mount -t proc proc merged/proc
    cp -L /etc/resolv.conf merged/etc/resolv.conf
    printf "#!/bin/sh\nexit 101\n" > merged/usr/sbin/policy-rc.d; chmod +x merged/usr/sbin/policy-rc.d
    chroot merged /bin/bash -euxc "
      export DEBIAN_FRONTEND=noninteractive
      $3
      apt-get update -qq
      apt-get install -y -qq --no-install-recommends $4"
  ' - "$dir" "$lower" "$prepare" "$package"
  # what the installation removed from the base, in the way image layers say it
  find "$dir/upper" -type c | while read -r gone; do rm "$gone"; touch "${gone%/*}/.wh.${gone##*/}"; done
  tar -C "$dir/upper" --numeric-owner --sort=name --mtime=@0 --exclude=./etc/resolv.conf --exclude=./usr/sbin/policy-rc.d \
    --exclude=./var/cache --exclude=./var/lib/apt --exclude=./var/log --exclude=./tmp --exclude=./proc "$@" \
    -cf "$dir/layer.tar" .
  rm -rf "$dir/upper" "$dir/work" "$dir/merged"
}

# with_user TREE UID NAME HOME: the base's accounts and one more
with_user() {
  local base; base=$(place base)/root/etc
  mkdir -p "$1/etc"
  { cat "$base/passwd"; echo "$3:x:$2:$2::$4:/bin/sh"; } > "$1/etc/passwd"
  { cat "$base/group"; echo "$3:x:$2:"; } > "$1/etc/group"
}

layer_of() { echo "$(place "$1")/layer.tar"; }
java_env='"PATH=/opt/java/openjdk/bin:/usr/local/bin:/usr/bin:/bin","JAVA_HOME=/opt/java/openjdk","LANG=C.UTF-8"'

INPUTS[libs]="@kafka @base $P"
build_libs() { # one layer for both Java images: Kafka's jars and the place where apache/kafka has its JRE
  mkdir -p "$1/tree/opt/kafka" "$1/tree/opt/java" "$1/tree/kafka/config"
  cp -r "$(place kafka)/libs" "$1/tree/opt/kafka/libs"
  ln -s "/usr/lib/jvm/java-17-openjdk-$ARCH" "$1/tree/opt/java/openjdk"
  ln -s /opt/kafka/libs "$1/tree/kafka/libs"
}

INPUTS[archives]="@base @jre @libs $HERE/images/archives.sh"
build_archives() { # as apache/kafka has them (docker/jvm/jsa_launch): the classes that formatting and running a node load
  mkdir -p "$1/root" "$1/tree/opt/kafka"
  tar -C "$1/root" -xf "$(layer_of base)"
  tar -C "$1/root" -xf "$(layer_of jre)"
  cp -a "$(place libs)/tree/." "$1/root/"
  find "$1/root/opt/kafka/libs" -exec touch -h -d @0 {} +   # an archive knows its jars by size and time: those of the image
  install -m 755 "$HERE/images/archives.sh" "$1/root/archives.sh"
  # shellcheck disable=SC2016
  unshare --mount --net --pid --fork --kill-child bash -euc '
    ip link set lo up
    mkdir -p "$1/root/proc" "$1/root/dev"
    mount -t proc proc "$1/root/proc"
    mount --rbind /dev "$1/root/dev"
    chroot "$1/root" /archives.sh' - "$1"
  mv "$1/root/opt/kafka/"*.jsa "$1/tree/opt/kafka/"
  chmod 644 "$1/tree/opt/kafka/"*.jsa
  rm -rf "$1/root"
}

INPUTS[image_kafka]="@base @jre @libs @archives $P $KAFKA"
build_image_kafka() {
  with_user "$1/tree" 1000 appuser /home/appuser
  "$P" "$1/image.tar" "docker.io/apache/kafka:$KAFKA" "$ARCH" "{\"User\":\"appuser\",\"Env\":[$java_env]}" \
    "$(layer_of base)" "$(layer_of jre)" "$(place libs)/tree=/" "$(place archives)/tree=/" "$1/tree=/"
}

INPUTS[image_connect]="@base @jre @libs @debezium $P $DEBEZIUM"
build_image_connect() {
  with_user "$1/tree" 1001 kafka /kafka
  "$P" "$1/image.tar" "quay.io/debezium/connect:$DEBEZIUM" "$ARCH" \
    "{\"User\":\"kafka\",\"WorkingDir\":\"/kafka\",\"Env\":[$java_env,\"KAFKA_HOME=/kafka\"]}" \
    "$(layer_of base)" "$(layer_of jre)" "$(place libs)/tree=/" "$(place debezium)/plugins=/kafka/connect" "$1/tree=/"
}

INPUTS[image_postgres]="@base @postgres $P $HERE/images/postgres-entrypoint.sh $POSTGRES"
build_image_postgres() {
  mkdir -p "$1/tree/usr/local/bin" "$1/tree/docker-entrypoint-initdb.d"
  install -m 755 "$HERE/images/postgres-entrypoint.sh" "$1/tree/usr/local/bin/docker-entrypoint.sh"
  "$P" "$1/image.tar" "docker.io/library/postgres:$POSTGRES" "$ARCH" \
    "{\"Entrypoint\":[\"docker-entrypoint.sh\"],\"Cmd\":[\"postgres\"],\"StopSignal\":\"SIGINT\",
      \"Volumes\":{\"/var/lib/postgresql/data\":{}},\"Env\":[\"LANG=C.UTF-8\",\"PGDATA=/var/lib/postgresql/data\",
      \"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/$POSTGRES/bin\"]}" \
    "$(layer_of base)" "$(layer_of postgres)" "$1/tree=/"
}

INPUTS[image_small]="@tool @coredns $P"
build_image_small() { # pause, CoreDNS, busybox with our `tool`
  local applet bb=$1/busybox
  mkdir -p "$1/pause" "$1/coredns" "$bb/bin" "$bb/tmp" "$bb/etc"; chmod 1777 "$bb/tmp"
  cp "$(place tool)/tool" "$1/pause/pause"
  "$P" "$1/pause.tar" registry.k8s.io/pause:3.10 "$ARCH" '{"Entrypoint":["/pause","pause"],"User":"65535:65535"}' "$1/pause=/"
  cp "$(place coredns)/coredns" "$1/coredns/"
  "$P" "$1/coredns.tar" docker.io/coredns/coredns:1.14.7 "$ARCH" '{"Entrypoint":["/coredns"]}' "$1/coredns=/"
  cp /bin/busybox "$(place tool)/tool" "$bb/bin/"
  for applet in $(/bin/busybox --list); do [ -e "$bb/bin/$applet" ] || ln -s busybox "$bb/bin/$applet"; done
  printf 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' > "$bb/etc/passwd"
  "$P" "$1/busybox.tar" docker.io/library/busybox:1.35,docker.io/testbed/tool:1 "$ARCH" '{"Cmd":["sh"],"Env":["PATH=/bin"]}' "$bb=/"
}

# The seed: a containerd root with all images imported; each node starts from hard links to it (lib/node.sh).
INPUTS[seed]="@image_small @image_kafka @image_connect @image_postgres"
build_seed() {
  local d=$1 image
  printf 'version = 2\nroot = "%s"\nstate = "%s"\n[grpc]\naddress = "%s"\n' "$d/seed" "$d/run" "$d/sock" > "$d/config.toml"
  PART_LOG=$CACHE/log part build-seed containerd -c "$d/config.toml"
  within 20 ctr -a "$d/sock" version
  for image in "$(place image_small)"/*.tar "$(place image_kafka)/image.tar" "$(place image_connect)/image.tar" "$(place image_postgres)/image.tar"; do
    ctr -a "$d/sock" -n k8s.io images import "$image"
  done
  end_processes pids_of build-seed
  rm -rf "$d/run" "$d/sock"
}

# image NAME OUT.tar BINARY [FILE=/path…]: an image of a binary with the shared libraries it links to, the dynamic
# loader and CA certificates, nothing else; it runs as user 65532. FILE may be a second binary, a script, a folder.
image() {
  [ $# -ge 3 ] || die "usage: testbed image NAME:TAG OUT.tar BINARY [FILE=/path/in/image…]"
  local name=$1 out=$2 binary=$3 tree f; shift 3
  [[ ${name##*/} == *:* ]] || die "image: the name needs a tag: $name:dev"
  # as the kubelet will call it: `sluice:dev` is docker.io/library/sluice:dev
  [[ $name == */* ]] || name=library/$name
  [[ $name =~ ^(localhost|[^/]*[.:][^/]*)/ ]] || name=docker.io/$name
  [ -x "$binary" ] || die "image: no such binary: $binary"
  mkdir -p "$CACHE"; tree=$(mktemp -d "$CACHE/.new-image.XXXXXX")
  mkdir -p "$tree/etc/ssl/certs"
  cp -L /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
  echo 'nonroot:x:65532:65532:nonroot:/:/sbin/nologin' > "$tree/etc/passwd"
  echo 'nonroot:x:65532:' > "$tree/etc/group"
  for f in "$binary=/usr/local/bin/${binary##*/}" "$@"; do
    mkdir -p "$tree/$(dirname "${f#*=}")"
    cp -rL "${f%%=*}" "$tree/${f#*=}"
    [ -d "${f%%=*}" ] || with_libraries "${f%%=*}" "$tree"
  done
  chmod -R go=u-w "$tree"
  "$P" "$out" "$name" "$ARCH" "{\"User\":\"65532:65532\",\"Entrypoint\":[\"/usr/local/bin/${binary##*/}\"],
    \"Env\":[\"PATH=/usr/local/bin:/usr/bin:/bin\",\"SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt\"]}" "$tree=/"
  rm -rf "$tree"
}
with_libraries() { # BINARY TREE
  local lib
  for lib in $( (ldd "$1" 2> /dev/null || true) | grep -oE '/[^ ]+' | sort -u); do
    mkdir -p "$2/${lib%/*}"; cp -L "$lib" "$2/$lib"
  done
}

# Another PostgreSQL: DEBIAN and POSTGRES go together (bullseye 13, bookworm 15, trixie 17). To have two at once, add
# INPUTS/build_ functions `base_trixie`, `postgres_17`, `image_postgres_17` beside the ones above, and the image to `seed`.
