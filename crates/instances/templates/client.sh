#!/bin/bash
# Joins this instance to the Weka cluster as a client.
{% include "credentials.sh" %}

{% include "common.sh" %}

{% include "fail.sh" %}

{% include "retry.sh" %}

{% include "agent.sh" %}

{% include "install.sh" %}

{% include "cores.sh" %}

{% include "network.sh" %}

{% include "ready.sh" %}

start_log_agent
prepare_filesystem
find_backend || fail "no backend responds"
install_weka

find_cores 1
find_interfaces 1
join_ips=$(IFS=,; echo "${backends[*]}")
taken="" nets=()
take_cores 1
take_interfaces 1
weka local setup container --name client0 --base-port 14000 --client --cores 1 --core-ids "$taken" --join-ips "$join_ips" \
  --management-ips "$address" "${nets[@]}" --dedicate || fail "container client0 could not be set up"
wait_ready
weka events trigger-event "wekactl: client $address has joined the cluster" || log "the event could not be added to Weka's event log"
