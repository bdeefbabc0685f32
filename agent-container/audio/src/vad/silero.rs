//! The Silero voice activity network (models/silero-vad, MIT), run without an inference engine: at 16 kHz it is
//! a spectrum, four small convolutions and one LSTM cell.

mod dense;
mod weights;

use std::sync::Arc;

use pulp::{Simd, WithSimd};
use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};

use self::dense::{Dense, relu, sigmoid, tanh};
use self::weights::Weights;

/// Samples the network wants at a time: 32 ms at 16 kHz.
pub const SILERO_SAMPLES: usize = 512;
/// Samples of the window before that it sees again.
const CONTEXT: usize = 64;
/// Its input is reflected at the end by as many.
const PAD: usize = 64;
const FFT: usize = 256;
const HOP: usize = 128;
const BINS: usize = FFT / 2 + 1;
/// Spectra of one window.
const STEPS: usize = 4;
const HIDDEN: usize = 128;

/// The network of one stream: it remembers what it heard.
pub struct Silero {
    weights: &'static Weights,
    fft: Arc<dyn RealToComplex<f32>>,
    context: [f32; CONTEXT],
    hidden: [f32; HIDDEN],
    cell: [f32; HIDDEN],
    scratch: Box<Scratch>,
}

/// Working space, kept from one window to the next.
struct Scratch {
    signal: [f32; CONTEXT + SILERO_SAMPLES + PAD],
    windowed: Vec<f32>,
    spectrum: Vec<Complex32>,
    fft: Vec<Complex32>,
    /// A column for each input of a layer, a row for each step in time.
    columns4: Vec<[f32; 4]>,
    columns2: Vec<[f32; 2]>,
    columns1: Vec<[f32; 1]>,
    out4: Vec<[f32; 4]>,
    out2: Vec<[f32; 2]>,
    out1: Vec<[f32; 1]>,
}

impl std::fmt::Debug for Silero {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Silero").finish_non_exhaustive()
    }
}

impl Default for Silero {
    fn default() -> Self {
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(FFT);
        let scratch = Box::new(Scratch {
            signal: [0.0; CONTEXT + SILERO_SAMPLES + PAD],
            windowed: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            fft: fft.make_scratch_vec(),
            columns4: vec![[0.0; 4]; 3 * BINS],
            columns2: vec![[0.0; 2]; 3 * 128],
            columns1: vec![[0.0; 1]; 2 * HIDDEN],
            out4: vec![[0.0; 4]; 128],
            out2: vec![[0.0; 2]; 64],
            out1: vec![[0.0; 1]; 4 * HIDDEN],
        });
        let (hidden, cell) = ([0.0; HIDDEN], [0.0; HIDDEN]);
        Self { weights: Weights::shared(), fft, context: [0.0; CONTEXT], hidden, cell, scratch }
    }
}

impl Silero {
    /// Probability of speech, 0 to 1, in the next 32 ms.
    pub fn predict(&mut self, window: &[i16; SILERO_SAMPLES]) -> f32 {
        self.load(window);
        let weights = self.weights;
        for step in 0..STEPS {
            self.spectrum(step, &weights.window);
        }
        let network =
            Network { weights, hidden: &mut self.hidden, cell: &mut self.cell, s: &mut self.scratch };
        pulp::Arch::new().dispatch(network)
    }

    /// 32 ms that are known to be silent: cheaper than to ask, and the next window still has its context.
    pub fn skip(&mut self, window: &[i16; SILERO_SAMPLES]) {
        for (slot, &sample) in self.context.iter_mut().zip(&window[SILERO_SAMPLES - CONTEXT..]) {
            *slot = f32::from(sample) / 32_768.0;
        }
    }

    /// Forgets what was heard.
    pub fn reset(&mut self) {
        self.context.fill(0.0);
        self.hidden.fill(0.0);
        self.cell.fill(0.0);
    }

