# AWS reuses addresses, and an earlier attempt of this instance can have left containers in the cluster. Reads the cluster's
# containers and prints those of the instance that is the first argument: `current ID NAME STATUS` for the newest container of
# each name that is not being removed, `stale ID STATE` for all others.
import json, re, sys

def instance(container):
    for field in ("aws", "cloud"):
        found = (container.get(field) or {}).get("instance_id")
        if found:
            return found

def number(container):
    return int(re.sub(r"\D", "", str(container.get("host_id") or container.get("id"))))

def age(container):
    return (container.get("added_time") or "", number(container))

own = [container for container in json.load(sys.stdin) if instance(container) == sys.argv[1]]
newest = {}
for container in sorted(own, key=age):
    if container.get("state") not in ("DEACTIVATING", "REMOVING", "INACTIVE"):
        newest[container.get("container_name")] = container
for container in own:
    if container is newest.get(container.get("container_name")):
        print("current", number(container), container.get("container_name"), container.get("status"))
    elif container.get("state") != "REMOVING":
        print("stale", number(container), container.get("state"))
