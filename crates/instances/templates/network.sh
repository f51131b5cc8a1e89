# This machine's network interfaces beside the primary, as Weka takes them: name/address/prefix/gateway. All are in one
# subnet, and so have the primary's gateway. Virtual ones, such as Docker's bridge, are not DPDK's.
list_interfaces() {
  local gateway name address_and_prefix
  gateway=$(ip -o -4 route show default | awk '$2 == "via" && !found++ { print $3 }')
  if [ -z "$gateway" ]; then
    log "there is no default route" >&2
    return 1
  fi
  # Of an interface with several addresses, the first is its own.
  ip -o -4 addr show scope global | awk '!seen[$2]++ { print $2, $4 }' | while read -r name address_and_prefix; do
    if [ "${address_and_prefix%/*}" = "$address" ] || [ -e "$root/sys/devices/virtual/net/$name" ]; then continue; fi
    echo "$name/$address_and_prefix/$gateway"
  done
}

has_interfaces() {
  mapfile -t interfaces < <(list_interfaces)
  ((${#interfaces[@]} >= $1))
}

# Finds this machine's own address and at least $1 interfaces beside the primary, in the list $interfaces. One that was
# attached a moment ago has its address after a while.
find_interfaces() {
  token=$(imds_token) || fail "no token of the instance metadata service"
  address=$(imds_get local-ipv4) || fail "the instance metadata service does not tell the address"
  retry 30 2 has_interfaces "$1" ||
    fail "not enough network interfaces: $1 wanted beside the primary, ${#interfaces[@]} there"
}

# Takes $1 interfaces that are still free: a --net for each, in the list $nets.
take_interfaces() {
  local wanted=$1 interface
  nets=()
  for interface in "${interfaces[@]:0:wanted}"; do nets+=(--net "$interface"); done
  interfaces=("${interfaces[@]:wanted}")
}
