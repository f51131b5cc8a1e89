{% include "quiet.sh" %}

ulimit -c 0
username={{ username|shell }}
password={{ password|shell }}
# Runs a command with the cluster's credentials. No other command has them in its environment.
with_login() { WEKA_USERNAME=$username WEKA_PASSWORD=$password "$@"; }
{% include "backends.sh" %}
