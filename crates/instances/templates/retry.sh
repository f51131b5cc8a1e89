# Runs a command up to $1 times, $2 seconds apart.
retry() {
  local times=$1 seconds=$2 attempt
  shift 2
  for ((attempt = 1; attempt <= times; attempt++)); do
    if ((attempt > 1)); then pause "$seconds"; fi
    if "$@"; then return 0; fi
  done
  return 1
}
