//! What a phone said and heard, on one clock.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Samples a second in baresip's recordings of a PCMU call.
pub const SAMPLE_RATE: u32 = 8000;

/// Bytes before the samples in the files libsndfile writes.
const HEADER_BYTES: u64 = 44;

/// Later sightings that may correct the time of a sample: half a second of them.
const LOOK_AHEAD: u64 = SAMPLE_RATE as u64 / 2;

/// A pause in the packets shorter than this is jitter, not silence.
const GAP: Duration = Duration::from_millis(60);

/// More than this ahead of its time, a recording drops silence.
const SURPLUS: Duration = Duration::from_millis(20);

/// The smallest steps of µ-law: nothing louder is silence.
const QUIET: u16 = 16;

/// One of the two directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What the phone sent: the caller.
    Sent,
    /// What the phone heard: the agent.
    Heard,
}

/// One direction: the samples, and when each was sent or arrived.
///
/// baresip writes a sample into its file when it sends it or when its packet arrives, so the growth of the file tells the time.
#[derive(Debug, Default, Clone)]
pub(crate) struct Track {
    path: Option<PathBuf>,
    sightings: Vec<Sighting>,
}

/// At `at` the file held `samples` samples.
#[derive(Debug, Clone, Copy)]
struct Sighting {
    at: Instant,
    samples: u64,
}

impl Track {
    pub(crate) fn found(&mut self, path: PathBuf) {
        self.path = Some(path);
    }

    pub(crate) fn is_found(&self) -> bool {
        self.path.is_some()
    }

    /// Looks how long the file is now.
    pub(crate) fn look(&mut self, at: Instant) {
        let Some(length) = self.path.as_ref().and_then(|path| path.metadata().ok()).map(|file| file.len())
        else {
            return;
        };
        let samples = length.saturating_sub(HEADER_BYTES) / 2;
        if samples > self.sightings.last().map_or(0, |last| last.samples) {
            self.sightings.push(Sighting { at, samples });
        }
    }

    /// All samples so far.
    pub(crate) fn samples(&self) -> Result<Vec<i16>> {
        self.samples_from(0)
    }

    /// The samples so far, without the first `from`.
    pub(crate) fn samples_from(&self, from: usize) -> Result<Vec<i16>> {
        let Some(path) = &self.path else { return Ok(Vec::new()) };
        let mut bytes = Vec::new();
        let mut read = || -> std::io::Result<usize> {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(HEADER_BYTES + 2 * from as u64))?;
            file.read_to_end(&mut bytes)
        };
        read().with_context(|| format!("cannot read {}", path.display()))?;
        Ok(bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
    }

    /// How many samples there are.
    pub(crate) fn length(&self) -> usize {
        self.sightings.last().map_or(0, |last| last.samples as usize)
    }

    /// When sample number `index` was sent or arrived. A look may come late, never early: so the earliest time that any look of the
    /// following half second allows.
    fn at(&self, index: u64) -> Option<Instant> {
        let first = self.sightings.partition_point(|sighting| sighting.samples <= index);
        self.sightings[first..]
            .iter()
            .enumerate()
            // The first counts however late it is: after a stall it is all there is.
            .take_while(|(number, sighting)| *number == 0 || sighting.samples <= index + LOOK_AHEAD)
            .map(|(_, sighting)| sighting.at - duration(sighting.samples - index))
            .min()
    }
}

/// A finished call as its phone recorded it.
#[derive(Debug)]
pub struct PhoneRecording {
    sent: Finished,
    heard: Finished,
}

#[derive(Debug)]
struct Finished {
    samples: Vec<i16>,
    track: Track,
}

impl PhoneRecording {
    pub(crate) fn new(sent: Track, heard: Track) -> Result<Self> {
        let finish = |track: Track| Ok::<_, anyhow::Error>(Finished { samples: track.samples()?, track });
        Ok(Self { sent: finish(sent)?, heard: finish(heard)? })
    }

    /// The samples of one direction, 8 kHz mono, without the pauses in which no packet came.
    #[must_use]
    pub fn samples(&self, side: Side) -> &[i16] {
        &self.side(side).samples
    }

    /// When sample number `index` of `side` was sent or arrived; `None` behind the end.
    #[must_use]
    pub fn at(&self, side: Side, index: usize) -> Option<Instant> {
        self.side(side).track.at(index as u64)
    }

    /// Both directions from `origin` on, pauses as silence: 8 kHz, equally long.
    #[must_use]
    pub fn aligned(&self, origin: Instant) -> (Vec<i16>, Vec<i16>) {
        let (mut sent, mut heard) = (self.sent.since(origin), self.heard.since(origin));
        let length = sent.len().max(heard.len());
        sent.resize(length, 0);
        heard.resize(length, 0);
        (sent, heard)
    }

