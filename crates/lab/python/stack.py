"""Creates a Weka CloudFormation stack: `stack.py TEMPLATE OPTIONS`. Prints the created resources as JSON."""

import json
import sys

import boto3
import yaml

DEFAULTS = {
    "name": "wk",
    "backends": 6,
    "clients": 2,
    # Terminated backends that the stack still lists.
    "terminated_backends": 0,
    "second_subnet": True,
    "classic_load_balancer": True,
    "backend_type": "i3en.2xlarge",
    "client_type": "c5.2xlarge",
    # The type of the last backend if it differs.
    "odd_backend_type": None,
    # One of moto's default images. Its root device is /dev/sda1.
    "image": "ami-03cf127a",
    "http_tokens": "optional",
    # The VPC is 127.<network>.0.0/16.
    "network": 10,
    # Additional resources, to make the list of resources longer than one page (100).
    "other_resources": 0,
    # The description of Weka's template starts with [WekaIO].
    "description": "[WekaIO] A Weka cluster in the lab",
}


def template_of(file, options):
    with open(file, encoding="utf-8") as source:
        template = yaml.safe_load(source)
    template["Description"] = options["description"]
    resources = template["Resources"]
    # Mixed with the others, because CloudFormation lists resources in arbitrary order.
    for number in range(options["other_resources"]):
        resources[f"Alarm{number}"] = {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}}
    backend, client = resources.pop("Backend"), resources.pop("Client")
    backends = options["backends"] + options["terminated_backends"]
    resources |= {f"Backend{number}": backend for number in range(backends)}
    if options["odd_backend_type"]:
        last = f"Backend{options['backends'] - 1}"
        properties = backend["Properties"] | {"InstanceType": options["odd_backend_type"]}
        resources[last] = backend | {"Properties": properties}
    resources |= {f"Client{number}": client for number in range(options["clients"])}
    if not options["clients"]:
        del resources["InstanceProfileClient"], resources["RoleClient"]
    if not options["second_subnet"]:
        del resources["SecondSubnet"], resources["SecondSubnetRoutes"]
    if options["classic_load_balancer"]:
        balancer = resources.pop("LoadBalancer")
        balancer["Properties"]["Instances"] = [{"Ref": f"Backend{number}"} for number in range(options["backends"])]
        resources["LoadBalancer"] = balancer
    else:
        del resources["LoadBalancer"]
    return template


def create(file, options):
    cloudformation = boto3.client("cloudformation")
    name = options["name"]
    parameters = {
        "BackendType": options["backend_type"],
        "ClientType": options["client_type"],
        "ImageId": options["image"],
        "HttpTokens": options["http_tokens"],
        "Network": str(options["network"]),
    }
    id_ = cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template_of(file, options)),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )["StackId"]
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    ids = {r["LogicalResourceId"]: r["PhysicalResourceId"] for p in pages for r in p["StackResourceSummaries"]}
    total = options["backends"] + options["terminated_backends"]
    terminated = [ids[f"Backend{number}"] for number in range(options["backends"], total)]
    if terminated:
        boto3.client("ec2").terminate_instances(InstanceIds=terminated)
    return {
        "id": id_,
        "name": name,
        "vpc": ids["VPC"],
        "route_table": ids["RouteTable"],
        "subnets": [ids[key] for key in ("Subnet", "SecondSubnet") if key in ids],
        "security_group": ids["SecurityGroup"],
        "backends": [ids[f"Backend{number}"] for number in range(options["backends"])],
        "terminated_backends": terminated,
        "clients": [ids[f"Client{number}"] for number in range(options["clients"])],
        "load_balancer": ids.get("LoadBalancer"),
    }


if __name__ == "__main__":
    print(json.dumps(create(sys.argv[1], DEFAULTS | json.loads(sys.argv[2]))))
