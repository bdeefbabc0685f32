//! What a recording holds: pitch, level, silence, speech. For tests, benches and reports; all of it works on
//! whole recordings, in mono.

use std::f64::consts::TAU;

/// Level that is given for digital silence, in dBFS (16 bits have 96 dB).
pub const SILENCE_DBFS: f64 = -120.0;
/// Blocks in which level is judged: 20 ms.
const BLOCKS_PER_SECOND: u32 = 50;

/// Root mean square level in dB relative to a full-scale square wave; a full-scale sine is at −3.0.
#[must_use]
pub fn rms_dbfs(samples: &[i16]) -> f64 {
    if samples.is_empty() {
        return SILENCE_DBFS;
    }
    let energy: f64 = samples.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
    power_dbfs(energy / samples.len() as f64)
}

fn power_dbfs(mean_square: f64) -> f64 {
    (10.0 * (mean_square / (32_768.0 * 32_768.0)).log10()).max(SILENCE_DBFS)
}

/// RMS level of the tone at `hz` alone, in dBFS (Goertzel under a Hann window).
#[must_use]
pub fn tone_dbfs(samples: &[i16], rate_hz: u32, hz: f64) -> f64 {
    let amplitude = amplitude(samples, rate_hz, hz);
    power_dbfs(amplitude * amplitude / 2.0)
}

/// Frequency of the strongest tone between 50 Hz and half the rate, in Hz; `None` when there is silence.
/// Half a second of a steady tone gives it to 0.1 Hz.
#[must_use]
pub fn pitch_hz(samples: &[i16], rate_hz: u32) -> Option<f64> {
    if rms_dbfs(samples) < -70.0 {
        return None;
    }
    // Enough signal for a fine peak, not so much that the scan gets long.
    let samples = &samples[..samples.len().min(rate_hz as usize / 2)];
    // A Hann window's peak is four bins wide: half-bin steps cannot miss it.
    let step = f64::from(rate_hz) / samples.len() as f64 / 2.0;
    let steps = ((f64::from(rate_hz) / 2.0 - 50.0) / step) as usize;
    let coarse = (0..steps)
        .map(|i| 50.0 + step * i as f64)
        .map(|hz| (hz, amplitude(samples, rate_hz, hz)))
        .max_by(|a, b| a.1.total_cmp(&b.1))?
        .0;
    Some(refine(samples, rate_hz, coarse, step))
}

/// Golden-section search around a coarse peak.
fn refine(samples: &[i16], rate_hz: u32, coarse: f64, step: f64) -> f64 {
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (coarse - step, coarse + step);
    while high - low > 0.005 {
        let (a, b) = (high - ratio * (high - low), low + ratio * (high - low));
        if amplitude(samples, rate_hz, a) > amplitude(samples, rate_hz, b) {
            high = b;
        } else {
            low = a;
        }
    }
    f64::midpoint(low, high)
}

/// Peak amplitude of the tone at `hz`.
fn amplitude(samples: &[i16], rate_hz: u32, hz: f64) -> f64 {
    let coefficient = 2.0 * (TAU * hz / f64::from(rate_hz)).cos();
    let window_step = TAU / samples.len().max(1) as f64;
    let (mut s1, mut s2) = (0.0, 0.0);
    // The Hann window by rotation: a cosine a sample would cost more than all the rest.
    let (mut cos, mut sin) = (1.0_f64, 0.0_f64);
    let (step_sin, step_cos) = window_step.sin_cos();
    for &sample in samples {
        let windowed = f64::from(sample) * (0.5 - 0.5 * cos);
        (cos, sin) = (cos * step_cos - sin * step_sin, sin * step_cos + cos * step_sin);
        (s1, s2) = (windowed + coefficient * s1 - s2, s1);
    }
    let power = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
    // A Hann window has a mean of one half, a real tone puts half into each side.
    4.0 * power.max(0.0).sqrt() / samples.len().max(1) as f64
}

/// Level of each whole block of 20 ms, in dBFS.
#[must_use]
pub fn block_levels_dbfs(samples: &[i16], rate_hz: u32) -> Vec<f64> {
    samples.chunks_exact((rate_hz / BLOCKS_PER_SECOND) as usize).map(rms_dbfs).collect()
}

/// Blocks of 20 ms below `threshold_dbfs`.
#[must_use]
pub fn silent_blocks(samples: &[i16], rate_hz: u32, threshold_dbfs: f64) -> usize {
    block_levels_dbfs(samples, rate_hz).iter().filter(|&&level| level < threshold_dbfs).count()
}

/// Where sound begins, in milliseconds: the first 5 ms that reach `threshold_dbfs`.
#[must_use]
pub fn first_sound_ms(samples: &[i16], rate_hz: u32, threshold_dbfs: f64) -> Option<f64> {
    let block = (rate_hz / 200).max(1) as usize;
    let at = samples.chunks(block).position(|chunk| rms_dbfs(chunk) >= threshold_dbfs)?;
    Some((at * block) as f64 * 1000.0 / f64::from(rate_hz))
}

