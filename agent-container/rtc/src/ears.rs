//! What we hear: packets to frames.

use std::sync::atomic::Ordering::Relaxed;

use audio::mulaw::{self, MULAW_FRAME_BYTES, MULAW_HZ};
use audio::{AudioError, Framer, Inbound, PIPELINE_HZ, Packet, Reorder, Resampler};
use line::{FRAME_SAMPLES, Source, Station};
use str0m::format::Codec as WireCodec;
use str0m::media::MediaData;

use crate::stats::CallStats;

/// Ticks of 20 ms without a packet before silence is made up; as `audio::Inbound` does it.
const STALL_TICKS: u32 = 3;

/// The receiving end of one call, across tracks, codecs and sessions.
#[derive(Debug, Default)]
pub(crate) struct Ears {
    track: Option<Track>,
}

#[derive(Debug)]
enum Track {
    Opus(Box<Inbound>),
    Pcmu(Box<PcmuInbound>),
}

impl Ears {
    /// Takes a packet of the caller. `stream` changes whenever another track takes over.
    pub(crate) fn packet(
        &mut self,
        audio: &MediaData,
        stream: u32,
        station: &mut dyn Station,
        stats: &CallStats,
    ) {
        let packet = Packet {
            ssrc: stream,
            // Sequence numbers and media times come extended; the wire has 16 and 32 bits of them.
            seq: **audio.seq_range.start() as u16,
            timestamp: audio.time.numer() as u32,
            payload: &audio.data,
        };
        let hear = |frame: &line::Frame, source: Source| station.hear(frame, source);
        match (self.track_for(audio.params.spec().codec), hear) {
            (Some(Track::Opus(inbound)), hear) => drop(inbound.push(packet, hear)),
            (Some(Track::Pcmu(inbound)), hear) => inbound.push(packet, hear),
            (None, _) => return,
        }
        self.count(stats);
    }

    /// 20 ms passed. Before the first packet there is nothing to hear.
    pub(crate) fn tick(&mut self, station: &mut dyn Station, stats: &CallStats) {
        let hear = |frame: &line::Frame, source: Source| station.hear(frame, source);
        match &mut self.track {
            Some(Track::Opus(inbound)) => inbound.tick(hear),
            Some(Track::Pcmu(inbound)) => inbound.tick(hear),
            None => return,
        }
        self.count(stats);
    }

    /// The decoder of this codec; the one in use is replaced when the codec changes.
    fn track_for(&mut self, codec: WireCodec) -> Option<&mut Track> {
        let fits = matches!(
            (&self.track, codec),
            (Some(Track::Opus(_)), WireCodec::Opus) | (Some(Track::Pcmu(_)), WireCodec::PCMU)
        );
        if !fits {
            match Track::new(codec) {
                Ok(track) => self.track = track,
                Err(error) => tracing::error!(%error, ?codec, "no decoder: the caller is not heard"),
            }
        }
        self.track.as_mut()
    }

    fn count(&self, stats: &CallStats) {
        match &self.track {
            Some(Track::Opus(inbound)) => {
                let seen = inbound.stats();
                stats.frames_in.store(seen.packets, Relaxed);
                stats.frames_lost.store(seen.lost, Relaxed);
                stats.frames_dropped.store(seen.stale, Relaxed);
                stats.frames_concealed.store(seen.concealed_samples / FRAME_SAMPLES as u64, Relaxed);
            }
            Some(Track::Pcmu(inbound)) => {
                stats.frames_in.store(inbound.packets, Relaxed);
                stats.frames_lost.store(inbound.lost, Relaxed);
                stats.frames_concealed.store(inbound.made_up, Relaxed);
            }
            None => {}
        }
    }
}

impl Track {
    fn new(codec: WireCodec) -> Result<Option<Self>, AudioError> {
        Ok(match codec {
            WireCodec::Opus => Some(Self::Opus(Box::new(Inbound::new()?))),
            WireCodec::PCMU => Some(Self::Pcmu(Box::new(PcmuInbound::new()?))),
            // Nothing else is negotiated.
            _ => None,
        })
    }
}

/// µ-law packets to frames; what is lost is silence. Telephones reach us as Opus, so this serves
/// load generators and gateways that publish PCMU themselves.
#[derive(Debug)]
struct PcmuInbound {
    reorder: Reorder,
    resampler: Resampler,
    framer: Framer,
    samples: Vec<i16>,
    wide: Vec<i16>,
    idle_ticks: u32,
    packets: u64,
    lost: u64,
    made_up: u64,
}

impl PcmuInbound {
    fn new() -> Result<Self, AudioError> {
        Ok(Self {
            reorder: Reorder::default(),
            resampler: Resampler::new(MULAW_HZ, PIPELINE_HZ)?,
            framer: Framer::default(),
            samples: Vec::with_capacity(MULAW_FRAME_BYTES),
            wide: Vec::with_capacity(FRAME_SAMPLES),
            idle_ticks: 0,
            packets: 0,
            lost: 0,
            made_up: 0,
        })
    }

    fn push(&mut self, packet: Packet<'_>, mut hear: impl FnMut(&line::Frame, Source)) {
        self.packets += 1;
        self.reorder.push(packet);
        self.advance(&mut hear);
    }

    fn tick(&mut self, mut hear: impl FnMut(&line::Frame, Source)) {
        self.reorder.tick();
        self.idle_ticks += 1;
        self.advance(&mut hear);
        if self.idle_ticks >= STALL_TICKS {
            self.silence(1, &mut hear);
        }
    }

    fn advance(&mut self, hear: &mut impl FnMut(&line::Frame, Source)) {
        while let Some(next) = self.reorder.pop() {
            self.idle_ticks = 0;
            if !next.restart {
                self.lost += u64::from(next.lost_before);
                self.silence(next.lost_before, hear);
            }
            self.samples.clear();
            mulaw::decode(&next.payload, &mut self.samples);
            self.wide.clear();
            self.resampler.push(&self.samples, &mut self.wide);
            self.framer.push(&self.wide, |frame| hear(frame, Source::Received));
        }
    }

    fn silence(&mut self, frames: u16, hear: &mut impl FnMut(&line::Frame, Source)) {
        for _ in 0..frames {
            self.made_up += 1;
            hear(&[0; FRAME_SAMPLES], Source::Concealed);
        }
    }
}

#[cfg(test)]
mod tests {
    use audio::Packet;
    use line::Source;

    use super::PcmuInbound;

    #[test]
    fn pcmu_is_heard_in_order_and_its_gaps_as_silence() {
        let mut inbound = PcmuInbound::new().expect("a resampler");
        let (mut received, mut concealed) = (0, 0);
        let mut hear = |_: &line::Frame, source: Source| match source {
            Source::Received => received += 1,
            Source::Concealed => concealed += 1,
        };
        // 5 is lost; 8 comes before 7.
        for seq in [1u16, 2, 3, 4, 6, 8, 7, 9, 10] {
            let timestamp = u32::from(seq) * 160;
            inbound.push(Packet { ssrc: 1, seq, timestamp, payload: &[0x80; 160] }, &mut hear);
        }
        for _ in 0..5 {
            inbound.tick(&mut hear);
        }
        assert_eq!((inbound.packets, inbound.lost, inbound.made_up), (9, 1, 4));
        assert_eq!(concealed, 4);
        // The resampler holds back 5 ms, so the last frame is not whole.
        assert_eq!(received, 8);
    }
}
