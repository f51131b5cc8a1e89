# Lists this machine's secondary network interfaces in Weka's format: name/address/prefix/gateway, sorted by device index. DPDK
# cannot use virtual interfaces, such as Docker's bridge: only interfaces with AWS's driver are listed.
list_interfaces() {
  local path mac macs primary driver cidr base index address
  primary=$(imds_get mac) && macs=$(imds_get network/interfaces/macs/) || return 1
  for path in "$root"/sys/class/net/*; do
    driver=$(readlink "$path/device/driver") || continue
    mac=$(<"$path/address")
    # Instance metadata knows a new interface only after a short delay.
    if [ "${driver##*/}" != ena ] || [ "$mac" = "$primary" ] || [[ $macs != *"$mac"* ]]; then continue; fi
    index=$(imds_get "network/interfaces/macs/$mac/device-number") &&
      cidr=$(imds_get "network/interfaces/macs/$mac/subnet-ipv4-cidr-block") &&
      address=$(imds_get "network/interfaces/macs/$mac/local-ipv4s") || return 1
    # The gateway is the first address of the subnet. If an interface has several addresses, the first is its primary address.
    base=${cidr%/*}
    echo "$index ${path##*/}/${address%%$'\n'*}/${cidr#*/}/${base%.*}.$((${base##*.} + 1))"
  done | sort -n | sed 's/^[0-9]* //'
}

has_interfaces() {
  mapfile -t interfaces < <(list_interfaces)
  ((${#interfaces[@]} >= $1))
}

# Brings an interface up and gives it its address, unless the distribution has done so. Ubuntu and RHEL do not configure
# interfaces that are attached later.
configure_interface() {
  local name address prefix mtu path
  IFS=/ read -r name address prefix _ <<<"$1"
  mtu=1500
  for path in "$root"/sys/class/net/*; do
    # All interfaces of the machine have the MTU of the primary.
    if [ "$(cat "$path/address" 2>/dev/null)" = "$primary_mac" ]; then mtu=$(<"$path/mtu"); fi
  done
  ip link set dev "$name" mtu "$mtu" up || fail "interface $name could not be brought up"
  if [ -z "$(ip -o -4 addr show dev "$name")" ]; then
    log "configuring interface $name with $address/$prefix"
    # Without a route: answers to the subnet must leave by the primary interface.
    ip addr add "$address/$prefix" dev "$name" noprefixroute || fail "interface $name could not be configured"
  fi
}

# Puts this machine's secondary interfaces into the list $interfaces. Fails if there are fewer than $1. A newly attached interface
# appears after a short delay.
find_interfaces() {
  local interface
  retry 30 2 has_interfaces "$1" ||
    fail "not enough network interfaces: $1 needed in addition to the primary, ${#interfaces[@]} available"
  primary_mac=$(imds_get mac) || fail "the instance metadata service returned no MAC address"
  for interface in "${interfaces[@]:0:$1}"; do configure_interface "$interface"; done
}

# Takes $1 free interfaces and puts a --net option for each into the list $nets.
take_interfaces() {
  local wanted=$1 interface
  nets=()
  for interface in "${interfaces[@]:0:wanted}"; do nets+=(--net "$interface"); done
  interfaces=("${interfaces[@]:wanted}")
}
