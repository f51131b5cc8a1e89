#!/bin/bash
# What a new instance of the Weka cluster runs at its first boot: a network interface for each io core, then the join script.
set -uo pipefail

join_url={{ join_url|shell }}
region={{ region|shell }}
subnet={{ subnet|shell }}
security_groups=({% for group in security_groups %}{{ group|shell }}{% if not loop.last %} {% endif %}{% endfor %})
io_cores={{ io_cores }}
# Tracing is switched off, should whoever starts this have switched it on: its output is in the instance's console log.
{ set +xv; } 2>/dev/null
api_key={{ api_key|shell }}

{% include "common.sh" %}

# Sees to the network interface with device index $1: what of it an earlier try has done is found by its description and not
# done again. The calls are those that the role of Weka's backends allows: DescribeInstances and CreateTags are not
# among them.
add_interface() {
  local description="wekactl: io core $1 of $instance" found interface attachment deleted
  found=$(aws ec2 describe-network-interfaces --region "$region" --filters "Name=description,Values=$description" --output text \
    --query 'NetworkInterfaces[0].[NetworkInterfaceId,Attachment.AttachmentId,Attachment.DeleteOnTermination]') || return 1
  # What is not there is written "None".
  read -r interface attachment deleted <<<"$found"
  if [ "${interface:-None}" = None ]; then
    interface=$(aws ec2 create-network-interface --region "$region" --subnet-id "$subnet" --groups "${security_groups[@]}" \
      --description "$description" --output text --query NetworkInterface.NetworkInterfaceId) || return 1
  fi
  if [ "${attachment:-None}" = None ]; then
    if ! attachment=$(aws ec2 attach-network-interface --region "$region" --network-interface-id "$interface" \
      --instance-id "$instance" --device-index "$1" --output text --query AttachmentId); then
      # One that is not attached would outlive the instance.
      aws ec2 delete-network-interface --region "$region" --network-interface-id "$interface"
      return 1
    fi
  fi
  if [ "${deleted:-None}" != True ]; then
    aws ec2 modify-network-interface-attribute --region "$region" --network-interface-id "$interface" \
      --attachment "AttachmentId=$attachment,DeleteOnTermination=true" || return 1
  fi
}

# Asks for the join script and writes it to $1. A redirect or an error page is no script. The key goes by a descriptor, so
# that neither the process list nor a trace shows it.
fetch() {
  local status
  status=$(curl --fail --silent --show-error --max-time 60 -H @<(printf 'x-api-key: %s\n' "$api_key") --output "$1" \
    --write-out '%{http_code}' "$join_url") || return 1
  if [[ "$status" != 2?? || "$(head -c 2 "$1")" != '#!' ]]; then
    log "the join URL answered $status, without a script"
    return 1
  fi
}

join() {
  local index status
  token=$(imds_token) || return 1
  instance=$(imds_get instance-id) || return 1
  for ((index = 1; index <= io_cores; index++)); do
    add_interface "$index" || return 1
  done
  fetch "$script" || return 1
  bash "$script"
  status=$?
  # It holds the cluster's password.
  : >"$script"
  return "$status"
}

# Only root can read what mktemp makes.
script=$(mktemp)
trap 'rm -f "$script"' EXIT

# With what the tries take themselves, some minutes: AWS and the cluster have the time to get over a hiccup.
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
echo "wekactl: could not join; shutting down, so that the group replaces this instance" >&2
shutdown -h now
exit 1
