"""incoming-call as one would write it in Python: the same checks, the same requests to the table, the same answer."""

import base64
import hashlib
import hmac
import json
import os
import time
import urllib.parse
from xml.sax.saxutils import escape

import boto3
from botocore.config import Config

TABLE = os.environ["TABLE_NAME"]
BASE_URL = os.environ["PUBLIC_BASE_URL"]
TOKENS = os.environ["TWILIO_AUTH_TOKENS"].split(",")
CLIENT = boto3.client("dynamodb", config=Config(connect_timeout=1, read_timeout=1))


def verified(event, form):
    data = BASE_URL + event["rawPath"]
    for key in sorted(form):
        for value in sorted(set(form[key])):
            data += key + value
    given = event["headers"].get("x-twilio-signature", "")
    macs = [base64.b64encode(hmac.new(t.encode(), data.encode(), hashlib.sha1).digest()).decode() for t in TOKENS]
    return any(hmac.compare_digest(given, mac) for mac in macs)


def handler(event, context):
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body).decode()
    form = urllib.parse.parse_qs(body, keep_blank_values=True)
    if event["requestContext"]["http"]["method"] != "POST":
        return {"statusCode": 200, "body": json.dumps({"status": "ok"})}
    if not verified(event, form):
        return {"statusCode": 403, "body": "{}"}
    call, number, caller = (form[name][0] for name in ("CallSid", "To", "From"))
    keys = [{"pk": {"S": f"CALL#{call}"}, "sk": {"S": "RECORD"}}, {"pk": {"S": f"NUMBER#{number}"}, "sk": {"S": "CONFIG"}}]
    CLIENT.batch_get_item(RequestItems={TABLE: {"Keys": keys, "ConsistentRead": True}})
    CLIENT.query(
        TableName=TABLE,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "WORKERS"}},
        ConsistentRead=True,
    )
    now = str(int(time.time()))
    item = {"pk": {"S": f"PYTHON#{call}"}, "sk": {"S": "RECORD"}, "caller": {"S": caller}, "at": {"N": now}}
    CLIENT.transact_write_items(
        TransactItems=[{"Put": {"TableName": TABLE, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}]
    )
    twiml = f"<Response><Dial><Sip>{escape(f'sip:call-{call}@sip.test')}</Sip></Dial></Response>"
    return {"statusCode": 200, "headers": {"content-type": "text/xml"}, "body": twiml}
