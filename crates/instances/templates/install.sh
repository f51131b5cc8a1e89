# The lab and the tests put this folder before the paths of devices, mounts and kernel files, to leave their own machine
# alone; on an instance it is empty.
root="${WEKACTL_ROOT:-}"

# Weka's local filesystem, on the first of these devices that exists.
prepare_filesystem() {
  local device="" candidate
  for candidate in /dev/xvdp /dev/sdp /dev/nvme1n1; do
    if [ -e "$root$candidate" ]; then
      device=$root$candidate
      break
    fi
  done
  if [ -z "$device" ]; then fail "no device for /opt/weka: none of /dev/xvdp, /dev/sdp, /dev/nvme1n1 exists"; fi
  # A second run finds the filesystem that the first has made.
  if [ "$(blkid -s LABEL -o value "$device" 2>/dev/null)" != wekaiosw ]; then
    mkfs.ext4 -q -F -L wekaiosw "$device" || fail "mkfs of $device failed"
  fi
  mkdir -p "$root/opt/weka"
  grep -q '^LABEL=wekaiosw ' "$root/etc/fstab" || echo 'LABEL=wekaiosw /opt/weka ext4 defaults 0 2' >>"$root/etc/fstab"
  if ! mountpoint -q "$root/opt/weka"; then
    mount "$device" "$root/opt/weka" || fail "$device could not be mounted at /opt/weka"
  fi
}

# The log agent is a help and no need.
start_log_agent() {
  systemctl start amazon-cloudwatch-agent >/dev/null 2>&1 || systemctl start awslogsd >/dev/null 2>&1 || log "no log agent"
}

# The cluster's version, from the backend $1.
version_of() {
  curl --fail --silent --show-error --max-time 10 -X POST -H 'Content-Type: application/json' \
    -d '{"jsonrpc":"2.0","id":1,"method":"client_query_backend","params":{}}' "http://$1:14000/api/v1" |
    sed -n 's/.*"software_release" *: *"\([^"]*\)".*/\1/p'
}

# The first backend that answers, and its version.
find_backend() {
  local candidate
  for candidate in "${backends[@]}"; do
    version=$(version_of "$candidate") || version=""
    if [ -n "$version" ]; then
      backend=$candidate
      log "backend $backend runs Weka $version"
      return 0
    fi
    log "backend $candidate does not answer"
  done
  return 1
}

install_weka() {
  install_agent "$backend" || fail "installing from $backend failed"
  weka version get --from "$backend:14000" "$version" --set-current || fail "weka version get failed"
  weka version prepare "$version" || fail "weka version prepare failed"
  # The version brings a default container, which would hold the ports.
  weka local stop || true
  weka local rm --all --force || true
}
