#!/bin/sh
# The installer that a backend serves at /dist/v1/install. It installs and starts the agent.
set -e
opt=$WEKACTL_ROOT/opt/weka
mode=${WEKA_CGROUPS_MODE:-auto}
if [ "$mode" = force_v2 ] && [ ! -e "$WEKACTL_ROOT/sys/fs/cgroup/cgroup.controllers" ]; then
  echo "install: cgroups v2 is not mounted" >&2
  exit 1
fi
mkdir -p "$opt/data/agent"
echo "$mode" >"$MACHINE/cgroups-mode"
# The agent creates its identity at its first start, and keeps an existing one.
if [ ! -e "$opt/data/agent/machine-identifier" ]; then echo "of $LAB_INSTANCE" >"$opt/data/agent/machine-identifier"; fi
: >"$opt/agent"
