#!/bin/bash
# Makes this instance a stateless client of the Weka cluster: the first mount creates its container. No credentials are needed.
{% include "quiet.sh" %}

{% include "backends.sh" %}
# Each is a filesystem and a mount point.
mounts=({% for mount in mounts %}{{ mount.filesystem|shell }} {{ mount.path|shell }}{% if not loop.last %} {% endif %}{% endfor %})

{% include "common.sh" %}

{% include "fail.sh" %}

{% include "retry.sh" %}

{% include "machine.sh" %}

{% include "volume.sh" %}

{% include "agent.sh" %}

{% include "install.sh" %}

{% include "cores.sh" %}

# Puts the mount options into $options. Weka attaches a network interface for each core itself: on AWS, `net` must not name one.
# remove_after_secs is the time after which the cluster removes a client that has disappeared.
mount_options() {
  mapfile -t cores < <(list_cores)
  options=remove_after_secs=3600
  if ((${#cores[@]} > 0)); then
    options+=,num_cores=1
  else
    log "this machine has one core: Weka uses UDP"
    options+=,num_cores=0,net=udp
  fi
}

# Mounts the filesystem $1 at $2, now and at every boot. At boot, the mount waits for Weka's agent and for the network.
mount_filesystem() {
  local device=$hosts/$1 point=$2
  mkdir -p "$root$point"
  if ! mountpoint -q "$root$point"; then
    log "mounting $device at $point"
    mount -t wekafs -o "$options" "$device" "$root$point" || fail "$device could not be mounted at $point"
  fi
  grep -q " $point wekafs " "$root/etc/fstab" ||
    echo "$device $point wekafs $options,x-systemd.after=weka-agent.service,x-systemd.mount-timeout=infinity,_netdev 0 0" >>"$root/etc/fstab"
}

start_log_agent
read_identity
# Without a volume of its own, /opt/weka is on the root volume.
prepare_filesystem
reset_image_state
find_backend || fail "no backend responds"
install_agent "$backend" || fail "installing from $backend failed"
mount_options
# Any of these backends can accept the client. The line in fstab must not grow with the cluster.
hosts=$(IFS=,; echo "${backends[*]:0:8}")
for ((index = 0; index < ${#mounts[@]}; index += 2)); do
  mount_filesystem "${mounts[index]}" "${mounts[index + 1]}"
done
