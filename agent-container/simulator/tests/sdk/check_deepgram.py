"""Deepgram's own SDK: listen v1, Flux, Aura by WebSocket and by HTTP."""

import threading

from deepgram import DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1.types.listen_v1metadata import ListenV1Metadata
from deepgram.listen.v1.types.listen_v1results import ListenV1Results
from deepgram.listen.v1.types.listen_v1speech_started import ListenV1SpeechStarted
from deepgram.listen.v2.types.listen_v2configure import ListenV2Configure
from deepgram.listen.v2.types.listen_v2configure_success import ListenV2ConfigureSuccess
from deepgram.listen.v2.types.listen_v2connected import ListenV2Connected
from deepgram.listen.v2.types.listen_v2turn_info import ListenV2TurnInfo
from deepgram.speak.v1.types.speak_v1metadata import SpeakV1Metadata
from deepgram.speak.v1.types.speak_v1text import SpeakV1Text
from websockets.exceptions import InvalidStatus

from common import ADDRESSES, LINES, http, loud, seconds, speech, stream, words


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
        except InvalidStatus as error:
            assert error.response.status_code == status, error
            assert error.response.headers["dg-request-id"] and error.response.headers["dg-error"]


def flux():
    heard = []
    with client().listen.v2.connect(
        model="flux-general-en", encoding="linear16", sample_rate="16000", eager_eot_threshold="0.4",
    ) as connection:
        connection.on(EventType.MESSAGE, heard.append)
        listener = threading.Thread(target=connection.start_listening)
        listener.start()
        connection.send_configure(ListenV2Configure(thresholds={"eot_threshold": 0.8}))
        stream(connection.send_media, speech(LINES[0]), speech(LINES[1]), chunk_ms=80)
        connection.send_close_stream()
        listener.join(10)
        assert not listener.is_alive(), "the socket was not closed"
    assert isinstance(heard[0], ListenV2Connected), heard[0]
    assert any(isinstance(message, ListenV2ConfigureSuccess) for message in heard)
    assert [message.sequence_id for message in heard] == list(range(len(heard)))
    turns = [message for message in heard if isinstance(message, ListenV2TurnInfo)]
    for index, line in enumerate(LINES[:2]):
        turn = [message for message in turns if message.turn_index == index]
        events = [message.event for message in turn]
        assert events[0] == "StartOfTurn" and events[-2:] == ["EagerEndOfTurn", "EndOfTurn"], events
        assert turn[-1].transcript == turn[-2].transcript and words(turn[-1].transcript) == words(line)


def aura():
    audio, heard = [], []
    with client().speak.v1.connect(model="aura-2-thalia-en", encoding="linear16", sample_rate="16000") as connection:
        connection.send_text(SpeakV1Text(text="Hello there, how can I help you today?"))
        connection.send_flush()
        while not heard or heard[-1].type != "Flushed":
            message = connection.recv()
            (audio if isinstance(message, bytes) else heard).append(message)
        assert isinstance(heard[0], SpeakV1Metadata), heard[0]
        assert 1.5 < seconds(b"".join(audio)) < 5 and loud(b"".join(audio))
        connection.send_close()
    with client("sdk?rate=1").speak.v1.connect(
        model="aura-2-thalia-en", encoding="linear16", sample_rate="16000"
    ) as connection:
        assert isinstance(connection.recv(), SpeakV1Metadata)
        connection.send_text(SpeakV1Text(text="This is never heard to its end, because it is cleared."))
        connection.send_flush()
        assert isinstance(connection.recv(), bytes)
        connection.send_clear()
        late = 0
        # The SDK does not tell the classes of Flushed and Cleared apart, only their type fields.
        while getattr(connection.recv(), "type", None) != "Cleared":
            late += 1
        assert late < 20, late
        connection.send_close()
    raw = b"".join(
        client().speak.v1.audio.generate(
            text="Hello there, how can I help you today?", model="aura-2-thalia-en", encoding="linear16",
            sample_rate=16000, container="none",
        )
    )
    assert raw == b"".join(audio)


listen_v1()
refused()
flux()
aura()
