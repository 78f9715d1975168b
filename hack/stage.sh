# How stages are run, counted and reported. Sourced, not run.
# shellcheck shell=bash

SKIPPED=77   # exit code of a stage that could not run; automake's convention
export INSTA_UPDATE=no CARGO_TERM_COLOR=never RUST_BACKTRACE=0

begin() { # NAME of the run
  LOGS=${CACHE:?run this through make}/log/$1
  rm -rf "$LOGS"; mkdir -p "$LOGS"
  PASSED=0 FAILED=0 BEGAN=$SECONDS
}

skip() { echo "$*"; exit $SKIPPED; }

# stage NAME COMMAND…: one line with its seconds and what it counted; false when it failed
stage() {
  local passed failed
  run "$@"
  if [ "$CODE" = $SKIPPED ]; then
    line "-" "$1" "skipped: $(tail -n 1 "$LOG")"
    return
  fi
  read -r passed failed < <(count "$LOG")
  # a stage that fails without a failed test (it did not compile, it was killed) is a failure all the same
  [ "$CODE" = 0 ] || [ "$failed" != 0 ] || failed=1
  [ $((passed + failed)) != 0 ] || passed=1
  PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed))
  if [ "$failed" = 0 ]; then line "✓" "$1" "$passed passed"; else why "$1" "$passed passed, $failed failed"; fi
}

# step NAME COMMAND…: something that must be done before anything else can be; it is not counted
step() {
  run "$@"
  if [ "$CODE" = 0 ]; then line "✓" "$1" ""; else why "$1" "failed"; exit 1; fi
}

run() { # sets CODE, LOG and TOOK
  local name=$1 began=${EPOCHREALTIME/[.,]/} spinner=''
  shift
  LOG=$LOGS/${name//[^a-zA-Z0-9]/-}.log
  : > "$LOG"
  if [ -t 1 ]; then spin "$name" & spinner=$!; fi
  (set -eo pipefail; "$@") > "$LOG" 2>&1 < /dev/null
  CODE=$?
  [ -z "$spinner" ] || { kill "$spinner"; wait "$spinner" 2> /dev/null; printf '\r\e[K'; }
  TOOK=$(((${EPOCHREALTIME/[.,]/} - began) / 100000))
}

line() { # MARK NAME OUTCOME
  printf '  %s %-34s %5d.%d s  %s\n' "$1" "$2" $((TOOK / 10)) $((TOOK % 10)) "$3"
}

why() { # NAME OUTCOME
  line "✗" "$1" "$2"
  excerpt "$LOG" | sed 's/^/      /'
  printf '      (all of it: %s)\n' "$LOG"
  return 1
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

# What runs, for how long, and the last it said
spin() {
  local began=$SECONDS turn width said
  width=$(($(tput cols 2> /dev/null || echo 80) - 52))
  while :; do
    for turn in ⠋ ⠙ ⠹ ⠸ ⠼ ⠴ ⠦ ⠧ ⠇ ⠏; do
      said=$(tail -c 400 "$LOG" | tr -cd '[:print:]\n' | tail -n 1)
      printf '\r\e[K  %s %-34s %5d s    \e[2m%s\e[0m' "$turn" "$1" $((SECONDS - began)) "${said:0:$((width > 0 ? width : 0))}"
      sleep 0.2
    done
  done
}

summary() {
  printf '\n  %d s; logs: %s\n\n%d passed, %d failed\n' $((SECONDS - BEGAN)) "$LOGS" "$PASSED" "$FAILED"
  [ "$FAILED" = 0 ]
}
