"""Sends requests that AWS refuses, one of each kind in each protocol. Prints those that the local AWS accepts, or refuses without
naming the operation, the member and the rule.
"""

import json

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
failures = []

POLICY = '{"Version": "2012-10-17", "Statement": []}'
FUNCTION = {"FunctionName": "f", "Role": "arn:aws:iam::123456789012:role/r", "Code": {"ZipFile": b"zip"}}
CHANGE = {"ResourceRecordSet": {"Name": "a.example.com", "Type": "A", "TTL": 5, "ResourceRecords": [{"Value": "10.0.0.1"}]}}

CASES = [
    # The query protocol.
    ("iam", "CreateRole", {"RoleName": "r"}, "the request: missing required field (required name: AssumeRolePolicyDocument)"),
    ("iam", "CreateRole", {"RoleName": "a b", "AssumeRolePolicyDocument": POLICY}, "RoleName: does not match the pattern (value: 'a b'"),
    ("iam", "CreateRole", {"RoleName": "r" * 65, "AssumeRolePolicyDocument": POLICY}, "RoleName: invalid length (max allowed: 64"),
    ("iam", "UpdateAccessKey", {"AccessKeyId": "A" * 20, "Status": "on"}, "Status: not a possible value (value: 'on'"),
    ("autoscaling", "DescribeTags", {"Filters": [{"Name": ""}], "NextToken": "\0"}, "NextToken: does not match the pattern"),
    # The protocol of EC2.
    ("ec2", "ModifyInstanceAttribute", {"Attribute": "userData"}, "missing required field (required name: InstanceId)"),
    ("ec2", "CreateLaunchTemplateVersion", {"LaunchTemplateName": "a b", "LaunchTemplateData": {"ImageId": "ami-1"}}, "LaunchTemplateName: does not match"),
    ("ec2", "CreateLaunchTemplateVersion", {"LaunchTemplateName": "a" * 129, "LaunchTemplateData": {"ImageId": "ami-1"}}, "(max allowed: 128"),
    ("ec2", "RunInstances", {"MinCount": 1, "MaxCount": 1, "InstanceType": "huge"}, "InstanceType: not a possible value"),
    # JSON.
    ("kms", "CreateAlias", {"AliasName": "alias/a"}, "missing required field (required name: TargetKeyId)"),
    ("kms", "CreateAlias", {"AliasName": "alias/a b", "TargetKeyId": "k"}, "AliasName: does not match the pattern"),
    ("kms", "CreateKey", {"KeyUsage": "ANY"}, "KeyUsage: not a possible value"),
    ("kms", "ScheduleKeyDeletion", {"KeyId": "k", "PendingWindowInDays": 366}, "(max allowed: 365"),
    ("dynamodb", "DescribeTable", {"TableName": ""}, "TableName: invalid length (min allowed: 1"),
    # REST with JSON.
    ("lambda", "CreateFunction", {**FUNCTION, "Role": None}, "missing required field (required name: Role)"),
    ("lambda", "CreateFunction", {**FUNCTION, "Role": "role/r"}, "Role: does not match the pattern"),
    ("lambda", "CreateFunction", {**FUNCTION, "Runtime": "cobol"}, "Runtime: not a possible value"),
    ("lambda", "CreateFunction", {**FUNCTION, "Description": "a" * 257}, "Description: invalid length (max allowed: 256"),
    ("lambda", "ListFunctions", {"MaxItems": 10001}, "MaxItems: invalid range (max allowed: 10000"),
    # REST with XML.
    ("route53", "ChangeResourceRecordSets", {"HostedZoneId": "Z1", "ChangeBatch": {"Changes": [{"Action": "MAKE", **CHANGE}]}}, "Action: not a possible value"),
    ("route53", "ChangeResourceRecordSets", {"HostedZoneId": "Z1", "ChangeBatch": {"Changes": []}}, "Changes: invalid length (min allowed: 1"),
    ("route53", "ChangeResourceRecordSets", {"HostedZoneId": "Z1", "ChangeBatch": {"Changes": [{"Action": "CREATE"}]}}, "(required name: ResourceRecordSet)"),
    ("route53", "GetHostedZone", {"Id": "Z" * 33}, "Id: invalid length (max allowed: 32"),
]

# A member that no model has, in the body of each protocol.
UNKNOWN = [
    ("iam", "ListRoles", {}, lambda body: {**body, "Colour": "red"}, "Colour: unknown member"),
    ("ec2", "DescribeVpcs", {"VpcIds": ["vpc-1"]}, lambda body: {**body, "VpcId.1.Colour": "red"}, "VpcId.1.Colour: unknown member"),
    ("kms", "ListKeys", {}, lambda body: json.dumps({"Colour": "red"}).encode(), "Colour: unknown member"),
    ("lambda", "CreateFunction", FUNCTION, lambda body: body.replace(b"ZipFile", b"Colour"), "Code.Colour: unknown member"),
    (
        "route53", "ChangeResourceRecordSets", {"HostedZoneId": "Z1", "ChangeBatch": {"Changes": [{"Action": "CREATE", **CHANGE}]}},
        lambda body: body.replace(b"TTL", b"Colour"), ".Colour: unknown member",
    ),
]  # fmt: skip


def send(service, operation, parameters, expected, change=None):
    client = boto3.client(service, config=config)
    if change:
        def change_body(request, **_):
            request.data = change(request.data)

        client.meta.events.register("before-sign", change_body)
    name = {api: method for method, api in client.meta.method_to_api_mapping.items()}[operation]
    try:
        getattr(client, name)(**{key: value for key, value in parameters.items() if value is not None})
        failures.append(f"{service} {operation} is accepted: {expected}")
    except ClientError as error:
        message = error.response["Error"]["Message"]
        if error.response["Error"]["Code"] != "ValidationException" or f"{operation}: " not in message or expected not in message:
            failures.append(f"{service} {operation} fails with {error} instead of: {expected}")


for case in CASES:
    send(*case)
for service, operation, parameters, change, expected in UNKNOWN:
    send(service, operation, parameters, expected, change)
print(json.dumps({"failures": failures, "sent": len(CASES) + len(UNKNOWN)}))
