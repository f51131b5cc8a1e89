# Signing a drive destroys its data. Lists only the drives that are whole, unmounted, non-rotational disks of EC2's instance
# store, one path per line. Fails if one of these facts is missing for any disk.
list_drives() {
  weka local exec --container compute0 /usr/local/bin/wapi machine-query-info --info-types=DISKS -J | python3 -c '
import json, sys

def disks(node):
    if isinstance(node, dict):
        if "devName" in node or "devPath" in node:
            yield node
        else:
            for value in node.values():
                yield from disks(value)
    elif isinstance(node, list):
        for value in node:
            yield from disks(value)

for disk in disks(json.load(sys.stdin)):
    if disk["isRotational"] or disk["type"] != "DISK" or disk["isMounted"]:
        continue
    if (disk["model"] or "").strip() == "Amazon EC2 NVMe Instance Storage":
        print(disk.get("devPath") or "/dev/" + disk["devName"])
'
}

# AWS reuses addresses: the cluster may still list containers of an earlier instance with this machine's address. Prints the ids
# of this machine's containers: the newest container of each name, without those that are inactive or being removed.
# $1 is the name of one container; if it is empty, all containers that this script creates are printed.
container_ids() {
  weka cluster container --json | ADDRESS=$address NAME=$1 python3 -c '
import json, os, re, sys

inactive = ("DEACTIVATING", "REMOVING", "INACTIVE")
names = [os.environ["NAME"]] if os.environ["NAME"] else ["drives0", "compute0", "frontend0"]
newest = {}
for container in json.load(sys.stdin):
    name = container.get("container_name")
    addresses = [container.get("host_ip")] + (container.get("ips") or [])
    if os.environ["ADDRESS"] not in addresses or name not in names or container.get("state") in inactive:
        continue
    number = int(re.sub(r"\D", "", str(container.get("host_id") or container.get("id"))))
    newest[name] = max(newest.get(name, ("", 0)), (container.get("added_time") or "", number))
for name in names:
    if name in newest:
        print(newest[name][1])
'
}

has_partition() { [ -e "$root${1}p1" ] || [ -e "$root${1}1" ]; }
cluster_lists_drives0() { host=$(container_ids drives0) && [ -n "$host" ]; }
has_drives() { drives=$(list_drives) && [ -n "$drives" ]; }

# bash ignores `set -e` in a function that is called with `||`: every step must return its failure explicitly.
add_drives() {
  local drive drives="" host=""
  retry 30 10 cluster_lists_drives0 || {
    log "the cluster does not list this machine's container drives0"
    return 1
  }
  retry 6 10 has_drives || {
    log "this machine has no unused local NVMe drive, or its drives could not be listed"
    return 1
  }
  for drive in $drives; do
    weka local exec --container drives0 /weka/tools/weka_sign_drive "$drive" || {
      log "drive $drive could not be signed"
      return 1
    }
    # The kernel shows the new partition after a short delay.
    retry 30 2 has_partition "$drive" || {
      log "drive $drive has no partition after signing"
      return 1
    }
  done
  retry 60 10 weka cluster drive scan "$host"
}

# A backend without drives is useless: deactivate the containers that this script created.
remove_containers_and_fail() {
  local ids=()
  mapfile -t ids < <(container_ids "")
  if ((${#ids[@]} > 0)); then
    weka cluster container deactivate "${ids[@]}" || log "the new containers could not be deactivated"
  fi
  fail "the drives could not be added"
}
