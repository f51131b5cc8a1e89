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

{% include "machine.sh" %}

{% include "volume.sh" %}

{% include "agent.sh" %}

{% include "install.sh" %}

{% include "version.sh" %}

{% include "cores.sh" %}

{% include "take-cores.sh" %}

{% include "network.sh" %}

{% include "ready.sh" %}

{% include "container.sh" %}

{% include "drives.sh" %}

# Sets up the container $1 on port $2 with $3 cores. Further arguments are options for this container.
set_up_container() {
  local name=$1 port=$2 count=$3
  shift 3
  local taken nets=()
  take_cores "$count"
  take_interfaces "$count"
  with_login weka local setup container --name "$name" --base-port "$port" --cores "$count" --core-ids "$taken" "$@" \
    --join-ips "$join_ips" --failure-domain "$failure_domain" --management-ips "$address" "${nets[@]}" --dedicate ||
    fail "container $name could not be set up"
  names+=("$name")
}

start_log_agent
read_identity
address=$(imds_get local-ipv4) || fail "the instance metadata service returned no address"
prepare_filesystem
if [ -z "$device" ]; then fail "no EBS volume for /opt/weka: none has Weka's label, is attached as /dev/sdp, or is empty"; fi
reset_image_state
# Setting up containers again would destroy a member of the cluster.
if [ -e "$state/joined" ]; then
  log "this instance has already joined the cluster"
  exit 0
fi
find_backend || fail "no backend responds"
install_weka
# Waiting for a cluster that rejects the password would lock the user: Weka locks it after five failed logins.
with_login weka cluster container --json --HOST "$backend" >/dev/null || fail "backend $backend does not list the cluster's containers with these credentials"

# Check both before the first container is set up: set up no container if one of them could not get its resources.
find_cores $((compute_cores + frontend_cores + drive_cores))
find_interfaces $((compute_cores + frontend_cores + drive_cores))
failure_domain=$(printf %s "$address" | sha256sum | cut -c 1-16)
join_ips=$(IFS=,; echo "${backends[*]}")
names=()

# Without --no-frontends, Weka uses one of the container's cores as a frontend.
set_up_container drives0 14000 "$drive_cores" --no-frontends --drives-dedicated-cores "$drive_cores"
set_up_container compute0 15000 "$compute_cores" --no-frontends --compute-dedicated-cores "$compute_cores" --memory "$compute_memory"
if ((frontend_cores > 0)); then
  set_up_container frontend0 16000 "$frontend_cores" --frontend-dedicated-cores "$frontend_cores" --allow-protocols true
fi

wait_ready
prepare_container_files
retry 30 10 cluster_lists_containers || fail "the cluster does not list this machine's containers: ${names[*]}"
remove_stale_entries
add_drives || remove_containers_and_fail
: >"$state/joined"
with_login weka events trigger-event "wekactl: $address has joined the cluster; data may still be migrating to it" || log "the event could not be added to Weka's event log"
