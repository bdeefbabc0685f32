use std::collections::VecDeque;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

use crate::AudioError;

/// Blocks of 10 ms delay by 5 ms.
const BLOCKS_PER_SECOND: u32 = 100;
/// With blocks of 10 ms this window is flat to 3.4 kHz at 8 kHz (−1 dB at 3.6, −145 from 4.1 on). rubato's
/// default, `BlackmanHarris2`, takes 10 dB off the top of the telephone band.
const WINDOW: WindowFunction = WindowFunction::Blackman;
/// Rates that appear in telephony and speech vendors lie between these, in Hz.
const RATES_HZ: std::ops::RangeInclusive<u32> = 4_000..=192_000;

/// A stream of mono samples from one rate to another: band-limited, flat to 3.4 kHz at 8 kHz, 5 ms late.
pub struct Resampler {
    from_hz: u32,
    to_hz: u32,
    /// `None` when both rates are the same.
    engine: Option<Engine>,
}

struct Engine {
    fft: Fft<f32>,
    waiting: VecDeque<i16>,
    input: Vec<f32>,
    output: Vec<f32>,
    /// Output samples still to be dropped so that the stream starts where the input did.
    skip: usize,
    /// Input taken and output given since the start or the last `finish`.
    taken: u64,
    given: u64,
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler")
            .field("from_hz", &self.from_hz)
            .field("to_hz", &self.to_hz)
            .finish_non_exhaustive()
    }
}

impl Resampler {
    /// A resampler for one stream.
    ///
    /// # Errors
    /// [`AudioError::Rate`] when a rate is not between 4 and 192 kHz.
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, AudioError> {
        let refused = AudioError::Rate { from_hz, to_hz };
        if !RATES_HZ.contains(&from_hz) || !RATES_HZ.contains(&to_hz) {
            return Err(refused);
        }
        let engine = if from_hz == to_hz { None } else { Some(Engine::new(from_hz, to_hz).ok_or(refused)?) };
        Ok(Self { from_hz, to_hz, engine })
    }

    /// Takes samples in pieces of any size and appends to `out` what they give. Up to 10 ms wait inside.
    pub fn push(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        match &mut self.engine {
            None => out.extend_from_slice(samples),
            Some(engine) => engine.push(samples, out),
        }
    }

    /// Appends what still waits, so that output and input last equally long, and starts a new stream.
    pub fn finish(&mut self, out: &mut Vec<i16>) {
        if let Some(engine) = &mut self.engine {
            engine.finish(self.from_hz, self.to_hz, out);
        }
    }

    /// Rate of the output in Hz.
    #[must_use]
    pub fn to_hz(&self) -> u32 {
        self.to_hz
    }
}

impl Engine {
    fn new(from_hz: u32, to_hz: u32) -> Option<Self> {
        let block = (from_hz / BLOCKS_PER_SECOND) as usize;
        let (from, to) = (from_hz as usize, to_hz as usize);
        let fft = Fft::<f32>::new_custom(from, to, block, 1, 1, WINDOW, FixedSync::Both).ok()?;
        let (input, output) = (vec![0.0; fft.input_frames_next()], vec![0.0; fft.output_frames_next()]);
        let skip = fft.output_delay();
        Some(Self { fft, waiting: VecDeque::new(), input, output, skip, taken: 0, given: 0 })
    }

    fn push(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        self.taken += samples.len() as u64;
        self.waiting.extend(samples);
        let block = self.input.len();
        while self.waiting.len() >= block {
            for (slot, sample) in self.input.iter_mut().zip(self.waiting.drain(..block)) {
                *slot = f32::from(sample);
            }
            self.process_block(out);
        }
    }

    fn process_block(&mut self, out: &mut Vec<i16>) {
        let (frames_in, frames_out) = (self.input.len(), self.output.len());
        let Ok(input) = InterleavedSlice::new(&self.input, 1, frames_in) else { return };
        let Ok(mut output) = InterleavedSlice::new_mut(&mut self.output, 1, frames_out) else { return };
        if self.fft.process_into_buffer(&input, &mut output, None).is_err() {
            return;
        }
        let skipped = self.skip.min(frames_out);
        self.skip -= skipped;
        self.given += (frames_out - skipped) as u64;
        #[expect(clippy::cast_possible_truncation, reason = "clamped to the range of i16")]
        out.extend(self.output[skipped..].iter().map(|s| s.round().clamp(-32_768.0, 32_767.0) as i16));
    }

