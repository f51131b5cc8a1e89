# Lists this machine's EBS volumes as device paths. Instance store can have data: NVMe devices are EBS volumes only if their model
# says so, and Xen devices only if the instance metadata service does not list them as ephemeral.
list_volumes() {
  local path name model mappings mapping ephemeral=" "
  mappings=$(imds_get block-device-mapping/) || return 1
  for mapping in $mappings; do
    case $mapping in ephemeral*) ephemeral+="$(imds_get "block-device-mapping/$mapping") " || return 1 ;; esac
  done
  for path in "$root"/sys/block/*; do
    name=${path##*/}
    case $name in
      nvme*)
        model=$(cat "$path/device/model") || return 1
        if [[ $model = 'Amazon Elastic Block Store'* ]]; then echo "$root/dev/$name"; fi
        ;;
      xvd*) if [[ $ephemeral != *" sd${name#xvd} "* && $ephemeral != *" $name "* ]]; then echo "$root/dev/$name"; fi ;;
    esac
  done
}

# Puts what blkid finds on the device $2 into $found; $1 is LABEL, TYPE (a filesystem) or PTTYPE (a partition table). Status 2
# means that there is none. Any other failure leaves it unknown whether the device is empty.
probe() {
  local status=0
  found=$(blkid -p -s "$1" -o value "$2") || status=$?
  if [ "$status" != 0 ] && [ "$status" != 2 ]; then fail "$2 could not be examined: blkid failed with status $status"; fi
}

# Puts the volume of Weka's local filesystem into $device: the EBS volume with Weka's label, else the one that is attached as
# /dev/sdp, else the only one that is empty. udev reads the name /dev/sdp from the vendor area of the EBS device, but not all
# distributions have that rule.
find_volume() {
  local volume name found volumes empty=()
  device=""
  volumes=$(list_volumes) || fail "the EBS volumes could not be listed"
  for volume in $volumes; do
    probe LABEL "$volume"
    if [ "$found" = wekaiosw ]; then
      device=$volume
      return
    fi
  done
  for name in /dev/sdp /dev/xvdp; do
    if [ ! -e "$root$name" ]; then continue; fi
    for volume in $volumes; do
      if [ "$(readlink -f "$root$name")" = "$(readlink -f "$volume")" ]; then device=$volume; fi
    done
    if [ -n "$device" ]; then return; fi
  done
  for volume in $volumes; do
    if is_empty "$volume"; then empty+=("$volume"); fi
  done
  if ((${#empty[@]} > 1)); then fail "several EBS volumes are empty: ${empty[*]}; attach the one for /opt/weka as /dev/sdp"; fi
  device=${empty[0]:-}
}

is_empty() {
  local found
  probe PTTYPE "$1"
  if [ -n "$found" ]; then return 1; fi
  probe TYPE "$1"
  [ -z "$found" ]
}

# Creates and mounts Weka's local filesystem, if there is a volume for it.
prepare_filesystem() {
  local found
  find_volume
  if [ -z "$device" ]; then return; fi
  # Keep the filesystem that an earlier run created, and every other one.
  probe LABEL "$device"
  if [ "$found" != wekaiosw ]; then
    if ! is_empty "$device"; then fail "$device is not empty: it is not formatted"; fi
    log "creating the filesystem of /opt/weka on $device"
    mkfs.ext4 -q -F -L wekaiosw "$device" || fail "mkfs of $device failed"
  fi
  mkdir -p "$root/opt/weka"
  grep -q '^LABEL=wekaiosw ' "$root/etc/fstab" || echo 'LABEL=wekaiosw /opt/weka ext4 defaults 0 2' >>"$root/etc/fstab"
  if ! mountpoint -q "$root/opt/weka"; then
    mount "$device" "$root/opt/weka" || fail "$device could not be mounted at /opt/weka"
  fi
}
