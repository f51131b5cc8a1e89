fail() {
  echo "wekactl: $*" >&2
  exit 1
}
