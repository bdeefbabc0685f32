"""What the checks share: addresses, the script's lines, speech."""

import faulthandler
import json
import os
import re
import subprocess
import time

# A check that hangs says where, and ends.
faulthandler.dump_traceback_later(120, exit=True)

ADDRESSES = json.loads(os.environ["SIMULATOR"])
LINES = json.loads(os.environ["SIMULATOR_LINES"])


def http(address):
    return address.replace("ws://", "http://", 1)


def ws(address):
    return address.replace("http://", "ws://", 1)


def seconds(audio, rate=16000):
    return len(audio) / 2 / rate


def loud(audio):
    samples = memoryview(audio[: len(audio) // 2 * 2]).cast("h")
    return max(samples) > 2000


def words(text):
    return re.findall(r"\w+", text.lower())


def speech(text, rate=16000):
    """The text spoken as 16-bit samples, with a second of silence behind it."""
    wav = subprocess.run(
        ["espeak-ng", "--stdout", "-v", "en-us", "-s", "165", text], check=True, capture_output=True
    ).stdout
    samples = memoryview(wav[44 : 44 + (len(wav) - 44) // 2 * 2]).cast("h")
    count = len(samples) * rate // 22050
    spoken = [samples[n * 22050 // rate] for n in range(count)] + [0] * rate
    return b"".join(sample.to_bytes(2, "little", signed=True) for sample in spoken)


def wav(audio, rate=16000):
    head = b"RIFF" + (36 + len(audio)).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    head += (1).to_bytes(2, "little") * 2 + rate.to_bytes(4, "little") + (rate * 2).to_bytes(4, "little")
    return head + b"\x02\0\x10\0data" + len(audio).to_bytes(4, "little") + audio


def stream(send, *parts, rate=16000, chunk_ms=20, speed=4.0):
    """Sends audio in chunks, faster than real time."""
    size = rate * 2 * chunk_ms // 1000
    for part in parts:
        for at in range(0, len(part), size):
            send(part[at : at + size])
            time.sleep(chunk_ms / 1000 / speed)
