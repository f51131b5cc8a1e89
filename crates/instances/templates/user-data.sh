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

# Downloads the join script to $1. Rejects redirects and error pages. curl reads the API key from a file descriptor, so that
# neither the process list nor a trace shows it.
download_join_script() {
  local status
  status=$(curl --fail --silent --show-error --max-time 60 -H @<(printf 'x-api-key: %s\n' "$api_key") --output "$1" \
    --write-out '%{http_code}' "$join_url") || return 1
  if [[ "$status" != 2?? || "$(head -c 2 "$1")" != '#!' ]]; then
    log "the join URL returned status $status without a script"
    return 1
  fi
}

join() {
  local index status
  token=$(imds_token) || return 1
  instance=$(imds_get instance-id) || return 1
  if ((io_cores > 0)); then choose_ec2_client || return 1; fi
  if [ "${ec2:-}" = curl ]; then read_role || return 1; fi
  for ((index = 1; index <= io_cores; index++)); do
    add_interface "$index" || return 1
  done
  download_join_script "$script" || return 1
  bash "$script"
  status=$?
  # The script contains the cluster's password.
  : >"$script"
  return "$status"
}

# mktemp creates a file that only root can read.
script=$(mktemp)
trap 'rm -f "$script"' EXIT

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
