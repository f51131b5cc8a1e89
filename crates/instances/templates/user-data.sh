#!/bin/bash
# Runs at the first boot of a new instance of the Weka cluster: attaches a network interface for each I/O core, then runs the join
# script.
set -uo pipefail

join_url={{ join_url|shell }}
region={{ region|shell }}
subnet={{ subnet|shell }}
security_groups=({% for group in security_groups %}{{ group|shell }}{% if not loop.last %} {% endif %}{% endfor %})
io_cores={{ io_cores }}
# The console log shows traced commands: switch tracing off before the API key is set.
{ set +xv; } 2>/dev/null
api_key={{ api_key|shell }}

{% include "common.sh" %}

{% include "ec2.sh" %}

# Creates and attaches the network interface with device index $1. It finds an interface of an earlier attempt by its
# description and completes it. Use only calls that the role of Weka's backends allows: DescribeInstances and CreateTags are
# not allowed.
add_interface() {
  local description="wekactl: io core $1 of $instance" state interface attachment delete_on_termination
  state=$(describe_interface "$description") || return 1
  # "None" is a missing value.
  read -r interface attachment delete_on_termination <<<"$state"
  if [ "${interface:-None}" = None ]; then
    interface=$(create_interface "$description") && [ -n "$interface" ] || return 1
  fi
  if [ "${attachment:-None}" = None ]; then
    if ! attachment=$(attach_interface "$interface" "$1") || [ -z "$attachment" ]; then
      # An interface that is not attached would outlive the instance.
      delete_interface "$interface"
      return 1
    fi
  fi
  if [[ ${delete_on_termination:-None} != [Tt]rue ]]; then
    delete_with_instance "$interface" "$attachment" || return 1
  fi
}

# Prints the headers that prove which instance this is: the identity document, signed by EC2, and a nonce. The nonce is generated
# once per boot: the join API answers only the first nonce of an instance.
identity_headers() {
  local document
  document=$(imds_get_path dynamic/instance-identity/rsa2048 | tr -d '\r\n') && [ -n "$document" ] || return 1
  if [ ! -s "$run/nonce" ]; then
    head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$run/nonce" || return 1
  fi
  printf 'x-wekactl-identity: %s\nx-wekactl-nonce: %s\n' "$document" "$(<"$run/nonce")"
}

# Downloads the join script to $1. Rejects redirects and error pages. curl reads the API key and the proof of identity from a file
# descriptor, so that neither the process list nor a trace shows them. A private API sees the address that curl is bound to.
download_join_script() {
  local status headers
  headers=$(identity_headers) && : >"$script" || return 1
  status=$(curl --fail --silent --show-error --max-time 60 -H @<(printf 'x-api-key: %s\n%s\n' "$api_key" "$headers") \
    --interface "$address" --output "$1" --write-out '%{http_code}' "$join_url") || return 1
  if [[ "$status" != 2?? || "$(head -c 2 "$1")" != '#!' ]]; then
    log "the join URL returned status $status without a script"
    return 1
  fi
}

join() {
  local index status
  token=$(imds_token) || return 1
  instance=$(imds_get instance-id) && address=$(imds_get local-ipv4) || return 1
  if ((io_cores > 0)); then choose_ec2_client || return 1; fi
  if [ "${ec2:-}" = curl ]; then read_role || return 1; fi
  for ((index = 1; index <= io_cores; index++)); do
    add_interface "$index" || return 1
  done
  download_join_script "$script" || return 1
  # A signal interrupts `wait`, but not a command in the foreground.
  bash "$script" &
  child=$!
  wait "$child"
  status=$?
  rm -f "$script"
  return "$status"
}

# The join script contains the cluster's password: it is in memory only, and no process writes a core dump with it.
run="${WEKACTL_ROOT:-}/run/wekactl"
script=$run/join.sh
child=""
# shellcheck disable=SC2317,SC2329 # A trap calls it.
stop() {
  if [ -n "$child" ]; then kill "$child" 2>/dev/null; fi
  exit 1
}
umask 077
mkdir -p "$run" && chmod 0700 "$run" || exit 1
ulimit -c 0
trap 'rm -f "$script"' EXIT
trap stop HUP INT TERM

# Retry for some minutes, so that AWS and the cluster can recover from a transient failure.
delay=5
for attempt in 1 2 3 4 5 6 7; do
  if ((attempt > 1)); then
    pause "$delay"
    delay=$((delay * 2))
  fi
  log "joining, attempt $attempt"
  if join; then
    log "joined"
    exit 0
  fi
done
echo "wekactl: could not join; shutting down so that the Auto Scaling group replaces this instance" >&2
shutdown -h now
exit 1
