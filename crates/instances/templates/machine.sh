# WEKACTL_ROOT is set only by the lab and the tests. It is prepended to the paths of devices, mounts and kernel files, so that
# the machine that runs the tests is not changed. On an instance it is empty.
root="${WEKACTL_ROOT:-}"
# What this script records about this instance.
state="$root/opt/weka/wekactl"

# Puts this machine's instance id into $instance.
read_identity() {
  token=$(imds_token) || fail "the instance metadata service returned no token"
  instance=$(imds_get instance-id) || fail "the instance metadata service returned no instance id"
}

# The log agent is optional.
start_log_agent() {
  systemctl start amazon-cloudwatch-agent >/dev/null 2>&1 || systemctl start awslogsd >/dev/null 2>&1 || log "no log agent was started"
}

# An image of a Weka machine has that machine's state. Two machines with one identity cannot join: remove it before the agent
# starts for the first time.
reset_image_state() {
  if [ -r "$state/instance" ] && [ "$(<"$state/instance")" = "$instance" ]; then return; fi
  rm -rf "$state"
  rm -f "$root/opt/weka/data/agent/machine-identifier"
  mkdir -p "$state"
  echo "$instance" >"$state/instance"
}
