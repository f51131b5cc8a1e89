fail() {
  echo "wekactl: $*" >&2
  exit 1
}

# Runs a command up to $1 times, $2 seconds apart.
retry() {
  local times=$1 seconds=$2 attempt
  shift 2
  for ((attempt = 1; attempt <= times; attempt++)); do
    if "$@"; then return 0; fi
    ((attempt < times)) && pause "$seconds"
  done
  return 1
}
