# Python programs run inside a container, which has python3: the machine may not have it. A container has the machine's
# /opt/weka, so the programs and the credentials are files there that only root can read. As arguments or as `-e NAME=VALUE`, the
# credentials would be visible in the process list.
prepare_container_files() {
  mkdir -p "$root/opt/weka/tmp"
  shared=$(mktemp -d "$root/opt/weka/tmp/wekactl.XXXXXX") || fail "no folder could be created below /opt/weka/tmp"
  trap 'rm -rf "$shared"' EXIT
  (
    umask 077
    printf 'export WEKA_USERNAME=%q WEKA_PASSWORD=%q\n' "$username" "$password" >"$shared/credentials"
    cat >"$shared/drives.py" <<'END'
{% include "drives.py" %}
END
    cat >"$shared/entries.py" <<'END'
{% include "entries.py" %}
END
  )
}

# Runs a bash command inside the container compute0, with the credentials and in the folder of the shared files.
in_container() { weka local run --container compute0 bash -ceu "set -o pipefail; cd '$shared'; . ./credentials; $1"; }
