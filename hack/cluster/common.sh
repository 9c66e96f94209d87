# What `cluster` and hack/images share.
# shellcheck shell=bash

cache=${MILLSTREAM_CLUSTER_CACHE:-$HOME/.cache/millstream/cluster}
kubeconfig=$cache/kubeconfig-millstream

# given_cluster: whether KUBECONFIG names a cluster of the user's, not the one that `cluster up` made.
given_cluster() { [[ -n ${KUBECONFIG-} && $KUBECONFIG != "$kubeconfig" && ! $KUBECONFIG -ef $kubeconfig ]]; }

say() { echo "$(basename "$0"): $*" >&2; }

die() { say "$@"; exit 1; }

# step TITLE COMMAND...: run it, print one line with its duration, or the end of its log when it fails.
step() {
  local title=$1 log begin=$SECONDS status=0 heart back=
  shift
  log=$cache/log/$(tr -cs '[:alnum:].\n' - <<<"$title").log
  mkdir -p "$cache/log"
  if [[ -t 2 ]]; then back='\r'; else say "$title ..."; fi
  heartbeat "$title" 9>&- &
  heart=$!
  # shellcheck disable=SC2064 # of this step
  trap "kill $heart 2>/dev/null || true" EXIT
  set +e
  (set -e; "$@") >"$log" 2>&1 9>&-
  status=$?
  set -e
  trap - EXIT
  kill $heart 2>/dev/null || true
  wait $heart 2>/dev/null || true
  # shellcheck disable=SC2059 # back is one of the two above
  printf "$back" >&2
  if ((status)); then
    say "$(line "$title" $((SECONDS - begin))), and failed. The end of $log:"
    tail -n 20 "$log" >&2
    exit "$status"
  fi
  say "$(line "$title" $((SECONDS - begin)))"
}

# heartbeat TITLE: signs of life while a step runs. sleep must not hold the caller's pipe open when this is ended.
heartbeat() {
  local begin=$SECONDS passed
  while sleep 1 <&- >&- 2>&-; do
    passed=$((SECONDS - begin))
    if [[ -t 2 ]]; then
      printf '\r%s' "$(say "$(line "$1" $passed)" 2>&1)" >&2
    elif ((passed % 25 == 0)); then
      say "$(line "$1" $passed) so far"
    fi
  done
}

line() { printf '%-50s %4d s' "$1" "$2"; } # TITLE SECONDS

# key DIRECTORY-OR-TEXT...: a short name for what something is made from, the same in every checkout.
key() {
  local part
  for part; do
    if [[ -d $part ]]; then
      tar --sort=name --mtime=@0 --owner=0 --group=0 --mode=u=rwX,go=rX --exclude=__pycache__ -C "$part" -cf - .
    else
      echo "$part"
    fi
  done | sha256sum | cut -c1-12
}
