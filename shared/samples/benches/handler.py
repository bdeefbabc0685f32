"""Our functions as one would write them in Python: the same checks, the same requests to the table, the same answers.

One module, whose handler is chosen by FUNCTION. LiveKit is asked by plain HTTP, with a token made by hand, so that no
SDK of it has to be loaded.
"""

import base64
import hashlib
import hmac
import json
import os
import time
import urllib.parse
import urllib.request
from xml.sax.saxutils import escape

import boto3
from botocore.config import Config

TABLE = os.environ["TABLE_NAME"]
BASE_URL = os.environ["PUBLIC_BASE_URL"]
TOKENS = os.environ["TWILIO_AUTH_TOKENS"].split(",")
KEY, SECRET = os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"]
LIVEKIT = os.environ["LIVEKIT_URL"].replace("ws", "http", 1)
API_TOKENS = dict(pair.split(":")[::-1] for pair in os.environ["API_TOKENS"].split(","))
CLIENT = boto3.client("dynamodb", config=Config(connect_timeout=1, read_timeout=1))
XML = {"content-type": "text/xml"}
JSON = {"content-type": "application/json"}


def jwt(claims):
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    signed = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest())).decode()


def livekit(service, method, body, grants):
    token = jwt({"iss": KEY, "exp": int(time.time()) + 60, "video": grants})
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    url = f"{LIVEKIT}/twirp/livekit.{service}/{method}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=1) as answer:
        return answer.read()


def form_of(event):
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body).decode()
    form = urllib.parse.parse_qs(body, keep_blank_values=True)
    data = BASE_URL + event["rawPath"]
    for key in sorted(form):
        data += "".join(key + value for value in sorted(set(form[key])))
    given = event["headers"].get("x-twilio-signature", "")
    macs = [base64.b64encode(hmac.new(t.encode(), data.encode(), hashlib.sha1).digest()).decode() for t in TOKENS]
    return form if any(hmac.compare_digest(given, mac) for mac in macs) else None


def key(pk, sk):
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def read(*keys):
    CLIENT.batch_get_item(RequestItems={TABLE: {"Keys": list(keys), "ConsistentRead": True}})


def workers():
    values = {":pk": {"S": "WORKERS"}}
    CLIENT.query(TableName=TABLE, KeyConditionExpression="pk = :pk", ExpressionAttributeValues=values, ConsistentRead=True)


def write(kind, name, **more):
    item = {**key(f"PYTHON#{name}", kind), "at": {"N": str(int(time.time()))}, **more}
    condition = "attribute_not_exists(pk)"
    CLIENT.transact_write_items(TransactItems=[{"Put": {"TableName": TABLE, "Item": item, "ConditionExpression": condition}}])


def incoming_call(event):
    form = form_of(event)
    if form is None:
        return {"statusCode": 403, "body": "{}"}
    call, number, caller = (form[name][0] for name in ("CallSid", "To", "From"))
    read(key(f"CALL#{call}", "RECORD"), key(f"NUMBER#{number}", "CONFIG"), key("CAPACITY", "PLACES"))
    workers()
    write("RECORD", call, caller={"S": caller})
    livekit("AgentDispatchService", "CreateDispatch", {"room": f"call-{call}", "agent_name": "ringdown"}, {"roomAdmin": True})
    twiml = f"<Response><Dial><Sip>{escape(f'sip:call-{call}@sip.test')}</Sip></Dial></Response>"
    return {"statusCode": 200, "headers": XML, "body": twiml}


def leg_ended(event, kind, field, answer):
    form = form_of(event)
    if form is None:
        return {"statusCode": 403, "body": "{}"}
    call = form["CallSid"][0]
    read(key(f"CALL#{call}", "RECORD"))
    write(kind, call, status={"S": form[field][0]})
    livekit("RoomService", "DeleteRoom", {"room": f"call-{call}"}, {"roomCreate": True})
    return answer


def call_status(event):
    return leg_ended(event, "STATUS", "CallStatus", {"statusCode": 204})


def dial_result(event):
    answer = {"statusCode": 200, "headers": XML, "body": "<Response><Hangup/></Response>"}
    return leg_ended(event, "RESULT", "DialCallStatus", answer)


def livekit_webhook(event):
    signed, _, given = event["headers"]["authorization"].rpartition(".")
    mac = base64.urlsafe_b64encode(hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest())
    claims = json.loads(base64.urlsafe_b64decode(signed.split(".")[1] + "=="))
    digest = base64.b64encode(hashlib.sha256(event["body"].encode()).digest()).decode()
    good = hmac.compare_digest(mac.rstrip(b"=").decode(), given) and claims["sha256"] == digest
    if not good or claims["exp"] < time.time():
        return {"statusCode": 403, "body": "{}"}
    notice = json.loads(event["body"])
    read(key(f"CALL#{notice['room']['name']}", "RECORD"))
    write("NOTICE", notice["id"] + notice["room"]["name"], event={"S": notice["event"]})
    return {"statusCode": 204}


def asked(event):
    token = event["headers"]["authorization"].removeprefix("Bearer ")
    return json.loads(event["body"]) if token in API_TOKENS else None


def token(event):
    body = asked(event)
    if body is None:
        return {"statusCode": 401, "body": "{}"}
    grants = {"room": body["room"], "roomJoin": True}
    made = jwt({"iss": KEY, "sub": body["identity"], "exp": int(time.time()) + 3600, "video": grants})
    return {"statusCode": 200, "headers": JSON, "body": json.dumps({"token": made})}


def rooms(event):
    body = asked(event)
    if body is None:
        return {"statusCode": 401, "body": "{}"}
    read(key(f"CALL#{body['room']}", "RECORD"), key(f"NUMBER#{body['number']}", "CONFIG"), key("CAPACITY", "PLACES"))
    workers()
    write("ROOM", body["room"])
    livekit("RoomService", "ListRooms", {"names": [body["room"]]}, {"roomList": True})
    livekit("AgentDispatchService", "CreateDispatch", {"room": body["room"], "agent_name": "ringdown"}, {"roomAdmin": True})
    return token(event)


def health(_):
    read(key("CAPACITY", "PLACES"))
    workers()
    return {"statusCode": 200, "headers": JSON, "body": '{"status":"ok"}'}


def sweeper(_):
    values = {":pk": {"S": "CALLS#OPEN"}}
    query = {"TableName": TABLE, "IndexName": "gsi1", "KeyConditionExpression": "gsi1pk = :pk"}
    open_calls = CLIENT.query(**query, ExpressionAttributeValues=values)["Items"]
    workers()
    livekit("RoomService", "ListRooms", {}, {"roomList": True})
    return {"statusCode": 200, "headers": JSON, "body": json.dumps({"looked_at": len(open_calls)})}


ANSWER = globals()[os.environ["FUNCTION"].replace("-", "_")]


def handler(event, _context):
    return ANSWER(event)
