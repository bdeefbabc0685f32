use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};

use crate::{RATE_HZ, WINDOW_SAMPLES};

/// Mel bands of the features.
pub const MELS: usize = 80;
/// Steps of 10 ms in the features.
pub const STEPS: usize = WINDOW_SAMPLES / HOP;

/// Whisper's analysis (transformers `WhisperFeatureExtractor`): windows of 25 ms, every 10 ms.
const FFT: usize = 400;
const HOP: usize = 160;
const BINS: usize = FFT / 2 + 1;
/// Each end is reflected by half a window.
const PAD: usize = FFT / 2;
/// What stands for nothing before the logarithm, and what is added to the variance (both transformers').
const MEL_FLOOR: f32 = 1e-10;
const VARIANCE_FLOOR: f64 = 1e-7;
/// Everything this much (powers of ten) below the loudest is one.
const RANGE: f32 = 8.0;

/// Whisper's log-mel features of 8 s: mean and variance of the samples normalised, power spectra, 80 bands on
/// Slaney's mel scale, logarithm, about −1 to 1.
pub struct LogMel {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    bands: Vec<Band>,
    signal: Vec<f32>,
    frame: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
    power: Vec<f32>,
}

/// A triangle over neighbouring bins.
struct Band {
    first: usize,
    weights: Vec<f32>,
}

impl std::fmt::Debug for LogMel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogMel").finish_non_exhaustive()
    }
}

impl Default for LogMel {
    fn default() -> Self {
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(FFT);
        Self {
            window: (0..FFT).map(hann).collect(),
            bands: bands(),
            signal: vec![0.0; WINDOW_SAMPLES + 2 * PAD],
            frame: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            power: vec![0.0; BINS],
            fft,
        }
    }
}

impl LogMel {
    /// The features of the last 8 s of `samples`: [`MELS`] rows of [`STEPS`] values. What is missing at the
    /// beginning is silence.
    #[must_use]
    pub fn of(&mut self, samples: &[i16]) -> Vec<f32> {
        self.load(samples);
        let mut features = vec![0.0; MELS * STEPS];
        for step in 0..STEPS {
            self.spectrum(step * HOP);
            for (mel, band) in self.bands.iter().enumerate() {
                let bins = self.power[band.first..].iter().zip(&band.weights);
                let energy: f32 = bins.map(|(power, weight)| power * weight).sum();
                features[mel * STEPS + step] = energy.max(MEL_FLOOR).log10();
            }
        }
        let floor = features.iter().copied().fold(f32::MIN, f32::max) - RANGE;
        features.iter_mut().for_each(|value| *value = (value.max(floor) + 4.0) / 4.0);
        features
    }

    /// Normalises the samples, with silence before and both ends reflected.
    fn load(&mut self, samples: &[i16]) {
        let samples = &samples[samples.len().saturating_sub(WINDOW_SAMPLES)..];
        let silence = WINDOW_SAMPLES - samples.len();
        let values = || samples.iter().map(|&sample| f64::from(sample) / 32_768.0);
        let count = WINDOW_SAMPLES as f64;
        let mean = values().sum::<f64>() / count;
        let spread = values().map(|value| (value - mean).powi(2)).sum::<f64>();
        let variance = (spread + silence as f64 * mean * mean) / count;
        let gain = 1.0 / (variance + VARIANCE_FLOOR).sqrt();
        let body = &mut self.signal[PAD..PAD + WINDOW_SAMPLES];
        body[..silence].fill((-mean * gain) as f32);
        for (slot, value) in body[silence..].iter_mut().zip(values()) {
            *slot = ((value - mean) * gain) as f32;
        }
        for i in 1..=PAD {
            self.signal[PAD - i] = self.signal[PAD + i];
            self.signal[PAD + WINDOW_SAMPLES - 1 + i] = self.signal[PAD + WINDOW_SAMPLES - 1 - i];
        }
    }

    fn spectrum(&mut self, at: usize) {
        let signal = &self.signal[at..at + FFT];
        for (slot, (sample, weight)) in self.frame.iter_mut().zip(signal.iter().zip(&self.window)) {
            *slot = sample * weight;
        }
        // The lengths are the plan's own: it cannot fail.
        let _ = self.fft.process_with_scratch(&mut self.frame, &mut self.spectrum, &mut self.scratch);
        for (power, bin) in self.power.iter_mut().zip(&self.spectrum) {
            *power = bin.norm_sqr();
        }
    }
}

/// Hann's window, periodic.
fn hann(at: usize) -> f32 {
    (0.5 - 0.5 * (std::f64::consts::TAU * at as f64 / FFT as f64).cos()) as f32
}

/// Triangles evenly spaced on the mel scale from 0 Hz to half the rate, each of area 1 (Slaney).
fn bands() -> Vec<Band> {
    let highest = mel(f64::from(RATE_HZ) / 2.0);
    let edges: Vec<f64> = (0..MELS + 2).map(|i| hertz(highest * i as f64 / (MELS + 1) as f64)).collect();
    let bin_hz = f64::from(RATE_HZ) / FFT as f64;
    let band = |edge: &[f64]| {
        let (low, middle, high) = (edge[0], edge[1], edge[2]);
        let weight = |bin: usize| {
            let at = bin as f64 * bin_hz;
            let triangle = ((at - low) / (middle - low)).min((high - at) / (high - middle));
            (triangle.max(0.0) * 2.0 / (high - low)) as f32
        };
        let first = (0..BINS).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
        let weights = (first..BINS).map(weight).take_while(|&weight| weight > 0.0).collect();
        Band { first, weights }
    };
    edges.windows(3).map(band).collect()
}

/// Slaney's mel scale: linear to 1000 Hz, logarithmic above.
fn mel(hertz: f64) -> f64 {
    if hertz < 1000.0 { 3.0 * hertz / 200.0 } else { 15.0 + (hertz / 1000.0).ln() * 27.0 / 6.4f64.ln() }
}

fn hertz(mel: f64) -> f64 {
    if mel < 15.0 { 200.0 * mel / 3.0 } else { 1000.0 * ((mel - 15.0) * 6.4f64.ln() / 27.0).exp() }
}

#[cfg(test)]
mod tests;
