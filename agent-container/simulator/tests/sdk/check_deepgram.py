"""Deepgram's own SDK: live transcription."""

import threading

from deepgram import DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1.types.listen_v1metadata import ListenV1Metadata
from deepgram.listen.v1.types.listen_v1results import ListenV1Results
from deepgram.listen.v1.types.listen_v1speech_started import ListenV1SpeechStarted

from common import ADDRESSES, LINES, http, speech, stream, words


def client(key="sdk"):
    address = ADDRESSES["deepgram"]
    return DeepgramClient(
        api_key=key,
        environment=DeepgramClientEnvironment(
            base=http(address), production=address, agent=address, agent_rest=http(address)
        ),
    )


def listen_v1():
    heard = []
    with client().listen.v1.connect(
        model="nova-3", encoding="linear16", sample_rate="16000", interim_results="true",
        endpointing="300", vad_events="true", smart_format="true", utterance_end_ms="1000",
    ) as connection:
        connection.on(EventType.MESSAGE, heard.append)
        listener = threading.Thread(target=connection.start_listening)
        listener.start()
        stream(connection.send_media, speech(LINES[0]), speech(LINES[1]))
        connection.send_keep_alive()
        connection.send_finalize()
        connection.send_close_stream()
        listener.join(10)
        assert not listener.is_alive(), "the socket was not closed"
    results = [message for message in heard if isinstance(message, ListenV1Results)]
    finals = [r.channel.alternatives[0].transcript for r in results if r.is_final]
    assert words(" ".join(finals)) == words(" ".join(LINES[:2])), finals
    ends = [r for r in results if r.speech_final and r.channel.alternatives[0].transcript]
    assert len(ends) == 2, ends
    assert any(not r.is_final for r in results), "no interim"
    assert sum(isinstance(message, ListenV1SpeechStarted) for message in heard) >= 2
    assert isinstance(heard[-1], ListenV1Metadata), heard[-1]


def refused():
    for key, status in [("sdk?fault=rate_limited", 429), ("sdk?fault=unauthorized", 401)]:
        try:
            with client(key).listen.v1.connect(model="nova-3", encoding="linear16", sample_rate="16000"):
                raise AssertionError("not refused")
        except ApiError as error:
            assert error.status_code == status, error.status_code


listen_v1()
refused()
