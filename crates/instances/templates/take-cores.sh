# Puts the usable cores into the list $cores. Fails if there are fewer than $1.
find_cores() {
  mapfile -t cores < <(list_cores)
  if ((${#cores[@]} < $1)); then
    fail "not enough cores: $1 needed, ${#cores[@]} available (one per physical core, without core 0)"
  fi
}

# Takes $1 free cores and puts their ids, separated by commas, into $taken.
take_cores() {
  local wanted=$1
  taken=$(IFS=,; echo "${cores[*]:0:wanted}")
  cores=("${cores[@]:wanted}")
}
