# Lists the core ids that containers may use: one per physical core, without core 0, alternating between the NUMA nodes.
list_cores() {
  local cpu id siblings node path folder
  local -A of_node=()
  for path in "$root"/sys/devices/system/cpu/cpu[0-9]*; do
    cpu=${path##*/cpu}
    # An offline CPU has no such file.
    [ -r "$path/topology/thread_siblings_list" ] || continue
    siblings=$(<"$path/topology/thread_siblings_list")
    # The first thread identifies the core: both "0,48" and "0-1" start with it.
    id=${siblings%%[,-]*}
    if [ "$id" != "$cpu" ] || [ "$id" = 0 ]; then continue; fi
    node=0
    for folder in "$path"/node[0-9]*; do
      if [ -e "$folder" ]; then node=${folder##*/node}; fi
    done
    of_node[$node]+="$id"$'\n'
  done
  # One line per core: its position on its node, the node, the core. Cores are taken in this order.
  for node in "${!of_node[@]}"; do
    printf %s "${of_node[$node]}" | sort -n | awk -v node="$node" '{ print NR, node, $1 }'
  done | sort -n -k 1,1 -k 2,2 | awk '{ print $3 }'
}
