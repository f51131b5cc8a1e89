"""DynamoDB."""

from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.responses import DynamoHandler
from moto.kms.models import kms_backends

from .mend import mend


def with_arn(backend, encryption):
    """AWS names the key by its ARN, however it was given; moto as it was given."""
    given = (encryption or {}).get("KMSMasterKeyId")
    if not given:
        return encryption
    keys = kms_backends[backend.account_id][backend.region_name]
    key = keys.keys.get(keys.any_id_to_key_id(given))
    if key is None:
        raise MockValidationException(f"KMS validation error: Invalid keyId '{given}'")
    return encryption | {"KMSMasterKeyId": key.arn}


@mend(DynamoDBBackend, "create_table")
def create_table(before, self, *args, **kwargs):
    return before(self, *args, **kwargs | {"sse_specification": with_arn(self, kwargs.get("sse_specification"))})


@mend(DynamoHandler, "update_table")
def update_table(before, self):
    """moto forgets a change of the encryption, and AWS refuses one that is none."""
    if wanted := with_arn(self.dynamodb_backend, self.body.get("SSESpecification")):
        table = self.dynamodb_backend.get_table(self.body["TableName"])
        if (table.sse_specification or {}).get("KMSMasterKeyId") == wanted["KMSMasterKeyId"]:
            raise MockValidationException(
                "One or more parameter values were invalid: Table is already encrypted by given KMSMasterKey"
            )
        table.sse_specification = wanted
    return before(self)


@mend(DynamoDBBackend, "tag_resource")
def tag_table(before, self, arn, tags):
    """moto keeps the old value of a tag beside the new one."""
    self.untag_resource(arn, list(tags))
    before(self, arn, tags)
