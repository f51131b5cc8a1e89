# Stops and removes the containers of this machine. They hold nothing yet: a machine that has joined never gets here.
remove_local_containers() {
  weka local stop || true
  weka local rm --all --force || true
}

install_weka() {
  install_agent "$backend" || fail "installing from $backend failed"
  # The version cannot be set while containers of an earlier attempt run.
  remove_local_containers
  weka version get --from "$backend:14000" "$version" --set-current || fail "weka version get failed"
  weka version prepare "$version" || fail "weka version prepare failed"
  # Preparing a version starts a default container, which would occupy the ports.
  remove_local_containers
}
