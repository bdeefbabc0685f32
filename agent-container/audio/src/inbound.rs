use crate::reorder::InOrder;
use crate::{Arrival, AudioError, FRAME_SAMPLES, Frame, OpusDecoder, PIPELINE_HZ, Packet, Reorder, Source};

/// RTP clock of Opus, whatever it carries, in Hz (RFC 7587, section 4.1).
const OPUS_CLOCK_HZ: u32 = 48_000;
const CLOCK_PER_SAMPLE: u32 = OPUS_CLOCK_HZ / PIPELINE_HZ;
/// Ticks of 20 ms without a packet before time is filled: ordinary jitter and late wake-ups stay below.
const STALL_TICKS: u32 = 3;
/// Concealment beyond this is noise; silence follows (libopus itself fades over about as much).
const MAX_CONCEAL_SAMPLES: usize = (PIPELINE_HZ as usize) / 10;
/// A gap in media time is filled up to this much; what is longer was a pause of the sender.
const MAX_GAP_SAMPLES: u32 = PIPELINE_HZ;

/// What happened on a track so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InboundStats {
    /// Packets taken.
    pub packets: u64,
    /// Packets that never came, or came too late.
    pub lost: u64,
    /// Packets dropped: duplicates, or too late.
    pub stale: u64,
    /// Packets that were not Opus.
    pub malformed: u64,
    /// Streams begun: 1 for the first, more when the sender started anew.
    pub streams: u64,
    /// Samples made up in place of lost or late ones, silence included.
    pub concealed_samples: u64,
}

/// A track's Opus packets in, in the order they arrive; 20 ms frames of the pipeline out, in the order
/// they were spoken, gaps concealed.
///
/// A frame comes out as soon as its packet is there: hearing late helps nobody. [`tick`](Self::tick)
/// keeps time running when nothing arrives, so that silence is heard as silence: after 60 ms it makes up
/// a frame a tick (concealed speech for 100 ms, then silence) until packets come again. Packets that come
/// late after all are still handed on, in order: a word heard late is better than a word lost.
#[derive(Debug)]
pub struct Inbound {
    reorder: Reorder,
    decoder: OpusDecoder,
    /// Decoded and not yet a whole frame.
    samples: Vec<i16>,
    /// How many of `samples` are made up.
    concealed: usize,
    /// Media time that is due, in the RTP clock.
    due_timestamp: u32,
    /// Samples made up since the last packet, because the clock wanted them.
    made_up: usize,
    packet_samples: usize,
    idle_ticks: u32,
    stats: InboundStats,
}

impl Inbound {
    /// The receiving end of one track.
    ///
    /// # Errors
    /// [`AudioError::Codec`] when libopus finds no memory.
    pub fn new() -> Result<Self, AudioError> {
        Ok(Self {
            reorder: Reorder::default(),
            decoder: OpusDecoder::new()?,
            samples: Vec::new(),
            concealed: 0,
            due_timestamp: 0,
            made_up: 0,
            packet_samples: FRAME_SAMPLES,
            idle_ticks: 0,
            stats: InboundStats::default(),
        })
    }

    /// Takes a packet that arrived and hands on the frames that are whole now, none or several.
    pub fn push(&mut self, packet: Packet<'_>, hear: impl FnMut(&Frame, Source)) -> Arrival {
        let arrival = self.reorder.push(packet);
        match arrival {
            Arrival::Stale => self.stats.stale += 1,
            Arrival::Taken | Arrival::Restarted => {
                self.stats.packets += 1;
                self.idle_ticks = 0;
            }
        }
        self.advance(hear);
        arrival
    }

    /// 20 ms passed. Hands on what has waited long enough, and makes up frames when nothing arrives.
    pub fn tick(&mut self, mut hear: impl FnMut(&Frame, Source)) {
        self.reorder.tick();
        self.idle_ticks += 1;
        self.advance(&mut hear);
        if self.idle_ticks < STALL_TICKS {
            return;
        }
        // The first time, all the ticks that were waited for are due at once.
        let frames = if self.idle_ticks == STALL_TICKS { STALL_TICKS as usize } else { 1 };
        self.make_up(frames * FRAME_SAMPLES, self.made_up);
        self.made_up += frames * FRAME_SAMPLES;
        self.hand_on(hear);
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> InboundStats {
        self.stats
    }

    fn advance(&mut self, mut hear: impl FnMut(&Frame, Source)) {
        while let Some(next) = self.reorder.pop() {
            self.fill_gap(&next);
            self.decode(&next);
            self.hand_on(&mut hear);
        }
    }

    /// Fills the media time between the last packet and this one, less what the clock has filled already.
    fn fill_gap(&mut self, next: &InOrder) {
        self.stats.lost += u64::from(next.lost_before);
        let made_up = std::mem::take(&mut self.made_up);
        if next.restart {
            self.stats.streams += 1;
            self.decoder.reset();
            return;
        }
        let gap = next.timestamp.wrapping_sub(self.due_timestamp) / CLOCK_PER_SAMPLE;
        if gap > MAX_GAP_SAMPLES {
            return;
        }
        let missing = (gap as usize).saturating_sub(made_up);
        let recoverable = if next.lost_before > 0 { missing.min(self.packet_samples) } else { 0 };
        self.make_up(missing - recoverable, made_up.min(gap as usize));
        self.decoder.recover(&next.payload, recoverable, &mut self.samples);
        self.count_concealed(recoverable);
    }

    fn decode(&mut self, next: &InOrder) {
        match self.decoder.decode(&next.payload, &mut self.samples) {
            Ok(samples) => self.packet_samples = samples,
            Err(_) => {
                self.stats.malformed += 1;
                self.make_up(self.packet_samples, 0);
            }
        }
        let clock = u32::try_from(self.packet_samples).unwrap_or(0) * CLOCK_PER_SAMPLE;
        self.due_timestamp = next.timestamp.wrapping_add(clock);
    }

    /// Appends concealed speech while it still sounds like speech (`already` were made up), then silence.
    fn make_up(&mut self, samples: usize, already: usize) {
        let speech = MAX_CONCEAL_SAMPLES.saturating_sub(already).min(samples);
        self.decoder.conceal(speech, &mut self.samples);
        self.samples.resize(self.samples.len() + samples - speech, 0);
        self.count_concealed(samples);
    }

    fn count_concealed(&mut self, samples: usize) {
        self.concealed += samples;
        self.stats.concealed_samples += samples as u64;
    }

    fn hand_on(&mut self, mut hear: impl FnMut(&Frame, Source)) {
        let mut rest = self.samples.as_slice();
        while let Some((frame, after)) = rest.split_first_chunk::<FRAME_SAMPLES>() {
            let concealed = self.concealed.min(FRAME_SAMPLES);
            self.concealed -= concealed;
            hear(frame, if concealed * 2 > FRAME_SAMPLES { Source::Concealed } else { Source::Received });
            rest = after;
        }
        let done = self.samples.len() - rest.len();
        self.samples.drain(..done);
    }
}

#[cfg(test)]
mod tests;
