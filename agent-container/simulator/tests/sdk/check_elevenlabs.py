"""ElevenLabs' own SDK: HTTP, the single-context WebSocket, and its types for the multi-context one."""

import base64
import json

from elevenlabs import AudioOutputMulti, FinalOutputMulti, VoiceSettings
from elevenlabs.client import ElevenLabs
from elevenlabs.core.api_error import ApiError
from websockets.sync.client import connect

from common import ADDRESSES, loud, seconds, ws

TEXT = "Hello there, how can I help you today?"


def client(key="sdk"):
    client = ElevenLabs(api_key=key, base_url=ADDRESSES["elevenlabs"])
    # The SDK insists on TLS for this one; the address is the only thing changed.
    client.text_to_speech._ws_base_url = ws(ADDRESSES["elevenlabs"])
    return client


def by_http():
    audio = b"".join(client().text_to_speech.stream("amy", text=TEXT, model_id="any", output_format="pcm_16000"))
    assert 1.5 < seconds(audio) < 5 and loud(audio), seconds(audio)
    halved = b"".join(client().text_to_speech.stream("amy", text=TEXT, model_id="any", output_format="ulaw_8000"))
    assert abs(len(halved) - len(audio) / 4) < 16, (len(halved), len(audio))
    chars, timed = [], b""
    for chunk in client().text_to_speech.stream_with_timestamps(
        "amy", text=TEXT, model_id="any", output_format="pcm_16000"
    ):
        timed += base64.b64decode(chunk.audio_base_64)
        chars += chunk.alignment.characters
    assert "".join(chars) == TEXT and timed == audio
    try:
        b"".join(client("sdk?fault=rate_limited").text_to_speech.stream("amy", text=TEXT, model_id="any"))
        raise AssertionError("not refused")
    except ApiError as error:
        assert error.status_code == 429


def one_context():
    audio = b"".join(
        client().text_to_speech.convert_realtime(
            "amy", text=iter(["Hello there, ", "how can I help ", "you today?"]), model_id="any",
            output_format="pcm_16000", voice_settings=VoiceSettings(stability=0.5, similarity_boost=0.8),
        )
    )
    assert 1.5 < seconds(audio) < 6 and loud(audio), seconds(audio)


def many_contexts():
    url = f"{ws(ADDRESSES['elevenlabs'])}/v1/text-to-speech/amy/multi-stream-input"
    query = "?model_id=any&output_format=pcm_16000&auto_mode=true&sync_alignment=true"
    audio, chars, done = {"a": b"", "b": b""}, {"a": "", "b": ""}, set()
    with connect(url + query, additional_headers={"xi-api-key": "sdk"}) as socket:
        for context in audio:
            socket.send(json.dumps({"text": " ", "context_id": context, "voice_settings": {"stability": 0.5}}))
            socket.send(json.dumps({"text": TEXT + " ", "context_id": context}))
            socket.send(json.dumps({"context_id": context, "flush": True}))
            socket.send(json.dumps({"context_id": context, "close_context": True}))
        while done != set(audio):
            message = json.loads(socket.recv(timeout=10))
            if message.get("isFinal"):
                done.add(FinalOutputMulti.model_validate(message).context_id)
                continue
            chunk = AudioOutputMulti.model_validate(message)
            audio[chunk.context_id] += base64.b64decode(chunk.audio)
            chars[chunk.context_id] += "".join(chunk.alignment.chars)
        for context in "cdefgh":
            socket.send(json.dumps({"text": " ", "context_id": context}))
        error = json.loads(socket.recv(timeout=10))
        assert error["error"] == "max_active_conversations", error
    assert audio["a"] == audio["b"] and 1.5 < seconds(audio["a"]) < 5, seconds(audio["a"])
    assert chars == {"a": TEXT + " ", "b": TEXT + " "}, chars


by_http()
one_context()
many_contexts()
