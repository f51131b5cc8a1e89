# Core ids that a container may have: one of each physical core, never core 0's, taken from the NUMA nodes in turn.
list_cores() {
  local cpu id siblings node path folder
  local -A of_node=()
  local -a nodes=()
  for path in "$root"/sys/devices/system/cpu/cpu[0-9]*; do
    cpu=${path##*/cpu}
    [ -r "$path/topology/thread_siblings_list" ] || continue
    siblings=$(cat "$path/topology/thread_siblings_list")
    # The first thread stands for its core; "0,48" and "0-1" both begin with it.
    id=${siblings%%[,-]*}
    if [ "$id" != "$cpu" ] || [ "$id" = 0 ]; then continue; fi
    node=0
    for folder in "$path"/node[0-9]*; do
      if [ -e "$folder" ]; then node=${folder##*/node}; fi
    done
    [ -n "${of_node[$node]+set}" ] || nodes+=("$node")
    of_node[$node]+=" $id"
  done
  local more=1 index=0
  while [ "$more" = 1 ]; do
    more=0
    for node in $(printf '%s\n' "${nodes[@]}" | sort -n); do
      local -a ids=()
      read -r -a ids <<<"$(tr ' ' '\n' <<<"${of_node[$node]}" | sort -n | tr '\n' ' ')"
      if ((index < ${#ids[@]})); then
        echo "${ids[$index]}"
        more=1
      fi
    done
    index=$((index + 1))
  done
}

# Takes $1 cores that are still free: their ids, with commas, in $taken.
take_cores() {
  local wanted=$1
  if ((${#cores[@]} < wanted)); then fail "not enough cores: $wanted more wanted, ${#cores[@]} left"; fi
  taken=$(IFS=,; echo "${cores[*]:0:wanted}")
  cores=("${cores[@]:wanted}")
}

# The network interfaces beside the first, as Weka takes them: name/address/prefix/gateway.
list_interfaces() {
  local primary gateway name address
  primary=$(ip -o route show default | awk '{print $5; exit}')
  gateway=$(ip -o route show default | awk '{print $3; exit}')
  ip -o -4 addr show scope global | awk '{print $2, $4}' | while read -r name address; do
    if [ "$name" != "$primary" ]; then echo "$name/$address/$gateway"; fi
  done
}

# Takes $1 interfaces that are still free: a --net for each, in the list $nets.
take_interfaces() {
  local wanted=$1 interface
  if ((${#interfaces[@]} < wanted)); then fail "not enough network interfaces: $wanted more wanted, ${#interfaces[@]} left"; fi
  nets=()
  for interface in "${interfaces[@]:0:wanted}"; do nets+=(--net "$interface"); done
  interfaces=("${interfaces[@]:wanted}")
}