/// A stretch of a recording that is not silent, in milliseconds from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Begin.
    pub start_ms: u64,
    /// End.
    pub end_ms: u64,
}

impl Segment {
    /// Its length in milliseconds.
    #[must_use]
    pub fn ms(&self) -> u64 {
        self.end_ms - self.start_ms
    }
}

/// The stretches at or above `threshold_dbfs`; silences of up to `bridge_ms` do not part them, and what is
/// shorter than `min_ms` is dropped.
#[must_use]
pub fn segments(
    samples: &[i16],
    rate_hz: u32,
    threshold_dbfs: f64,
    bridge_ms: u64,
    min_ms: u64,
) -> Vec<Segment> {
    let block_ms = u64::from(1000 / BLOCKS_PER_SECOND);
    let mut found: Vec<Segment> = Vec::new();
    for (at, level) in (0u64..).zip(block_levels_dbfs(samples, rate_hz)) {
        if level < threshold_dbfs {
            continue;
        }
        let (start_ms, end_ms) = (at * block_ms, (at + 1) * block_ms);
        match found.last_mut() {
            Some(last) if start_ms - last.end_ms <= bridge_ms => last.end_ms = end_ms,
            _ => found.push(Segment { start_ms, end_ms }),
        }
    }
    found.retain(|segment| segment.ms() >= min_ms);
    found
}

/// A steady sine of peak `amplitude` (0 to 32767).
#[must_use]
pub fn sine(hz: f64, amplitude: f64, rate_hz: u32, samples: usize) -> Vec<i16> {
    let step = TAU * hz / f64::from(rate_hz);
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the range of i16")]
    let sample = |i: usize| (amplitude.clamp(0.0, 32_767.0) * (step * i as f64).sin()).round() as i16;
    (0..samples).map(sample).collect()
}

/// Something that voice detectors take for a voice: gliding vowels at a syllable rate of 3.5 Hz, at 16 kHz,
/// peaking around −10 dBFS. For tests that need speech and may not ship any.
#[must_use]
pub fn vowels(samples: usize) -> Vec<i16> {
    let sample = |i: usize| {
        let t = i as f64 / 16_000.0;
        let turn = |hz: f64| (TAU * hz * t).sin();
        // Pitch 120 Hz, sweeping by 30 Hz; its phase is the integral.
        let pitch = 120.0 + 30.0 * turn(0.9);
        let phase = 120.0 * t - 30.0 * (TAU * 0.9 * t).cos() / (TAU * 0.9);
        let formants: [(f64, f64, f64); 3] = [
            (550.0 + 250.0 * turn(2.9), 80.0, 1.0),
            (1500.0 + 600.0 * turn(1.7), 120.0, 0.5),
            (2600.0, 150.0, 0.2),
        ];
        let harmonic = |h: u32| {
            let hz = pitch * f64::from(h);
            let gain: f64 =
                formants.iter().map(|&(at, width, gain)| gain / (1.0 + ((hz - at) / width).powi(2))).sum();
            gain * (TAU * f64::from(h) * phase).sin()
        };
        let voice: f64 = (1..25).map(harmonic).sum();
        4000.0 * (0.15 + turn(3.5).max(0.0)) * voice
    };
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the range of i16")]
    (0..samples).map(|i| sample(i).round().clamp(-32_768.0, 32_767.0) as i16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 16_000;

    #[test]
    fn a_full_scale_sine_is_at_minus_three_dbfs() {
        let tone = sine(1000.0, 32_767.0, RATE, 16_000);
        assert!((rms_dbfs(&tone) + 3.01).abs() < 0.01);
        assert!((tone_dbfs(&tone, RATE, 1000.0) + 3.01).abs() < 0.02);
        assert!(tone_dbfs(&tone, RATE, 1500.0) < -80.0);
        assert!((rms_dbfs(&[0; 320]) - SILENCE_DBFS).abs() < f64::EPSILON);
    }

    #[test]
    fn pitch_is_found_to_a_tenth_of_a_hertz() {
        for hz in [60.0, 440.0, 697.3, 1234.56, 3400.0, 7900.0] {
            let tone = sine(hz, 8000.0, RATE, 8000);
            let found = pitch_hz(&tone, RATE).expect("it is loud");
            assert!((found - hz).abs() < 0.1, "{hz}: {found}");
        }
        assert_eq!(pitch_hz(&[0; 8000], RATE), None);
    }

    #[test]
    fn speech_is_parted_by_silence_only() {
        let mut recording = vec![0; 1600];
        for gap_ms in [60, 500, 0] {
            recording.extend(sine(300.0, 5000.0, RATE, 4800));
            recording.extend(std::iter::repeat_n(0, gap_ms * 16));
        }
        let found = segments(&recording, RATE, -45.0, 100, 50);
        let expected = [(100, 760), (1260, 1560)].map(|(start_ms, end_ms)| Segment { start_ms, end_ms });
        assert_eq!(found, expected);
        assert_eq!(first_sound_ms(&recording, RATE, -45.0), Some(100.0));
        assert_eq!(silent_blocks(&recording, RATE, -45.0), 5 + 3 + 25);
    }
}
