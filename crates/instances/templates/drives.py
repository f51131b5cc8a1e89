# Signing a drive destroys its data. Lists only the drives that are whole, unmounted, non-rotational disks of EC2's instance
# store, one path per line. Fails if one of these facts is missing for any disk.
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
