#!/bin/bash
# Joins this instance to the Weka cluster as a backend.
{% include "credentials.sh" %}
compute_cores={{ profile.cores.compute }}
frontend_cores={{ profile.cores.frontend }}
drive_cores={{ profile.cores.drive }}
compute_memory={{ profile.compute_memory|shell }}

{% include "common.sh" %}

{% include "fail.sh" %}

{% include "retry.sh" %}

{% include "agent.sh" %}

{% include "install.sh" %}

{% include "cores.sh" %}

{% include "network.sh" %}

{% include "ready.sh" %}

{% include "drives.sh" %}

# Sets up the container $1 on port $2 with $3 cores. Further arguments are options for this container.
set_up_container() {
  local name=$1 port=$2 count=$3
  shift 3
  local taken nets=()
  take_cores "$count"
  take_interfaces "$count"
  weka local setup container --name "$name" --base-port "$port" --cores "$count" --core-ids "$taken" "$@" \
    --join-ips "$join_ips" --failure-domain "$failure_domain" --management-ips "$address" "${nets[@]}" --dedicate ||
    fail "container $name could not be set up"
}

# Weka's own images and Amazon Linux include python3, but not always jq.
command -v python3 >/dev/null || fail "python3 is not installed: it is required to parse the output of weka"

start_log_agent
prepare_filesystem
find_backend || fail "no backend responds"
install_weka

# Check both before the first container is set up: set up no container if one of them could not get its resources.
find_cores $((compute_cores + frontend_cores + drive_cores))
find_interfaces $((compute_cores + frontend_cores + drive_cores))
failure_domain=$(printf %s "$address" | sha256sum | cut -c 1-16)
join_ips=$(IFS=,; echo "${backends[*]}")

# Without --no-frontends, Weka uses one of the container's cores as a frontend.
set_up_container drives0 14000 "$drive_cores" --no-frontends --drives-dedicated-cores "$drive_cores"
set_up_container compute0 15000 "$compute_cores" --no-frontends --compute-dedicated-cores "$compute_cores" --memory "$compute_memory"
if ((frontend_cores > 0)); then
  set_up_container frontend0 16000 "$frontend_cores" --frontend-dedicated-cores "$frontend_cores" --allow-protocols true
fi

wait_ready
add_drives || remove_containers_and_fail
weka events trigger-event "wekactl: $address has joined the cluster; data may still be migrating to it" || log "the event could not be added to Weka's event log"
