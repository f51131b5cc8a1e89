# The partition type of a drive that is signed for Weka.
weka_partition=993ec906-b4e2-11e7-a205-a0a8cd3ea1de

# Lists the unused drives of this machine's instance store, one path per line.
list_drives() { in_container 'wapi machine-query-info --info-types=DISKS -J | python3 drives.py'; }

# Lists this machine's containers in the cluster: see entries.py.
list_entries() {
  with_login weka cluster container --json >"$shared/entries" && in_container "python3 entries.py '$instance' <entries"
}

# Puts this machine's entries into the list $entries, and the ids of the containers that this script has set up into the list
# $ids. Fails until the cluster lists them all and none is down: until then, the newest entry of a name can be of an earlier attempt.
cluster_lists_containers() {
  local entry name
  mapfile -t entries < <(list_entries)
  ids=()
  for name in "${names[@]}"; do
    for entry in "${entries[@]}"; do
      case $entry in
        "current "*" $name DOWN") ;;
        "current "*" $name "*) ids+=("$(cut -d ' ' -f 2 <<<"$entry")") ;;
      esac
    done
  done
  ((${#ids[@]} == ${#names[@]}))
}

remove_entry() { with_login weka cluster container remove "$1" --no-unimprint; }

# Removes what earlier attempts of this instance have left in the cluster. A failure is only logged: the scaling loop removes
# such entries too. --no-unimprint: without it, Weka resets the container at the entry's address, which is the new one.
remove_stale_entries() {
  local entry id status
  for entry in "${entries[@]}"; do
    read -r entry id status <<<"$entry"
    if [ "$entry" != stale ]; then continue; fi
    log "removing HostId<$id> of an earlier attempt from the cluster"
    if [ "$status" = ACTIVE ]; then
      with_login weka cluster container deactivate "$id" --allow-unavailable || log "HostId<$id> could not be deactivated"
    fi
    retry 12 10 remove_entry "$id" || log "HostId<$id> could not be removed"
  done
}

# A name for the drive $1 that does not depend on the order in which the kernel finds drives.
serial_of() { cat "$root/sys/block/${1##*/}/device/serial" 2>/dev/null || echo "${1##*/}"; }
partition_of() {
  local partition
  for partition in "${1}p1" "${1}1"; do
    if [ -e "$root$partition" ]; then echo "$root$partition"; fi
  done
}
is_signed() { [ "$(blkid -p -s PART_ENTRY_TYPE -o value "$(partition_of "$1")" 2>/dev/null)" = "$weka_partition" ]; }
has_drives() { drives=$(list_drives) && [ -n "$drives" ]; }

# Signs the drive $1, unless an earlier attempt of this instance has signed it. The record precedes the signature: a drive with a
# Weka partition that is not recorded belongs to somebody else.
sign() {
  local serial
  serial=$(serial_of "$1" | tr -d ' ')
  if is_signed "$1"; then
    if grep -qsxF "$serial" "$state/signed"; then
      log "drive $1 is already signed"
      return 0
    fi
    log "drive $1 has a Weka partition that this instance has not created"
    return 1
  fi
  echo "$serial" >>"$state/signed" || return 1
  weka local exec --container drives0 /weka/tools/weka_sign_drive "$1" || {
    log "drive $1 could not be signed"
    return 1
  }
  # The kernel shows the new partition after a short delay.
  retry 30 2 is_signed "$1" || {
    log "drive $1 has no partition after signing"
    return 1
  }
}

# bash ignores `set -e` in a function that is called with `||`: every step must return its failure explicitly.
add_drives() {
  local drive drives=""
  retry 6 10 has_drives || {
    log "this machine has no unused local NVMe drive, or its drives could not be listed"
    return 1
  }
  for drive in $drives; do
    sign "$drive" || return 1
  done
  # The first container is drives0.
  retry 60 10 with_login weka cluster drive scan "${ids[0]}"
}

# A backend without drives is useless: deactivate the containers that this script created. The next attempt removes them.
remove_containers_and_fail() {
  with_login weka cluster container deactivate "${ids[@]}" || log "the new containers could not be deactivated"
  fail "the drives could not be added"
}
