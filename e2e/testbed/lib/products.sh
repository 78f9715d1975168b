# The cache of things built once. A product is a directory NAME-KEY; KEY is the hash of its recipe (the function
# build_NAME) and of its inputs, so a changed go.mod or pack script rebuilds exactly what depends on it.
# An input is a path in this folder (its content counts), @PRODUCT (built first), or a plain word such as a version.

declare -A INPUTS=() PLACES=()

key() {
  local input
  { # relative names only: a cache that was moved or copied stays valid
    declare -f "build_$1"
    for input in ${INPUTS[$1]}; do
      case $input in
        @*) basename "$(place "${input#@}")" ;;
        "$HERE"/*) (cd "$HERE" && find "${input#"$HERE"/}" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) ;;
        *) echo "$input" ;;
      esac
    done
  } | sha256sum | cut -c1-12
}

# place NAME: print the product's directory, built or not
place() {
  [ -n "${PLACES[$1]:-}" ] || PLACES[$1]=$CACHE/$1-$(key "$1")
  echo "${PLACES[$1]}"
}

# product NAME…: build what is missing. Half-built directories are never seen: a build ends with a rename.
product() {
  local name input
  for name; do
    place "$name" > /dev/null    # fills PLACES here, not in a subshell
    [ -d "${PLACES[$name]}" ] && continue
    for input in ${INPUTS[$name]}; do
      case $input in @*) product "${input#@}" ;; esac
    done
    timed "built $name" make_product "$name"
  done
}

make_product() {
  local name=$1 new=$CACHE/.new-$1 log=$CACHE/log/$1.log
  rm -rf "$new"; mkdir -p "$new" "$CACHE/log"
  # in the background, as `set -e` is off in whatever stands left of `||`
  (set -e; "build_$name" "$new") > "$log" 2>&1 < /dev/null &
  wait $! || { tail -n 5 "$log" >&2; die "$name could not be built; its log: $log"; }
  mv -T "$new" "${PLACES[$name]}"
}

# side_by_side A B …: each argument is a list of products; the lists are built at the same time
side_by_side() {
  local list pids=() pid failed=0
  # shellcheck disable=SC2086
  for list; do (product $list) & pids+=($!); done
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
  [ $failed = 0 ] || exit 1
}

# remove what the present inputs do not name, and what builds left behind
clean_cache() {
  local name dir
  declare -A wanted=()
  for name in "${!INPUTS[@]}"; do wanted[$(place "$name")]=1; done
  for dir in "$CACHE"/*-* "$CACHE"/.new-*; do
    if [[ $dir =~ (-[0-9a-f]{12}|/.new-.*)$ && -z ${wanted[$dir]:-} ]]; then rm -rf "$dir"; fi
  done
}
