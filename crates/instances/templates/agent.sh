# Installs Weka's agent from the host $1. The installer is downloaded completely before it runs: sh would execute the first
# part of a download that is interrupted.
install_agent() {
  local installer status=1
  installer=$(mktemp) || return 1
  if curl --fail --silent --show-error --max-time 300 --output "$installer" "http://$1:14000/dist/v1/install" &&
    [ -s "$installer" ] && sh <"$installer"; then
    status=0
  fi
  rm -f "$installer"
  return "$status"
}