    fn finish(&mut self, from_hz: u32, to_hz: u32, out: &mut Vec<i16>) {
        let wanted = (self.taken * u64::from(to_hz)).div_ceil(u64::from(from_hz));
        let missing = usize::try_from(wanted.saturating_sub(self.given)).unwrap_or(0);
        let end = out.len() + missing;
        // What waits and what the filter delays are less than a block each.
        for _ in 0..2 {
            let padding = self.input.len().saturating_sub(self.waiting.len());
            self.waiting.extend(std::iter::repeat_n(0, padding));
            self.push(&[], out);
        }
        out.resize(end, 0);
        self.waiting.clear();
        self.fft.reset();
        (self.skip, self.taken, self.given) = (self.fft.output_delay(), 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::Resampler;
    use crate::analysis::{first_sound_ms, pitch_hz, rms_dbfs, sine, tone_dbfs};

    fn resampled(from_hz: u32, to_hz: u32, input: &[i16], piece: usize) -> Vec<i16> {
        let mut resampler = Resampler::new(from_hz, to_hz).expect("a rate of telephony");
        let mut out = Vec::new();
        input.chunks(piece).for_each(|chunk| resampler.push(chunk, &mut out));
        resampler.finish(&mut out);
        out
    }

    const ROADS: [(u32, u32); 7] = [
        (8_000, 16_000),
        (16_000, 8_000),
        (22_050, 16_000),
        (24_000, 16_000),
        (44_100, 16_000),
        (48_000, 16_000),
        (16_000, 16_000),
    ];

    #[test]
    fn a_tone_keeps_pitch_level_and_length_at_every_rate() {
        for (from_hz, to_hz) in ROADS {
            let input = sine(440.0, 10_000.0, from_hz, from_hz as usize);
            let output = resampled(from_hz, to_hz, &input, 321);
            assert_eq!(output.len(), to_hz as usize, "{from_hz} to {to_hz}");
            let middle = &output[output.len() / 10..output.len() * 9 / 10];
            let pitch = pitch_hz(middle, to_hz).expect("it is loud");
            assert!((pitch - 440.0).abs() < 0.05, "{from_hz} to {to_hz}: {pitch} Hz");
            let level = rms_dbfs(middle) - rms_dbfs(&input);
            assert!(level.abs() < 0.05, "{from_hz} to {to_hz}: {level} dB");
        }
    }

    #[test]
    fn the_telephone_band_stays_and_what_lies_above_is_gone() {
        for from_hz in [16_000, 24_000, 48_000] {
            let level = |hz| {
                let output = resampled(from_hz, 8_000, &sine(hz, 10_000.0, from_hz, from_hz as usize), 160);
                rms_dbfs(&output[800..7200]) + 13.32
            };
            assert!(level(3_400.0).abs() < 0.1, "{from_hz}: 3.4 kHz at {} dB", level(3_400.0));
            assert!(level(5_000.0) < -60.0, "{from_hz}: 5 kHz at {} dB", level(5_000.0));
        }
        let up = resampled(8_000, 16_000, &sine(3_000.0, 10_000.0, 8_000, 8_000), 160);
        assert!(tone_dbfs(&up, 16_000, 5_000.0) < -80.0, "the image is gone");
    }

    #[test]
    fn the_size_of_the_pieces_changes_nothing() {
        let input = sine(523.25, 9_000.0, 24_000, 7_777);
        let whole = resampled(24_000, 16_000, &input, input.len());
        for piece in [1, 79, 160, 481] {
            assert_eq!(resampled(24_000, 16_000, &input, piece), whole, "pieces of {piece}");
        }
    }

    #[test]
    fn sound_begins_where_it_began() {
        for (from_hz, to_hz) in ROADS {
            let mut input = vec![0; from_hz as usize / 2];
            input.extend(sine(1_000.0, 10_000.0, from_hz, from_hz as usize / 2));
            let output = resampled(from_hz, to_hz, &input, 320);
            let start = first_sound_ms(&output, to_hz, -30.0).expect("it is loud");
            assert!((start - 500.0).abs() <= 5.0, "{from_hz} to {to_hz}: {start} ms");
        }
    }

    #[test]
    fn a_finished_stream_leaves_nothing_for_the_next() {
        let mut resampler = Resampler::new(24_000, 16_000).expect("a rate of telephony");
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for out in [&mut first, &mut second] {
            resampler.push(&sine(440.0, 10_000.0, 24_000, 1_000), out);
            resampler.finish(out);
        }
        assert_eq!(first, second);
        assert_eq!(first.len(), 667);
    }

    #[test]
    fn a_rate_of_no_telephone_is_refused() {
        for (from_hz, to_hz) in [(0, 16_000), (16_000, 1_000_000)] {
            let refused = Resampler::new(from_hz, to_hz).expect_err("not a rate");
            assert_eq!(refused.to_string(), format!("cannot resample from {from_hz} Hz to {to_hz} Hz"));
        }
    }
}
