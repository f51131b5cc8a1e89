# The local drives that Weka may have, a path each: not rotational, whole disks, not mounted, EC2's own NVMe. A disk of which
# one of these is not known fails the list: what is signed loses its data.
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
    if disk["isRotational"] or disk["type"] != "DISK" or disk["isMounted"]:
        continue
    if (disk["model"] or "").strip() == "Amazon EC2 NVMe Instance Storage":
        print(disk.get("devPath") or "/dev/" + disk["devName"])
'
}

# The ids of this machine's containers in the cluster: of the one called $1, or with an empty name of all that were just made.
# AWS gives an address again, so the cluster may still list containers of an instance that had it before: of each name the
# newest counts, and none that has left or is about to.
host_ids() {
  weka cluster container --json | ADDRESS=$address NAME=$1 python3 -c '
import json, os, re, sys

leaving = ("DEACTIVATING", "REMOVING", "INACTIVE")
names = [os.environ["NAME"]] if os.environ["NAME"] else ["drives0", "compute0", "frontend0"]
newest = {}
for host in json.load(sys.stdin):
    name = host.get("container_name")
    addresses = [host.get("host_ip")] + (host.get("ips") or [])
    if os.environ["ADDRESS"] not in addresses or name not in names or host.get("state") in leaving:
        continue
    number = int(re.sub(r"\D", "", str(host.get("host_id") or host.get("id"))))
    newest[name] = max(newest.get(name, ("", 0)), (host.get("added_time") or "", number))
for name in names:
    if name in newest:
        print(newest[name][1])
'
}

has_partition() { [ -e "$root${1}p1" ] || [ -e "$root${1}1" ]; }
knows_drives0() { host=$(host_ids drives0) && [ -n "$host" ]; }
finds_drives() { drives=$(list_drives) && [ -n "$drives" ]; }

# Every step says itself whether it failed: bash does not stop at errors in what is called with `||`.
add_drives() {
  local drive drives="" host=""
  retry 30 10 knows_drives0 || {
    log "the cluster does not know this machine's container drives0"
    return 1
  }
  retry 6 10 finds_drives || {
    log "this machine has no free local NVMe drive, or they could not be listed"
    return 1
  }
  for drive in $drives; do
    weka local exec --container drives0 /weka/tools/weka_sign_drive "$drive" || {
      log "drive $drive could not be signed"
      return 1
    }
    # The kernel shows the partition after a while.
    retry 30 2 has_partition "$drive" || {
      log "drive $drive has no partition after it was signed"
      return 1
    }
  done
  retry 60 10 weka cluster drive scan "$host"
}

# A backend without its drives is none: the containers just made are taken out again.
give_up() {
  local ids=()
  mapfile -t ids < <(host_ids "")
  if ((${#ids[@]} > 0)); then
    weka cluster container deactivate "${ids[@]}" || log "the new containers could not be deactivated"
  fi
  fail "the drives could not be added"
}
