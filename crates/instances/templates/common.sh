# The lab and the tests run this script on a machine that is no instance. WEKACTL_IMDS is then their metadata service, and
# WEKACTL_PAUSE the seconds of every pause, so that no test waits. Neither is set on an instance.
imds="${WEKACTL_IMDS:-http://169.254.169.254}"

log() { echo "wekactl: $*"; }
pause() { sleep "${WEKACTL_PAUSE:-$1}"; }

imds_token() {
  curl --fail --silent --show-error --max-time 10 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 21600' "$imds/latest/api/token"
}
# The header that carries the token is read from a descriptor, so that no process list shows it.
imds_get() {
  curl --fail --silent --show-error --max-time 10 -H @<(printf 'X-aws-ec2-metadata-token: %s\n' "$token") "$imds/latest/meta-data/$1"
}
