"""Groq's own SDK: chat completions, transcription, speech."""

import groq
from groq import Groq

from common import ADDRESSES, LINES, loud, seconds, speech, wav, words


def client(key="sdk"):
    return Groq(api_key=key, base_url=ADDRESSES["groq"], max_retries=0)


def chat():
    said = [{"role": "user", "content": "I would like to book a table."}]
    pieces = [
        choice.delta.content or ""
        for chunk in client().chat.completions.create(model="any", messages=said, stream=True)
        for choice in chunk.choices
    ]
    assert "".join(pieces) == "With pleasure. For how many people, and at what time?", pieces
    try:
        client("sdk?fault=rate_limited").chat.completions.create(model="any", messages=said)
        raise AssertionError("not refused")
    except groq.RateLimitError:
        pass


def transcription():
    for line in LINES[:2]:
        heard = client().audio.transcriptions.create(
            model="any", file=("speech.wav", wav(speech(line))), response_format="verbose_json"
        )
        assert words(heard.text) == words(line), heard


def voice():
    answer = client().audio.speech.create(
        model="any", voice="amy", input="Hello there, how can I help you today?", response_format="wav",
        sample_rate=16000,
    )
    audio = answer.read()
    assert audio[:4] == b"RIFF" and int.from_bytes(audio[24:28], "little") == 16000
    assert 1.5 < seconds(audio[44:]) < 5 and loud(audio[44:])


chat()
transcription()
voice()
