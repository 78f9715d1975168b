# Processes of the bed. Each carries a mark in its environment, SLUICE_TESTBED_PART=STATE:NAME:INSTANCE, and is found
# by it: no pid files that go stale, nothing of others is ever killed, and a bed whose directory is gone is still found.
# (A zombie has no environment any more: it counts as gone, which it is.)

MARK=SLUICE_TESTBED_PART
instance() { cat "$STATE/instance" 2> /dev/null || echo none; }

marked() { { grep -lzs "$@" /proc/[0-9]*/environ || true; } | cut -d/ -f3; }
pids_of() { marked -xF "$MARK=$STATE:$1:$(instance)"; }   # of this instance of the bed
# shellcheck disable=SC2120  # lib/recovery.sh and lib/images.sh give a name
pids_any() { marked -F "$MARK=$STATE:${1:+$1:}"; }        # of any, also of one that was cut off
# shellcheck disable=SC2119
pids_stale() { comm -23 <(pids_any | sort) <(marked -zF ":$(instance)" | sort); }
beds_elsewhere() { # state directories of beds that another cache directory runs on this machine
  { grep -hzos "^$MARK=[^:]*" /proc/[0-9]*/environ || true; } | tr '\0' '\n' | cut -d= -f2 | sort -u | grep -vxF "$STATE" || true
}

runs() { [ -n "$(pids_of "$1")" ]; }

# part NAME COMMAND…: start it unless it runs; it outlives this shell
part() {
  local name=$1; shift
  ! runs "$name" || return 0
  env "$MARK=$STATE:$name:$(instance)" setsid "$@" >> "${PART_LOG:-$STATE/log}/$name.log" 2>&1 < /dev/null 9>&- &
  disown
}

# end_processes FINDER…: SIGKILL what the finder prints until it prints nothing
end_processes() {
  local pids
  for _ in {1..200}; do
    pids=$("$@"); [ -n "$pids" ] || return 0
    # shellcheck disable=SC2086
    kill -9 $pids 2> /dev/null || true
    sleep 0.02
  done
  die "these processes do not end: $pids ($*)"
}
