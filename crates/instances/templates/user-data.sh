#!/bin/bash
# What a new instance of the Weka cluster runs at its first boot: a network interface for each io core, then the join script.
set -uo pipefail

join_url={{ join_url|shell }}
region={{ region|shell }}
subnet={{ subnet|shell }}
security_groups=({% for group in security_groups %}{{ group|shell }}{% if not loop.last %} {% endif %}{% endfor %})
io_cores={{ io_cores }}
# Tracing is switched off, should whoever starts this have switched it on.
{ set +x; } 2>/dev/null
api_key={{ api_key|shell }}

{% include "common.sh" %}

# Creates and attaches the network interface with device index $1, unless an earlier try has.
add_interface() {
  local index=$1 attached interface attachment
  attached=$(aws ec2 describe-instances --region "$region" --instance-ids "$instance" --output text \
    --query "Reservations[].Instances[].NetworkInterfaces[?Attachment.DeviceIndex==\`$index\`].NetworkInterfaceId") || return 1
  if [ -n "$attached" ]; then return 0; fi
  interface=$(aws ec2 create-network-interface --region "$region" --subnet-id "$subnet" --groups "${security_groups[@]}" \
    --description "wekactl: io core $index of $instance" --output text --query NetworkInterface.NetworkInterfaceId) || return 1
  if attachment=$(aws ec2 attach-network-interface --region "$region" --network-interface-id "$interface" \
    --instance-id "$instance" --device-index "$index" --output text --query AttachmentId); then
    aws ec2 modify-network-interface-attribute --region "$region" --network-interface-id "$interface" \
      --attachment "AttachmentId=$attachment,DeleteOnTermination=true" || return 1
  else
    # One that is not attached would outlive the instance.
    aws ec2 delete-network-interface --region "$region" --network-interface-id "$interface"
    return 1
  fi
}

# Asks for the join script. With --fail an error page is no answer; the key goes by a descriptor, so that neither the process
# list nor a trace shows it.
fetch() {
  curl --fail --silent --show-error --max-time 60 -H @<(printf 'x-api-key: %s\n' "$api_key") --output "$1" "$join_url"
}

join() {
  local index script
  token=$(imds_token) || return 1
  instance=$(imds_get instance-id) || return 1
  for ((index = 1; index <= io_cores; index++)); do
    add_interface "$index" || return 1
  done
  script=$(mktemp) || return 1
  chmod 700 "$script"
  if ! fetch "$script"; then
    rm -f "$script"
    return 1
  fi
  bash "$script"
  local status=$?
  rm -f "$script"
  return "$status"
}

delay=5
for attempt in 1 2 3 4 5 6 7; do
  log "joining, attempt $attempt"
  if join; then
    log "joined"
    exit 0
  fi
  pause "$delay"
  delay=$((delay * 2))
done
echo "wekactl: could not join; shutting down, so that the group replaces this instance" >&2
shutdown -h now
exit 1
