# Prints the cluster's version, as reported by the backend $1.
version_reported_by() {
  curl --fail --silent --show-error --max-time 10 -X POST -H 'Content-Type: application/json' \
    -d '{"jsonrpc":"2.0","id":1,"method":"client_query_backend","params":{}}' "http://$1:14000/api/v1" |
    sed -n 's/.*"software_release" *: *"\([^"]*\)".*/\1/p'
}

# Puts the first backend that responds into $backend, and its version into $version.
find_backend() {
  local candidate
  for candidate in "${backends[@]}"; do
    version=$(version_reported_by "$candidate") || version=""
    if [ -n "$version" ]; then
      backend=$candidate
      log "backend $backend runs Weka $version"
      return 0
    fi
    log "backend $candidate does not respond"
  done
  return 1
}
