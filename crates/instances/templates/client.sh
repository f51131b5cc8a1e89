#!/bin/bash
# Makes this instance a client of the Weka cluster.
{ set +x; } 2>/dev/null
set -euo pipefail

export WEKA_USERNAME={{ username|shell }}
export WEKA_PASSWORD={{ password|shell }}
backends=({% for backend in backends %}{{ backend|shell }}{% if not loop.last %} {% endif %}{% endfor %})

{% include "common.sh" %}

{% include "retry.sh" %}

{% include "install.sh" %}

{% include "cores.sh" %}

{% include "ready.sh" %}

start_log_agent
prepare_filesystem
find_backend || fail "no backend answers"
install_weka

token=$(imds_token) || fail "no token of the instance metadata service"
address=$(imds_get local-ipv4) || fail "the instance metadata service does not tell the address"
join_ips=$(IFS=,; echo "${backends[*]}")
mapfile -t cores < <(list_cores)
mapfile -t interfaces < <(list_interfaces)
taken="" nets=()
take_cores 1
take_interfaces 1
weka local setup container --name client0 --base-port 14000 --client --cores 1 --core-ids "$taken" --join-ips "$join_ips" \
  --management-ips "$address" "${nets[@]}" --dedicate || fail "container client0 could not be set up"
wait_ready
weka events trigger-event "wekactl: client $address has joined the cluster" || log "Weka's event log was not told"