    /// Writes a stereo WAV: what the phone sent left, what it heard right, beginning at `origin`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_stereo(&self, origin: Instant, path: &Path) -> Result<()> {
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let (sent, heard) = self.aligned(origin);
        let written = || -> Result<(), hound::Error> {
            let mut writer = hound::WavWriter::create(path, spec)?;
            for (left, right) in sent.into_iter().zip(heard) {
                writer.write_sample(left)?;
                writer.write_sample(right)?;
            }
            writer.finalize()
        };
        written().with_context(|| format!("cannot write {}", path.display()))
    }

    fn side(&self, side: Side) -> &Finished {
        match side {
            Side::Sent => &self.sent,
            Side::Heard => &self.heard,
        }
    }
}

impl Finished {
    fn since(&self, origin: Instant) -> Vec<i16> {
        let mut aligned: Vec<i16> = Vec::new();
        let mut from = 0;
        for sighting in &self.track.sightings {
            let to = (sighting.samples as usize).min(self.samples.len());
            let Some(at) = self.track.at(from as u64) else { break };
            let due = samples(at.saturating_duration_since(origin));
            if from == 0 || due > aligned.len() + samples(GAP) {
                aligned.resize(due.max(aligned.len()), 0);
            }
            let piece = &self.samples[from.min(to)..to];
            from = to;
            // More samples came than time passed, a burst at the start of a call for one: what follows would be placed too late.
            // In speech that is what a phone would play, in silence nothing is lost by catching up.
            if aligned.len() > due + samples(SURPLUS)
                && piece.iter().all(|sample| sample.unsigned_abs() <= QUIET)
            {
                continue;
            }
            aligned.extend_from_slice(piece);
        }
        aligned
    }
}

fn duration(samples: u64) -> Duration {
    Duration::from_micros(samples * 1_000_000 / u64::from(SAMPLE_RATE))
}

fn samples(duration: Duration) -> usize {
    (duration.as_micros() * u128::from(SAMPLE_RATE) / 1_000_000) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at a file that grows by 20 ms frames from `first_ms` on, `late_ms` late each.
    fn track(start: Instant, looks: &[(u64, u64)]) -> Track {
        let sightings = looks
            .iter()
            .map(|&(ms, samples)| Sighting { at: start + Duration::from_millis(ms), samples })
            .collect();
        Track { path: None, sightings }
    }

    #[test]
    fn a_late_look_does_not_make_a_sample_late() {
        let start = Instant::now();
        let track = track(start, &[(100, 160), (135, 320), (140, 480)]);
        assert_eq!(track.at(160), Some(start + Duration::from_millis(100)));
        assert_eq!(track.at(480), None);
    }

    #[test]
    fn nothing_is_lost_when_nobody_looked_for_a_while() {
        let start = Instant::now();
        let track = track(start, &[(20, 160), (1020, 8160), (1040, 8320)]);
        assert_eq!(track.at(160), Some(start + Duration::from_millis(20)));
        let finished = Finished { samples: vec![9; 8320], track };
        assert_eq!(finished.since(start).len(), 8320);
    }

    #[test]
    fn silence_that_came_in_a_burst_makes_nothing_late() {
        let start = Instant::now();
        let looks: Vec<(u64, u64)> =
            [(20, 160), (21, 960)].into_iter().chain((1..50).map(|n| (20 + n * 20, 960 + n * 160))).collect();
        let track = track(start, &looks);
        let mut samples = vec![0; 960 + 49 * 160];
        samples[960 + 20 * 160..].fill(900);
        let aligned = Finished { samples, track }.since(start);
        let begin = aligned.iter().position(|&sample| sample != 0).map(|at| at / 8);
        // The 21st packet after the burst came at 440 ms; its 20 ms end there.
        assert!(begin.is_some_and(|ms| (400..=440).contains(&ms)), "{begin:?}");
    }

    #[test]
    fn a_pause_in_the_packets_becomes_silence() {
        let start = Instant::now();
        let track = track(start, &[(20, 160), (40, 320), (1040, 480), (1060, 640)]);
        let finished = Finished { samples: vec![9; 640], track };
        let aligned = finished.since(start);
        assert_eq!(aligned.len(), 1060 * 8);
        assert_eq!(aligned.iter().filter(|&&sample| sample == 9).count(), 640);
        assert_eq!(aligned[1020 * 8], 9);
        assert_eq!(aligned[1020 * 8 - 1], 0);
    }
}
