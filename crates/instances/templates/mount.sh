#!/bin/bash
# Mounts a Weka filesystem on a stateless client. Run it as root on a machine that can reach the backends on ports 14000 to 14100.
set -euo pipefail

FILESYSTEM=default
MOUNT_POINT=/mnt/weka
HOST={{ host|shell }}

{% include "fail.sh" %}

{% include "agent.sh" %}

# WEKACTL_ROOT is set only by the tests, so that the machine that runs them is not changed.
mount_point="${WEKACTL_ROOT:-}$MOUNT_POINT"

if mountpoint -q "$mount_point"; then
  echo "wekactl: $mount_point is already mounted"
  exit 0
fi
install_agent "$HOST" || fail "installing from $HOST failed"
mkdir -p "$mount_point"
mount -t wekafs "$HOST/$FILESYSTEM" "$mount_point" || fail "$HOST/$FILESYSTEM could not be mounted at $mount_point"