    /// The window behind its context, reflected at the end.
    fn load(&mut self, window: &[i16; SILERO_SAMPLES]) {
        let signal = &mut self.scratch.signal;
        signal[..CONTEXT].copy_from_slice(&self.context);
        for (slot, &sample) in signal[CONTEXT..].iter_mut().zip(window) {
            *slot = f32::from(sample) / 32_768.0;
        }
        let end = CONTEXT + SILERO_SAMPLES;
        for i in 0..PAD {
            signal[end + i] = signal[end - 2 - i];
        }
        self.context.copy_from_slice(&signal[end - CONTEXT..end]);
    }

    /// Magnitudes of one step, into the columns of the first layer (kernel 3, padded by 1).
    fn spectrum(&mut self, step: usize, window: &[f32]) {
        let s = &mut *self.scratch;
        let chunk = &s.signal[step * HOP..step * HOP + FFT];
        for (slot, (sample, weight)) in s.windowed.iter_mut().zip(chunk.iter().zip(window)) {
            *slot = sample * weight;
        }
        // The lengths are the plan's own: it cannot fail.
        let _ = self.fft.process_with_scratch(&mut s.windowed, &mut s.spectrum, &mut s.fft);
        for (columns, bin) in s.columns4.chunks_exact_mut(3).zip(&s.spectrum) {
            let magnitude = bin.norm_sqr().sqrt();
            for (kernel, column) in columns.iter_mut().enumerate() {
                if let Some(to) = (step + 1).checked_sub(kernel).filter(|&to| to < STEPS) {
                    column[to] = magnitude;
                }
            }
        }
    }
}

/// Everything behind the spectrum, compiled for each of the processor's vector units.
struct Network<'a> {
    weights: &'a Weights,
    hidden: &'a mut [f32; HIDDEN],
    cell: &'a mut [f32; HIDDEN],
    s: &'a mut Scratch,
}

impl WithSimd for Network<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let Self { weights, hidden, cell, s } = self;
        weights.conv1.run(simd, &s.columns4, &mut s.out4);
        relu(&mut s.out4);
        // Stride 2, padded by 1: outputs at 0 and 2.
        for (columns, out) in s.columns2.chunks_exact_mut(3).zip(&s.out4) {
            columns[0] = [0.0, out[1]];
            columns[1] = [out[0], out[2]];
            columns[2] = [out[1], out[3]];
        }
        weights.conv2.run(simd, &s.columns2, &mut s.out2);
        relu(&mut s.out2);
        // Stride 2, padded by 1: one output, at 0; its first kernel column meets the padding.
        for (columns, out) in s.columns1.chunks_exact_mut(2).zip(&s.out2) {
            columns[0] = [out[0]];
            columns[1] = [out[1]];
        }
        weights.conv3.run(simd, &s.columns1[..128], &mut s.out1[..64]);
        relu(&mut s.out1[..64]);
        // One step in time: only the kernel's middle meets it.
        s.columns1[..64].copy_from_slice(&s.out1[..64]);
        weights.conv4.run(simd, &s.columns1[..64], &mut s.out1[..128]);
        relu(&mut s.out1[..128]);
        s.columns1[..128].copy_from_slice(&s.out1[..128]);
        for (column, &value) in s.columns1[128..].iter_mut().zip(&*hidden) {
            *column = [value];
        }
        weights.gates.run(simd, &s.columns1, &mut s.out1);
        lstm(&s.out1, hidden, cell);
        let last: f32 = hidden.iter().zip(&weights.last).map(|(h, w)| h.max(0.0) * w).sum();
        sigmoid(last + weights.last_bias)
    }
}

/// The cell of an LSTM; gates in the order input, forget, cell, output (PyTorch's `LSTMCell`).
#[inline(always)]
fn lstm(gates: &[[f32; 1]], hidden: &mut [f32; HIDDEN], cell: &mut [f32; HIDDEN]) {
    for i in 0..HIDDEN {
        let [input, forget, new, output] = [0, 1, 2, 3].map(|gate| gates[gate * HIDDEN + i][0]);
        cell[i] = sigmoid(forget) * cell[i] + sigmoid(input) * tanh(new);
        hidden[i] = sigmoid(output) * tanh(cell[i]);
    }
}

#[cfg(test)]
mod tests;
