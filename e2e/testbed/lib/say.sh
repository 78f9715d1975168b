# How the bed talks: one line per stage with its seconds, one line when it gives up. All on stderr, so that
# `testbed path` and `testbed env` can be used in $( ).

say() { printf '%s\n' "$*" >&2; }
die() { say "testbed: $*"; exit 1; }

# timed WHAT COMMAND…: run it, then say how long it took
timed() {
  local what=$1 began=${EPOCHREALTIME/[.,]/} tenths
  shift; "$@"
  tenths=$(((${EPOCHREALTIME/[.,]/} - began) / 100000))
  printf '%5d.%d s  %s\n' $((tenths / 10)) $((tenths % 10)) "$what" >&2
}

# within SECONDS COMMAND…: repeat until it succeeds; false when the time is over
within() {
  local end=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
  shift
  until "$@" > /dev/null 2>&1; do
    ((${EPOCHREALTIME/[.,]/} < end)) || return 1
    sleep 0.1
  done
}

# One build, up or down at a time. Descriptor 9 is closed in everything that stays behind (lib/parts.sh).
lock() {
  mkdir -p "$CACHE"
  exec 9> "$CACHE/lock"
  flock -n 9 || { say "another testbed command is at work; waiting for it"; flock 9; }
}
