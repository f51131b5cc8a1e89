# Lists this machine's secondary network interfaces in Weka's format: name/address/prefix/gateway. All interfaces are in one
# subnet and therefore share the primary's gateway. DPDK cannot use virtual interfaces, such as Docker's bridge.
list_interfaces() {
  local gateway name address_and_prefix
  gateway=$(ip -o -4 route show default | awk '$2 == "via" && !found++ { print $3 }')
  if [ -z "$gateway" ]; then
    log "there is no default route" >&2
    return 1
  fi
  # If an interface has several addresses, the first is its primary address.
  ip -o -4 addr show scope global | awk '!seen[$2]++ { print $2, $4 }' | while read -r name address_and_prefix; do
    if [ "${address_and_prefix%/*}" = "$address" ] || [ -e "$root/sys/devices/virtual/net/$name" ]; then continue; fi
    echo "$name/$address_and_prefix/$gateway"
  done
}

has_interfaces() {
  mapfile -t interfaces < <(list_interfaces)
  ((${#interfaces[@]} >= $1))
}

# Puts this machine's address into $address and its secondary interfaces into the list $interfaces. Fails if there are fewer
# than $1 interfaces. A newly attached interface gets its address after a short delay.
find_interfaces() {
  token=$(imds_token) || fail "the instance metadata service returned no token"
  address=$(imds_get local-ipv4) || fail "the instance metadata service returned no address"
  retry 30 2 has_interfaces "$1" ||
    fail "not enough network interfaces: $1 needed in addition to the primary, ${#interfaces[@]} available"
}

# Takes $1 free interfaces and puts a --net option for each into the list $nets.
take_interfaces() {
  local wanted=$1 interface
  nets=()
  for interface in "${interfaces[@]:0:wanted}"; do nets+=(--net "$interface"); done
  interfaces=("${interfaces[@]:wanted}")
}
