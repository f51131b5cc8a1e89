import json

import boto3

boto3.client("kms").create_key()
functions = boto3.client("lambda")
try:
    functions.get_function(FunctionName="none")
except functions.exceptions.ResourceNotFoundException:
    print(json.dumps("not found"))
