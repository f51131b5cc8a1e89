#!/bin/bash
# Makes this instance a backend of the Weka cluster.
{ set +x; } 2>/dev/null
set -euo pipefail

export WEKA_USERNAME={{ username|shell }}
export WEKA_PASSWORD={{ password|shell }}
backends=({% for backend in backends %}{{ backend|shell }}{% if not loop.last %} {% endif %}{% endfor %})
compute_cores={{ profile.cores.compute }}
frontend_cores={{ profile.cores.frontend }}
drive_cores={{ profile.cores.drive }}
compute_memory={{ profile.compute_memory|shell }}

{% include "common.sh" %}

{% include "retry.sh" %}

{% include "install.sh" %}

{% include "cores.sh" %}

{% include "ready.sh" %}

# Sets up the container $1 on port $2 with $3 cores; what follows are options of its own.
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

# The local drives that Weka may have, a path each: not rotational, whole disks, not mounted, EC2's own NVMe.
list_drives() {
  weka local exec --container compute0 /usr/local/bin/wapi machine-query-info --info-types=DISKS -J | python3 -c '
import json, sys

def disks(found):
    if isinstance(found, dict):
        if "devName" in found or "devPath" in found:
            yield found
        else:
            for value in found.values():
                yield from disks(value)
    elif isinstance(found, list):
        for value in found:
            yield from disks(value)

for disk in disks(json.load(sys.stdin)):
    if disk.get("isRotational") or disk.get("type") != "DISK" or disk.get("isMounted"):
        continue
    if disk.get("model", "").strip() == "Amazon EC2 NVMe Instance Storage":
        print(disk.get("devPath") or "/dev/" + disk["devName"])
'
}

# The ids of this machine's containers in the cluster: $1 a name, or empty for all.
host_ids() {
  weka cluster container --json | ADDRESS=$address NAME=$1 python3 -c '
import json, os, re, sys

for host in json.load(sys.stdin):
    addresses = [host.get("host_ip")] + (host.get("ips") or [])
    if os.environ["ADDRESS"] in addresses and os.environ["NAME"] in ("", host.get("container_name")):
        print(re.sub(r"\D", "", str(host.get("host_id") or host.get("id") or "")))
'
}

add_drives() {
  local drive host
  host=$(host_ids drives0)
  if [ -z "$host" ]; then
    log "the cluster does not know this machine yet"
    return 1
  fi
  for drive in $(list_drives); do
    weka local exec --container drives0 /weka/tools/weka_sign_drive "$drive" || return 1
    # The kernel shows the partition after a while.
    retry 30 2 has_partition "$drive" || return 1
  done
  retry 60 10 weka cluster drive scan "$host"
}

has_partition() { [ -e "$root${1}p1" ] || [ -e "$root${1}1" ]; }

# A machine without its drives is none: its containers are taken out again.
give_up() {
  local ids=()
  read -r -a ids <<<"$(host_ids "" | tr '\n' ' ')"
  if ((${#ids[@]} > 0)); then
    weka cluster container deactivate "${ids[@]}" || log "the new containers could not be deactivated"
  fi
  fail "the drives could not be added"
}

start_log_agent
prepare_filesystem
find_backend || fail "no backend answers"
install_weka

token=$(imds_token) || fail "no token of the instance metadata service"
address=$(imds_get local-ipv4) || fail "the instance metadata service does not tell the address"
failure_domain=$(printf %s "$address" | sha256sum | cut -c 1-16)
join_ips=$(IFS=,; echo "${backends[*]}")
mapfile -t cores < <(list_cores)
mapfile -t interfaces < <(list_interfaces)

set_up_container drives0 14000 "$drive_cores" --no-frontends --drives-dedicated-cores "$drive_cores"
set_up_container compute0 15000 "$compute_cores" --no-frontends --compute-dedicated-cores "$compute_cores" --memory "$compute_memory"
if ((frontend_cores > 0)); then
  set_up_container frontend0 16000 "$frontend_cores" --frontend-dedicated-cores "$frontend_cores" --allow-protocols true
fi

wait_ready
add_drives || give_up
weka events trigger-event "wekactl: $address has joined the cluster; data may still be on the move to it" || log "Weka's event log was not told"
