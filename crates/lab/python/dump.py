"""Prints all resources in the account as JSON. It is sorted: two dumps of the same state are equal byte for byte.

The format is the same as that of the dump of a real import by wekactl 1.x (Go), with `elb`, `instances` and `loggroups`
in addition. Terminated instances are omitted.
"""

import base64
import json

import boto3


def pages(client, operation, key, **arguments):
    return [item for page in client.get_paginator(operation).paginate(**arguments) for item in page[key]]


def tags_of(tags, key="Key"):
    return sorted(tags, key=lambda tag: tag[key])


def apigateway(client):
    apis = []
    for api in pages(client, "get_rest_apis", "items"):
        id_ = api["id"]
        resources = [
            {"path": resource["path"], "methods": resource.get("resourceMethods", {})}
            for resource in pages(client, "get_resources", "items", restApiId=id_, embed=["methods"])
        ]
        if "policy" in api:
            # API Gateway escapes the quotes.
            api["policy"] = document(api["policy"].replace('\\"', '"'))
        stages = client.get_stages(restApiId=id_)["item"]
        apis.append({"api": api, "resources": sorted(resources, key=lambda r: r["path"]), "stages": stages})
    return sorted(apis, key=lambda entry: (entry["api"]["name"], entry["api"]["id"]))


def apikeys(client):
    keys = pages(client, "get_api_keys", "items", includeValues=True)
    return sorted(keys, key=lambda key: (key["name"], key["id"]))


def usageplans(client):
    plans = [
        {"plan": plan, "keys": pages(client, "get_usage_plan_keys", "items", usagePlanId=plan["id"])}
        for plan in pages(client, "get_usage_plans", "items")
    ]
    return sorted(plans, key=lambda entry: (entry["plan"]["name"], entry["plan"]["id"]))


def autoscaling(client):
    groups = pages(client, "describe_auto_scaling_groups", "AutoScalingGroups")
    for group in groups:
        group["Instances"].sort(key=lambda member: member["InstanceId"])
        group["Tags"] = tags_of(group["Tags"])
        group["SuspendedProcesses"].sort(key=lambda process: process["ProcessName"])
    return sorted(groups, key=lambda group: group["AutoScalingGroupName"])


def dynamodb(client):
    tables = []
    for name in sorted(pages(client, "list_tables", "TableNames")):
        table = client.describe_table(TableName=name)["Table"]
        backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        tables.append({
            "table": table,
            "items": sorted(pages(client, "scan", "Items", TableName=name), key=as_text),
            "point_in_time_recovery": backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
            "tags": tags_of(pages(client, "list_tags_of_resource", "Tags", ResourceArn=table["TableArn"])),
        })  # fmt: skip
    return tables


def elb(client):
    balancers = pages(client, "describe_load_balancers", "LoadBalancerDescriptions")
    for balancer in balancers:
        balancer["Instances"].sort(key=lambda instance: instance["InstanceId"])
    return sorted(balancers, key=lambda balancer: balancer["LoadBalancerName"])


def elbv2_tags(client, arn):
    return tags_of(client.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"])


def elbv2(client):
    balancers = []
    for balancer in pages(client, "describe_load_balancers", "LoadBalancers"):
        arn = balancer["LoadBalancerArn"]
        balancer["AvailabilityZones"].sort(key=lambda zone: zone["ZoneName"])
        listeners = [
            {"l": listener, "tags": elbv2_tags(client, listener["ListenerArn"])}
            for listener in pages(client, "describe_listeners", "Listeners", LoadBalancerArn=arn)
        ]
        listeners.sort(key=lambda entry: entry["l"]["Port"])
        balancers.append({"lb": balancer, "listeners": listeners, "tags": elbv2_tags(client, arn)})
    return sorted(balancers, key=lambda entry: entry["lb"]["LoadBalancerName"])


def targetgroups(client):
    groups = [
        {"tg": group, "tags": elbv2_tags(client, group["TargetGroupArn"])}
        for group in pages(client, "describe_target_groups", "TargetGroups")
    ]
    return sorted(groups, key=lambda entry: entry["tg"]["TargetGroupName"])


def events(client):
    rules = []
    for rule in sorted(pages(client, "list_rules", "Rules"), key=lambda rule: rule["Name"]):
        targets = pages(client, "list_targets_by_rule", "Targets", Rule=rule["Name"])
        tags = client.list_tags_for_resource(ResourceARN=rule["Arn"])["Tags"]
        rules.append({"rule": rule, "targets": sorted(targets, key=lambda t: t["Id"]), "tags": tags_of(tags)})
    return rules


def iam(client):
    roles = []
    for role in sorted(pages(client, "list_roles", "Roles"), key=lambda role: role["RoleName"]):
        name = role["RoleName"]
        inline = {
            policy: document(client.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])
            for policy in sorted(pages(client, "list_role_policies", "PolicyNames", RoleName=name))
        }
        roles.append({
            "name": name,
            "path": role["Path"],
            "assume": document(role["AssumeRolePolicyDocument"]),
            "inline": inline,
            "attached": [
                policy["PolicyArn"]
                for policy in pages(client, "list_attached_role_policies", "AttachedPolicies", RoleName=name)
            ],
            "tags": tags_of(pages(client, "list_role_tags", "Tags", RoleName=name)),
        })  # fmt: skip
    return roles


