# Read the output completely before searching it: grep -q exits at the first match, and weka would then fail because of the
# closed pipe.
is_ready() {
  local output
  output=$(with_login weka debug manhole -s 0 operational_status 2>/dev/null) || return 1
  grep -Eq '"is_ready": *true' <<<"$output"
}
# Wait for at most 30 minutes: a cluster that is rebalancing takes long to become ready.
wait_ready() { retry 180 10 is_ready || fail "the cluster did not become ready"; }
