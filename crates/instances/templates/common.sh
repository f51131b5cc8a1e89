# WEKACTL_IMDS and WEKACTL_PAUSE are set only by the lab and the tests, which run this script on a machine that is not an EC2
# instance. They replace the URL of the instance metadata service and the length of every pause, in seconds.
imds="${WEKACTL_IMDS:-http://169.254.169.254}"

log() { echo "wekactl: $*"; }
pause() { sleep "${WEKACTL_PAUSE:-$1}"; }

imds_token() {
  curl --fail --silent --show-error --max-time 10 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 21600' "$imds/latest/api/token"
}
# curl reads the token's header from a file descriptor, because arguments are visible in the process list.
imds_get_path() {
  curl --fail --silent --show-error --max-time 10 -H @<(printf 'X-aws-ec2-metadata-token: %s\n' "$token") "$imds/latest/$1"
}
imds_get() { imds_get_path "meta-data/$1"; }
