"""DynamoDB."""

from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.responses import DynamoHandler
from moto.kms.models import kms_backends

from .patching import patch


def with_arn(backend, encryption):
    """AWS always returns the ARN of the key. moto returns the id, alias or ARN of the request."""
    id_ = (encryption or {}).get("KMSMasterKeyId")
    if not id_:
        return encryption
    keys = kms_backends[backend.account_id][backend.region_name]
    key = keys.keys.get(keys.any_id_to_key_id(id_))
    if key is None:
        raise MockValidationException(f"KMS validation error: Invalid keyId '{id_}'")
    return encryption | {"KMSMasterKeyId": key.arn}


@patch(DynamoDBBackend, "create_table")
def create_table(original, self, *args, **kwargs):
    return original(self, *args, **kwargs | {"sse_specification": with_arn(self, kwargs.get("sse_specification"))})


@patch(DynamoHandler, "update_table")
def update_table(original, self):
    """moto ignores a change of the encryption. AWS rejects one that changes nothing."""
    if specification := with_arn(self.dynamodb_backend, self.body.get("SSESpecification")):
        table = self.dynamodb_backend.get_table(self.body["TableName"])
        if (table.sse_specification or {}).get("KMSMasterKeyId") == specification["KMSMasterKeyId"]:
            raise MockValidationException(
                "One or more parameter values were invalid: Table is already encrypted by given KMSMasterKey"
            )
        table.sse_specification = specification
    return original(self)


@patch(DynamoDBBackend, "tag_resource")
def tag_table(original, self, arn, tags):
    """moto keeps the old value of a tag in addition to the new one."""
    self.untag_resource(arn, list(tags))
    original(self, arn, tags)
