# All of the answer is read before it is looked at: a grep that stops at its first match would break weka's pipe, which
# counts as a failure.
is_ready() {
  local answer
  answer=$(weka debug manhole -s 0 operational_status 2>/dev/null) || return 1
  grep -Eq '"is_ready": *true' <<<"$answer"
}
# For at most half an hour: a cluster that rebalances takes its time.
wait_ready() { retry 180 10 is_ready || fail "the cluster did not become ready"; }
