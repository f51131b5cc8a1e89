# The calls of EC2's API, with the AWS CLI if it is installed. Ubuntu and RHEL do not include it: there, curl signs the requests.

# curl signs requests from 7.75 on, and the session token with them from 7.88 on.
curl_is() {
  local version major minor
  version=$(curl --version | sed -n '1s/^curl \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
  read -r major minor <<<"$version"
  ((major > 7 || (major == 7 && minor >= $1)))
}

install_aws_cli() {
  local package
  for package in awscli awscli-2 awscli2; do
    dnf install -y -q "$package" || yum install -y -q "$package" || apt-get install -y -q "$package" || continue
    return 0
  done >/dev/null 2>&1
  return 1
}

choose_ec2_client() {
  ec2=""
  if command -v aws >/dev/null; then
    ec2=aws
  elif curl_is 88; then
    ec2=curl
  elif install_aws_cli; then
    ec2=aws
  elif curl_is 75; then
    ec2=curl
  else
    log "there is no AWS CLI, and curl is too old to sign requests"
    return 1
  fi
  log "calling EC2 with $ec2"
}

# Puts the role's credentials and the API's domain into variables. They change every few hours.
read_role() {
  local role document
  role=$(imds_get iam/security-credentials/) && domain=$(imds_get services/domain) &&
    document=$(imds_get "iam/security-credentials/$role") || return 1
  key_id=$(field AccessKeyId) secret=$(field SecretAccessKey) session=$(field Token)
}
field() { sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p' <<<"$document"; }

# Sends a signed request; the arguments are its parameters. curl reads the credentials from a file descriptor.
query() {
  local parameter arguments=()
  for parameter in "$@" Version=2016-11-15; do arguments+=(--data-urlencode "$parameter"); done
  curl --fail --silent --show-error --max-time 60 --aws-sigv4 "aws:amz:$region:ec2" \
    --config <(printf 'user = "%s:%s"\nheader = "x-amz-security-token: %s"\n' "$key_id" "$secret" "$session") \
    "${arguments[@]}" "https://ec2.$region.$domain/"
}
# Prints the first element $1 of an answer.
element() { tr '<' '\n' | sed -n "s/^$1>//p" | head -n 1; }

# Prints the interface with the description $1: its id, its attachment, and whether it is deleted with the instance.
describe_interface() {
  local answer name value
  if [ "$ec2" = aws ]; then
    aws ec2 describe-network-interfaces --region "$region" --filters "Name=description,Values=$1" --output text \
      --query 'NetworkInterfaces[0].[NetworkInterfaceId,Attachment.AttachmentId,Attachment.DeleteOnTermination]'
  else
    answer=$(query Action=DescribeNetworkInterfaces Filter.1.Name=description "Filter.1.Value.1=$1") || return 1
    for name in networkInterfaceId attachmentId deleteOnTermination; do
      value=$(element "$name" <<<"$answer")
      printf '%s ' "${value:-None}"
    done
  fi
}

create_interface() {
  local answer index parameters=()
  if [ "$ec2" = aws ]; then
    aws ec2 create-network-interface --region "$region" --subnet-id "$subnet" --groups "${security_groups[@]}" \
      --description "$1" --output text --query NetworkInterface.NetworkInterfaceId
  else
    for index in "${!security_groups[@]}"; do parameters+=("SecurityGroupId.$((index + 1))=${security_groups[index]}"); done
    answer=$(query Action=CreateNetworkInterface "SubnetId=$subnet" "Description=$1" "${parameters[@]}") || return 1
    element networkInterfaceId <<<"$answer"
  fi
}

# Attaches the interface $1 with device index $2.
attach_interface() {
  local answer
  if [ "$ec2" = aws ]; then
    aws ec2 attach-network-interface --region "$region" --network-interface-id "$1" \
      --instance-id "$instance" --device-index "$2" --output text --query AttachmentId
  else
    answer=$(query Action=AttachNetworkInterface "NetworkInterfaceId=$1" "InstanceId=$instance" "DeviceIndex=$2") || return 1
    element attachmentId <<<"$answer"
  fi
}

# Deletes the interface $1 with the instance; $2 is its attachment.
delete_with_instance() {
  if [ "$ec2" = aws ]; then
    aws ec2 modify-network-interface-attribute --region "$region" --network-interface-id "$1" \
      --attachment "AttachmentId=$2,DeleteOnTermination=true"
  else
    query Action=ModifyNetworkInterfaceAttribute "NetworkInterfaceId=$1" "Attachment.AttachmentId=$2" \
      Attachment.DeleteOnTermination=true >/dev/null
  fi
}

delete_interface() {
  if [ "$ec2" = aws ]; then
    aws ec2 delete-network-interface --region "$region" --network-interface-id "$1"
  else
    query Action=DeleteNetworkInterface "NetworkInterfaceId=$1" >/dev/null
  fi
}
