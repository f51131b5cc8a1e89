#!/bin/bash
# Mounts a Weka filesystem on a stateless client. Run it as root on a machine that reaches the backends on ports 14000 to 14100.
set -euo pipefail

FILESYSTEM=default
MOUNT_POINT=/mnt/weka
HOST={{ host|shell }}

{% include "fail.sh" %}

{% include "agent.sh" %}

# WEKACTL_ROOT is set only where this script is tested, to leave that machine's folders alone.
mount_point="${WEKACTL_ROOT:-}$MOUNT_POINT"

if mountpoint -q "$mount_point"; then
  echo "wekactl: $mount_point is mounted already"
  exit 0
fi
install_agent "$HOST" || fail "installing from $HOST failed"
mkdir -p "$mount_point"
mount -t wekafs "$HOST/$FILESYSTEM" "$mount_point" || fail "$HOST/$FILESYSTEM could not be mounted at $mount_point"
