"""Fits the weights of the ear for noise (src/vad/noise_weights.rs).

    cargo bench -p audio --bench vad -- --fit target/noise-ear.f32
    python3 agent-container/audio/models/noise-ear/fit.py target/noise-ear.f32

The bench writes, for each 32 ms window of one half of the prompts in thirteen noises, the inputs and how many of its
10 ms labels are speech and silence (f32, little endian). Logistic loss, in which missed speech weighs more than
silence taken for speech; Adam; the same numbers each time. The other half of the prompts is the bench's test.
"""

import pathlib
import sys

import numpy as np

FEATURES, HIDDEN, STEPS, BATCH = 9, 6, 4000, 8192
# Missed speech costs as much as so many false alarms.
MISS_WEIGHT = 3.7

rows = np.fromfile(sys.argv[1], "<f4").reshape(-1, FEATURES + 2).astype(np.float64)
x, speech, silence = rows[:, :FEATURES], rows[:, FEATURES], rows[:, FEATURES + 1]
random = np.random.default_rng(1)
theta = {
    "w": random.standard_normal((HIDDEN, FEATURES)) / 3,
    "b": np.zeros(HIDDEN),
    "v": random.standard_normal(HIDDEN) / 3,
    "c": np.zeros(1),
}
mean = {name: np.zeros_like(value) for name, value in theta.items()}
square = {name: np.zeros_like(value) for name, value in theta.items()}
for step in range(1, STEPS + 1):
    at = random.integers(len(x), size=BATCH)
    hidden = np.tanh(x[at] @ theta["w"].T + theta["b"])
    odds = hidden @ theta["v"] + theta["c"]
    p = 1 / (1 + np.exp(-odds))
    slope = (silence[at] * p - MISS_WEIGHT * speech[at] * (1 - p)) / BATCH
    back = slope[:, None] * theta["v"] * (1 - hidden**2)
    gradient = {"w": back.T @ x[at], "b": back.sum(0), "v": hidden.T @ slope, "c": slope.sum(keepdims=True)}
    rate = 0.03 * 0.5 * (1 + np.cos(np.pi * step / STEPS))
    for name, g in gradient.items():
        g = g + 1e-5 * theta[name]
        mean[name] += 0.1 * (g - mean[name])
        square[name] += 0.001 * (g * g - square[name])
        theta[name] -= rate * (mean[name] / (1 - 0.9**step)) / (np.sqrt(square[name] / (1 - 0.999**step)) + 1e-8)


def row(values):
    return "[" + ", ".join(f"{value:.4f}" for value in values) + "]"


weights = ",\n    ".join(row(w) for w in theta["w"])
text = f"""//! Fitted by `models/noise-ear/fit.py`; do not edit.

use super::noise_ear::NOISE_FEATURES;

/// Neurons.
pub(super) const HIDDEN: usize = {HIDDEN};
/// Of each neuron, for opinions and levels (the newest window first), and for the opinion of the noise.
pub(super) const HIDDEN_WEIGHTS: [[f32; NOISE_FEATURES]; HIDDEN] = [
    {weights},
];
pub(super) const HIDDEN_BIAS: [f32; HIDDEN] = {row(theta["b"])};
pub(super) const OUT_WEIGHTS: [f32; HIDDEN] = {row(theta["v"])};
pub(super) const OUT_BIAS: f32 = {theta["c"][0]:.4f};
"""
pathlib.Path(__file__).parents[2].joinpath("src/vad/noise_weights.rs").write_text(text)
