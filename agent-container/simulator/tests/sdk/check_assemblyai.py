"""AssemblyAI's own SDK: streaming v3. Audio goes at its own pace: faster is refused."""

import assemblyai.streaming.v3.client as sdk
from assemblyai.streaming.v3 import (
    BeginEvent,
    StreamingClient,
    StreamingClientOptions,
    StreamingEvents,
    StreamingParameters,
    TerminationEvent,
)

from common import ADDRESSES, LINES, speech, stream, words

HOST = ADDRESSES["assemblyai"].removeprefix("ws://")
connect = sdk.websocket_connect
# The SDK insists on TLS; the address is the only thing changed.
sdk.websocket_connect = lambda uri, **more: connect(uri.replace("wss://", "ws://", 1), **more)


def run(parts, key="sdk", chunk_ms=60, speed=1.0):
    begun, turns, ended, errors = [], [], [], []
    client = StreamingClient(StreamingClientOptions(api_key=key, api_host=HOST))
    client.on(StreamingEvents.Begin, lambda _, event: begun.append(event))
    client.on(StreamingEvents.Turn, lambda _, event: turns.append(event))
    client.on(StreamingEvents.Termination, lambda _, event: ended.append(event))
    client.on(StreamingEvents.Error, lambda _, error: errors.append(error))
    client.connect(StreamingParameters(sample_rate=16000, format_turns=True))
    stream(client.stream, *parts, chunk_ms=chunk_ms, speed=speed)
    client.disconnect(terminate=True)
    return begun, turns, ended, errors


begun, turns, ended, errors = run([speech(line) for line in LINES[:2]])
assert isinstance(begun[0], BeginEvent) and isinstance(ended[0], TerminationEvent), (begun, ended, errors)
for order, line in enumerate(LINES[:2]):
    turn = [event for event in turns if event.turn_order == order]
    finals = [event for event in turn if event.end_of_turn]
    assert len(turn) > len(finals) == 2, turn
    assert words(finals[0].transcript) == words(line) and finals[1].transcript == line, finals

for key, settings, code in [
    ("sdk", {"chunk_ms": 20}, 3007),
    ("sdk", {"speed": 50.0}, 3007),
    ("sdk?fault=expired&after=2", {}, 3008),
    ("sdk?fault=unauthorized", {}, 401),
]:
    errors = run([speech(LINES[0] + " " + LINES[1] + " " + LINES[0])], key, **settings)[3]
    assert errors and errors[0].code == code, (key, settings, errors)
