# What end-to-end tests, demo and benchmarks stand on: a cluster, our images on it, Sluice installed. Sourced, not run.
# shellcheck shell=bash

CLUSTER=e2e/testbed/cluster
TESTBED=e2e/testbed/testbed
IMAGES=$CACHE/images
E2E=$IMAGES/e2e
LIMIT=$((60 * 1000 * 1000))   # the most bytes of the operator's image

cluster_up() { "$CLUSTER" up > "$CACHE/kubeconfig"; }

# From here on everything talks to that cluster. The decision stays the same: see e2e/testbed/cluster.
use_cluster() {
  KUBECONFIG=$(tail -n 1 "$CACHE/kubeconfig")
  PATH=$("$TESTBED" path bin):$CACHE/bin:$PATH   # kubectl and helm
  export KUBECONFIG PATH
}

# The tag is made of the binary, so that a new one is rolled out and an old one is not. PROFILE=dev builds in a fraction of the
# time what is neither small nor fast: to play cases while something is being made, not to measure it. FEATURES are the operator's.
# MEASURED: what measures is built for release, too, as it computes plans by the operator's own code.
images() {
  local size profile=${PROFILE:-release} features=(${FEATURES:+--features "sluice/$FEATURES"})
  mkdir -p "$IMAGES"
  # at once: each selection of packages has its own features of libraries, and builds these anew
  cargo build --locked -p sluice -p e2e "${features[@]}"
  if [ "$profile" = dev ]; then
    strip -o "$IMAGES/sluice" "$CARGO_TARGET_DIR/debug/sluice"
  else
    cargo build --profile "$profile" --locked -p sluice "${features[@]}"
    cp "$CARGO_TARGET_DIR/$profile/sluice" "$IMAGES/sluice"
  fi
  if [ -n "${MEASURED:-}" ]; then
    cargo build --release --locked -p e2e
    cp -f "$CARGO_TARGET_DIR/release/e2e" "$E2E"
  else
    cp -f "$CARGO_TARGET_DIR/debug/e2e" "$E2E"   # also while an earlier one runs
  fi
  echo "dev-$(sha256sum < "$IMAGES/sluice" | cut -c1-12)" > "$IMAGES/tag"
  "$TESTBED" image "sluice.dev/sluice:$(< "$IMAGES/tag")" "$IMAGES/sluice.tar" "$IMAGES/sluice"
  "$TESTBED" image docker.io/sluice/e2e:dev "$IMAGES/e2e.tar" "$E2E"
  size=$(stat -c %s "$IMAGES/sluice.tar")
  echo "the operator's image has $size bytes"
  [ "$profile" = dev ] || [ "$size" -le $LIMIT ] || { echo "more than the $LIMIT it may have"; return 1; }
}

load() {
  "$CLUSTER" load "$IMAGES/sluice.tar" "$IMAGES/e2e.tar"
}

installed() { "$E2E" install --set "image.tag=$(< "$IMAGES/tag")"; }
