# WEKACTL_ROOT is set only by the lab and the tests. It is prepended to the paths of devices, mounts and kernel files, so that
# the machine that runs the tests is not changed. On an instance it is empty.
root="${WEKACTL_ROOT:-}"

# Creates and mounts Weka's local filesystem on the first of these devices that exists.
prepare_filesystem() {
  local device="" candidate
  for candidate in /dev/xvdp /dev/sdp /dev/nvme1n1; do
    if [ -e "$root$candidate" ]; then
      device=$root$candidate
      break
    fi
  done
  if [ -z "$device" ]; then fail "no device for /opt/weka: none of /dev/xvdp, /dev/sdp, /dev/nvme1n1 exists"; fi
  # Keep the filesystem that an earlier run created.
  if [ "$(blkid -s LABEL -o value "$device" 2>/dev/null)" != wekaiosw ]; then
    mkfs.ext4 -q -F -L wekaiosw "$device" || fail "mkfs of $device failed"
  fi
  mkdir -p "$root/opt/weka"
  grep -q '^LABEL=wekaiosw ' "$root/etc/fstab" || echo 'LABEL=wekaiosw /opt/weka ext4 defaults 0 2' >>"$root/etc/fstab"
  if ! mountpoint -q "$root/opt/weka"; then
    mount "$device" "$root/opt/weka" || fail "$device could not be mounted at /opt/weka"
  fi
}

# The log agent is optional.
start_log_agent() {
  systemctl start amazon-cloudwatch-agent >/dev/null 2>&1 || systemctl start awslogsd >/dev/null 2>&1 || log "no log agent was started"
}

# Prints the cluster's version, as reported by the backend $1.
version_reported_by() {
  curl --fail --silent --show-error --max-time 10 -X POST -H 'Content-Type: application/json' \
    -d '{"jsonrpc":"2.0","id":1,"method":"client_query_backend","params":{}}' "http://$1:14000/api/v1" |
    sed -n 's/.*"software_release" *: *"\([^"]*\)".*/\1/p'
}

# Puts the first backend that responds into $backend, and its version into $version.
find_backend() {
  local candidate
  for candidate in "${backends[@]}"; do
    version=$(version_reported_by "$candidate") || version=""
    if [ -n "$version" ]; then
      backend=$candidate
      log "backend $backend runs Weka $version"
      return 0
    fi
    log "backend $candidate does not respond"
  done
  return 1
}

install_weka() {
  install_agent "$backend" || fail "installing from $backend failed"
  weka version get --from "$backend:14000" "$version" --set-current || fail "weka version get failed"
  weka version prepare "$version" || fail "weka version prepare failed"
  # Preparing a version starts a default container, which would occupy the ports.
  weka local stop || true
  weka local rm --all --force || true
}
