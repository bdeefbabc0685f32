use pulp::Simd;

/// Outputs that lie together in memory.
const BLOCK: usize = 64;

/// A layer: outputs = bias + weights × inputs, for `T` steps in time at once, `V` vectors of outputs at once
/// (`T` times `V` sums fit the processor's registers).
#[derive(Debug)]
pub(super) struct Dense<const T: usize, const V: usize> {
    /// Blocks of outputs; in a block, `BLOCK` weights for each input.
    weights: Vec<f32>,
    bias: Vec<f32>,
    inputs: usize,
}

impl<const T: usize, const V: usize> Dense<T, V> {
    /// From weights by output, then input. The number of outputs must be a multiple of 64.
    pub(super) fn new(by_output: &[f32], bias: Vec<f32>) -> Self {
        let inputs = by_output.len() / bias.len();
        let mut weights = Vec::with_capacity(by_output.len());
        for block in by_output.chunks_exact(BLOCK * inputs) {
            for input in 0..inputs {
                weights.extend((0..BLOCK).map(|output| block[output * inputs + input]));
            }
        }
        Self { weights, bias, inputs }
    }

    /// Runs the layer: a column for each input and output, a row for each step in time.
    #[inline(always)]
    pub(super) fn run<S: Simd>(&self, simd: S, inputs: &[[f32; T]], outputs: &mut [[f32; T]]) {
        let (inputs, together) = (&inputs[..self.inputs], V * S::F32_LANES);
        let blocks = self.weights.chunks_exact(self.inputs * BLOCK);
        for (at, block) in blocks.enumerate() {
            for from in (0..BLOCK).step_by(together) {
                let outputs = &mut outputs[at * BLOCK + from..][..together];
                let bias = &self.bias[at * BLOCK + from..][..together];
                Self::block(simd, block, from, inputs, bias, outputs);
            }
        }
    }

    #[inline(always)]
    fn block<S: Simd>(
        simd: S,
        block: &[f32],
        from: usize,
        inputs: &[[f32; T]],
        bias: &[f32],
        outputs: &mut [[f32; T]],
    ) {
        let (bias, _) = S::as_simd_f32s(bias);
        let mut sums: [[S::f32s; V]; T] = [std::array::from_fn(|v| bias[v]); T];
        // Indices, not iterators: adapters this deep are not inlined, and a call here costs more than the work.
        for i in 0..inputs.len() {
            let (weights, _) = S::as_simd_f32s(&block[i * BLOCK + from..][..V * S::F32_LANES]);
            for t in 0..T {
                let value = simd.splat_f32s(inputs[i][t]);
                for v in 0..V {
                    sums[t][v] = simd.mul_add_e_f32s(weights[v], value, sums[t][v]);
                }
            }
        }
        for t in 0..T {
            let sums: &[f32] = pulp::bytemuck::cast_slice(&sums[t]);
            for i in 0..outputs.len() {
                outputs[i][t] = sums[i];
            }
        }
    }
}

#[inline(always)]
pub(super) fn relu<const T: usize>(values: &mut [[f32; T]]) {
    for value in values.as_flattened_mut() {
        *value = value.max(0.0);
    }
}

/// The logistic function to six digits; loops over it become vector code, unlike over `f32::exp`.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    // Adding 1.5 × 2^23 leaves the nearest integer in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    // e^-x as 2^(n + f) with n whole and f within half of zero; the polynomial is Taylor's of 2^f.
    let power = (-x * std::f32::consts::LOG2_E).clamp(-126.0, 126.0);
    let rounded = power + ROUND;
    let f = (power - (rounded - ROUND)) * std::f32::consts::LN_2;
    let fraction = 1.0 + f * (1.0 + f * (0.5 + f * (1.0 / 6.0 + f * (1.0 / 24.0 + f * (1.0 / 120.0)))));
    let whole = f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
    1.0 / (1.0 + whole * fraction)
}

#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    2.0 * sigmoid(2.0 * x) - 1.0
}

#[cfg(test)]
mod tests {
    use super::{sigmoid, tanh};

    #[test]
    fn the_fast_functions_are_the_real_ones() {
        for step in -2_000..=2_000 {
            let x = step as f32 / 50.0;
            assert!((sigmoid(x) - 1.0 / (1.0 + (-x).exp())).abs() < 5e-6, "{x}");
            assert!((tanh(x) - x.tanh()).abs() < 1e-5, "{x}");
        }
        for x in [f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!((tanh(x) - x.signum()).abs() < 1e-6, "{x}");
        }
    }
}
