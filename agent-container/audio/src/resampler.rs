use std::collections::VecDeque;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};

use crate::AudioError;

/// Blocks of 10 ms delay by 5 ms and keep the telephone band flat; shorter ones lose its top.
const BLOCKS_PER_SECOND: u32 = 100;
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
        let fft = Fft::<f32>::new(from_hz as usize, to_hz as usize, block, 1, FixedSync::Both).ok()?;
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
