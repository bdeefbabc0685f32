"""Makes whole.f32, short.f32 and long.f32: pip install transformers==4.57.1 numpy; python3 reference.py"""

import pathlib

import numpy as np
from transformers import WhisperFeatureExtractor

WINDOW = 8 * 16000
extractor = WhisperFeatureExtractor(chunk_length=8)


def signal(samples):
    state, out = 12345, []
    for at in range(samples):
        state = (state * 1664525 + 1013904223) % 2**32
        noise = (state >> 16) - 32768
        buzz = 120 - at % 120
        loud = int((at // 4000) % 3 != 2)
        # Towards zero, as Rust divides.
        out.append(loud * (buzz * buzz // 2 - 2400) + int(noise / 64))
    return np.array(out, dtype=np.int16).astype(np.float32) / 32768


for name, samples in (("whole", WINDOW), ("short", 20000), ("long", 150000)):
    audio = signal(samples)[-WINDOW:]
    audio = np.pad(audio, (WINDOW - len(audio), 0))
    features = extractor(
        audio, sampling_rate=16000, padding="max_length", max_length=WINDOW, truncation=True, do_normalize=True,
        return_tensors="np",
    ).input_features[0]
    features[:, ::16].astype("<f4").tofile(pathlib.Path(__file__).with_name(name + ".f32"))
