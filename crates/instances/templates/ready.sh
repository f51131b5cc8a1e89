is_ready() { weka debug manhole -s 0 operational_status 2>/dev/null | grep -Eq '"is_ready": *true'; }
# For at most half an hour: a cluster that rebalances takes its time.
wait_ready() { retry 180 10 is_ready || fail "the cluster did not become ready"; }