def instances(client):
    found = []
    for reservation in pages(client, "describe_instances", "Reservations"):
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] == "terminated":
                continue
            instance["Tags"] = tags_of(instance.get("Tags", []))
            attribute = client.describe_instance_attribute(
                InstanceId=instance["InstanceId"], Attribute="disableApiTermination"
            )
            found.append({"instance": instance, "termination_protection": attribute["DisableApiTermination"]["Value"]})
    return sorted(found, key=lambda entry: entry["instance"]["InstanceId"])


def kms(client):
    keys = []
    for key in pages(client, "list_keys", "Keys"):
        id_ = key["KeyId"]
        meta = client.describe_key(KeyId=id_)["KeyMetadata"]
        if meta["KeyManager"] != "CUSTOMER":
            continue
        keys.append({
            "meta": meta,
            "aliases": sorted(alias["AliasName"] for alias in pages(client, "list_aliases", "Aliases", KeyId=id_)),
            "rotation": client.get_key_rotation_status(KeyId=id_)["KeyRotationEnabled"],
            "tags": tags_of(pages(client, "list_resource_tags", "Tags", KeyId=id_), "TagKey"),
        })  # fmt: skip
    return sorted(keys, key=lambda entry: (entry["aliases"], entry["meta"]["KeyId"]))


def lambda_(client):
    functions = []
    for config in pages(client, "list_functions", "Functions"):
        name = config["FunctionName"]
        function = client.get_function(FunctionName=name)
        try:
            policy = document(client.get_policy(FunctionName=name)["Policy"])
        except client.exceptions.ResourceNotFoundException:
            policy = None
        functions.append({"config": function["Configuration"], "tags": function.get("Tags", {}), "policy": policy})
    return sorted(functions, key=lambda entry: entry["config"]["FunctionName"])


def launchtemplates(client):
    templates = []
    for template in pages(client, "describe_launch_templates", "LaunchTemplates"):
        id_ = template["LaunchTemplateId"]
        template["Tags"] = tags_of(template.get("Tags", []))
        versions = pages(client, "describe_launch_template_versions", "LaunchTemplateVersions", LaunchTemplateId=id_)
        for version in versions:
            data = version["LaunchTemplateData"]
            if data.get("UserData"):
                data["UserData"] = base64.b64decode(data["UserData"]).decode()
            for specification in data.get("TagSpecifications", []):
                specification["Tags"] = tags_of(specification["Tags"])
        templates.append({"template": template, "versions": sorted(versions, key=lambda v: v["VersionNumber"])})
    return sorted(templates, key=lambda entry: entry["template"]["LaunchTemplateName"])


def loggroups(client):
    groups = []
    for group in sorted(pages(client, "describe_log_groups", "logGroups"), key=lambda group: group["logGroupName"]):
        arn = group["arn"].removesuffix(":*")
        groups.append({"group": group, "tags": client.list_tags_for_resource(resourceArn=arn)["tags"]})
    return groups


def route53(client):
    zones = []
    for zone in sorted(pages(client, "list_hosted_zones", "HostedZones"), key=lambda zone: zone["Id"]):
        records = pages(client, "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone["Id"])
        zones.append({"zone": zone, "records": sorted(records, key=lambda record: (record["Name"], record["Type"]))})
    return zones


def sfn(client):
    machines = []
    for listed in sorted(pages(client, "list_state_machines", "stateMachines"), key=lambda machine: machine["name"]):
        arn = listed["stateMachineArn"]
        machine = client.describe_state_machine(stateMachineArn=arn)
        del machine["ResponseMetadata"]
        machine["definition"] = document(machine["definition"])
        tags = client.list_tags_for_resource(resourceArn=arn)["tags"]
        machines.append({"machine": machine, "tags": tags_of(tags, "key")})
    return machines


def as_text(value):
    return json.dumps(value, sort_keys=True, default=str)


def document(value):
    """A policy or definition. Some boto3 clients return it parsed, others as text."""
    return json.loads(value) if isinstance(value, str) else value


# The parts of the dump. SERVICES maps a part to boto3's name of its service if the names differ.
PARTS = {
    "apigateway": apigateway, "apikeys": apikeys, "autoscaling": autoscaling, "dynamodb": dynamodb, "elb": elb,
    "elbv2": elbv2, "events": events, "iam": iam, "instances": instances, "kms": kms, "lambda": lambda_,
    "launchtemplates": launchtemplates, "loggroups": loggroups, "route53": route53, "sfn": sfn,
    "targetgroups": targetgroups, "usageplans": usageplans,
}  # fmt: skip
SERVICES = {
    "apikeys": "apigateway", "instances": "ec2", "launchtemplates": "ec2", "loggroups": "logs", "sfn": "stepfunctions",
    "targetgroups": "elbv2", "usageplans": "apigateway",
}  # fmt: skip


def main():
    session = boto3.Session()
    account = {part: dump(session.client(SERVICES.get(part, part))) for part, dump in PARTS.items()}
    print(json.dumps(account, indent=1, sort_keys=True, default=str))


if __name__ == "__main__":
    main()
