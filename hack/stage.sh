# How hack/stages runs a stage, counts and reports. Sourced, not run.
# shellcheck shell=bash

SKIPPED=77   # exit code of a stage that could not run; automake's convention
export INSTA_UPDATE=no CARGO_TERM_COLOR=never RUST_BACKTRACE=0

begin() { # NAME of the run
  LOGS=${CACHE:?run this through make}/log/$1
  rm -rf "$LOGS"; mkdir -p "$LOGS"
  PASSED=0 FAILED=0 BEGAN=$SECONDS
}

skip() { echo "$*"; exit $SKIPPED; }

# stage NAME COMMAND…: false when it failed
stage() {
  local name=$1 log began=${EPOCHREALTIME/[.,]/} spinner='' code passed failed
  shift
  log=$LOGS/${name//[^a-zA-Z0-9]/-}.log
  if [ -t 1 ]; then spin "$name" & spinner=$!; fi
  (set -eo pipefail; "$@") > "$log" 2>&1 < /dev/null
  code=$?
  [ -z "$spinner" ] || { kill "$spinner"; wait "$spinner" 2> /dev/null; printf '\r\e[K'; }
  if [ $code = $SKIPPED ]; then
    line "-" "$began" "$name" "skipped: $(tail -n 1 "$log")"
    return
  fi
  read -r passed failed < <(count "$log")
  # a stage that fails without a failed test (it did not compile, it was killed) is a failure all the same
  [ $code = 0 ] || [ "$failed" != 0 ] || failed=1
  [ $((passed + failed)) != 0 ] || passed=1
  PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed))
  if [ "$failed" = 0 ]; then
    line "✓" "$began" "$name" "$passed passed"
  else
    line "✗" "$began" "$name" "$passed passed, $failed failed"
    excerpt "$log" | sed 's/^/      /'
    printf '      (all of it: %s)\n' "$log"
    return 1
  fi
}

# The part of a failed stage's log that says why: what failed tests said, else from the first error on, else the end.
excerpt() {
  local from
  if grep -q '^failures:$' "$1"; then
    awk '/^failures:$/ { on = 1 } on { print } /^test result:/ { on = 0 }' "$1" | head -n 80
  elif from=$(grep -nm1 '^error' "$1"); then
    tail -n "+${from%%:*}" "$1" | head -n 60
  else
    tail -n 60 "$1"
  fi
}

# What cargo (`test result: ok. 12 passed; 0 failed; …`) and e2e (`12 passed, 0 failed`) say of themselves.
count() {
  awk '/^test result: / { passed += $4; failed += $6 }
    /^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3 }
    END { print passed + 0, failed + 0 }' "$1"
}

line() { # MARK BEGAN NAME OUTCOME
  local tenths=$(((${EPOCHREALTIME/[.,]/} - $2) / 100000))
  printf '  %s %-36s %5d.%d s  %s\n' "$1" "$3" $((tenths / 10)) $((tenths % 10)) "$4"
}

spin() {
  local began=$SECONDS turn
  while :; do
    for turn in ⠋ ⠙ ⠹ ⠸ ⠼ ⠴ ⠦ ⠧ ⠇ ⠏; do
      printf '\r  %s %-36s %5d s' "$turn" "$1" $((SECONDS - began))
      sleep 0.1
    done
  done
}

summary() {
  printf '\n  %d s; logs: %s\n\n%d passed, %d failed\n' $((SECONDS - BEGAN)) "$LOGS" "$PASSED" "$FAILED"
  [ "$FAILED" = 0 ]
}
