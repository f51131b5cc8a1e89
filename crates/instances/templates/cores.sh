# Core ids that a container may have: one of each physical core, never core 0's, taken from the NUMA nodes in turn.
list_cores() {
  local cpu id siblings node path folder
  local -A of_node=()
  for path in "$root"/sys/devices/system/cpu/cpu[0-9]*; do
    cpu=${path##*/cpu}
    # A cpu that is offline has none.
    [ -r "$path/topology/thread_siblings_list" ] || continue
    siblings=$(<"$path/topology/thread_siblings_list")
    # The first thread stands for its core; "0,48" and "0-1" both begin with it.
    id=${siblings%%[,-]*}
    if [ "$id" != "$cpu" ] || [ "$id" = 0 ]; then continue; fi
    node=0
    for folder in "$path"/node[0-9]*; do
      if [ -e "$folder" ]; then node=${folder##*/node}; fi
    done
    of_node[$node]+="$id"$'\n'
  done
  # A line for each core: its place on its node, the node, the core; in this order they are taken.
  for node in "${!of_node[@]}"; do
    printf %s "${of_node[$node]}" | sort -n | awk -v node="$node" '{ print NR, node, $1 }'
  done | sort -n -k 1,1 -k 2,2 | awk '{ print $3 }'
}

# Finds the cores, at least $1, in the list $cores.
find_cores() {
  mapfile -t cores < <(list_cores)
  if ((${#cores[@]} < $1)); then
    fail "not enough cores: $1 wanted, ${#cores[@]} there without the first, one for each physical core"
  fi
}

# Takes $1 cores that are still free: their ids, with commas, in $taken.
take_cores() {
  local wanted=$1
  taken=$(IFS=,; echo "${cores[*]:0:wanted}")
  cores=("${cores[@]:wanted}")
}
