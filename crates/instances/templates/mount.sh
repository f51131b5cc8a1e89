#!/bin/bash
# Mounts a Weka filesystem on a stateless client. Run it as root on a machine that reaches the backends on ports 14000 to 14100.
set -euo pipefail

FILESYSTEM=default
MOUNT_POINT=/mnt/weka
HOST={{ host|shell }}

curl --fail --silent --show-error "http://$HOST:14000/dist/v1/install" | sh
mkdir -p "$MOUNT_POINT"
mount -t wekafs "$HOST/$FILESYSTEM" "$MOUNT_POINT"
