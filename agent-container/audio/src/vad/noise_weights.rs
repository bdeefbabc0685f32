//! Fitted by `models/noise-ear/fit.py`; do not edit.

use super::noise_ear::NOISE_FEATURES;

/// Neurons.
pub(super) const HIDDEN: usize = 6;
/// Of each neuron, for opinions and levels (the newest window first), and for the opinion of the noise.
pub(super) const HIDDEN_WEIGHTS: [[f32; NOISE_FEATURES]; HIDDEN] = [
    [1.4951, -0.0968, -0.5311, -0.9547, 0.6881, 0.1126, -0.2391, -0.4747, 0.2499],
    [-0.8284, -0.2737, 0.2711, -0.1325, 0.5823, 0.0493, -0.2449, 0.1837, 0.1893],
    [0.3557, -0.2959, -0.2281, -0.0550, 1.0211, 0.0983, -0.1450, -1.0044, -0.1936],
    [-1.9229, 0.4339, 2.0435, 2.2112, -1.2078, 0.0089, -0.2503, 0.9012, -1.4321],
    [0.2372, -0.3417, 0.0581, -0.4535, -0.9699, -0.6351, 0.0697, -0.8386, -0.3252],
    [0.8572, 0.0060, -0.1861, -1.0092, -0.3292, 0.9504, -1.1544, -1.2448, 3.8282],
];
pub(super) const HIDDEN_BIAS: [f32; HIDDEN] = [-0.6281, 0.0631, 1.5134, -1.1402, 2.1450, -1.1287];
pub(super) const OUT_WEIGHTS: [f32; HIDDEN] = [3.4943, -2.3339, 3.0688, 1.8959, -1.9057, -1.1090];
pub(super) const OUT_BIAS: f32 = -0.1912;
