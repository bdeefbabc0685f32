//! Fitted by `models/noise-ear/fit.py`; do not edit.

use super::noise_ear::NOISE_FEATURES;

/// Neurons.
pub(super) const HIDDEN: usize = 6;
/// Of each neuron, for opinions and levels (the newest window first), and for the opinion of the noise.
pub(super) const HIDDEN_WEIGHTS: [[f32; NOISE_FEATURES]; HIDDEN] = [
    [1.4876, -0.1324, -0.4776, -0.9625, 0.6470, 0.1154, -0.1951, -0.4619, 0.2737],
    [-0.8879, -0.2813, 0.1669, -0.0921, 0.4790, 0.1583, -0.0784, 0.2182, 0.3859],
    [0.1777, -0.2999, -0.2596, -0.0962, 1.0263, 0.2087, -0.1098, -1.0423, -0.1144],
    [-2.1912, 0.5664, 1.7949, 2.3982, -1.5056, 0.3056, -0.0665, 0.7045, -1.2711],
    [0.1105, -0.2847, 0.1383, -0.4229, -0.9474, -0.4920, 0.0098, -0.8125, -0.2841],
    [0.9542, 0.0857, -0.2280, -1.0434, -0.8678, 0.9652, -1.0140, -1.1378, 3.6848],
];
pub(super) const HIDDEN_BIAS: [f32; HIDDEN] = [-0.5233, 0.2098, 1.8405, -1.0843, 2.0365, -1.2135];
pub(super) const OUT_WEIGHTS: [f32; HIDDEN] = [3.4909, -2.3190, 2.9647, 1.9294, -2.0504, -1.2076];
pub(super) const OUT_BIAS: f32 = -0.1934;
