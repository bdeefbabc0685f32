use super::{Inbound, InboundStats};
use crate::analysis::{pitch_hz, rms_dbfs, sine};
use crate::{Arrival, FRAME_SAMPLES, OpusEncoder, Packet, Source};

/// One second of a 440 Hz tone in Opus packets of 20 ms.
fn tone_packets(loss_percent: u8) -> Vec<Vec<u8>> {
    let mut encoder = OpusEncoder::new(3, loss_percent).expect("libopus has memory");
    let tone = sine(440.0, 8_000.0, 16_000, 16_000);
    let (frames, _) = tone.as_chunks::<FRAME_SAMPLES>();
    frames.iter().map(|frame| encoder.encode(frame).expect("a frame is encoded").to_vec()).collect()
}

/// The ear of a test: everything that was handed on.
#[derive(Default)]
struct Heard {
    samples: Vec<i16>,
    sources: Vec<Source>,
}

impl Heard {
    fn concealed(&self) -> usize {
        self.sources.iter().filter(|&&source| source == Source::Concealed).count()
    }
}

/// Plays a script: `n` packet n arrives, `-` 20 ms pass.
fn play(script: impl IntoIterator<Item = Option<usize>>, packets: &[Vec<u8>]) -> (Heard, InboundStats) {
    let mut inbound = Inbound::new().expect("libopus has memory");
    let mut heard = Heard::default();
    for step in script {
        let mut hear = |frame: &crate::Frame, source| {
            heard.samples.extend_from_slice(frame);
            heard.sources.push(source);
        };
        match step {
            None => inbound.tick(&mut hear),
            Some(at) => {
                let (seq, timestamp) = (at as u16, at as u32 * 960);
                inbound.push(Packet { ssrc: 1, seq, timestamp, payload: &packets[at] }, &mut hear);
            }
        }
    }
    (heard, inbound.stats())
}

fn paced(order: impl IntoIterator<Item = usize>) -> impl Iterator<Item = Option<usize>> {
    order.into_iter().flat_map(|at| [Some(at), None])
}

#[test]
fn a_tone_comes_through_at_its_pitch_and_level() {
    let (heard, stats) = play(paced(0..50), &tone_packets(0));
    assert_eq!((heard.sources.len(), heard.concealed()), (50, 0));
    let steady = &heard.samples[4_000..15_000];
    assert!((pitch_hz(steady, 16_000).expect("it is loud") - 440.0).abs() < 0.1);
    assert!((rms_dbfs(steady) - rms_dbfs(&sine(440.0, 8_000.0, 16_000, 16_000))).abs() < 0.5);
    assert_eq!(stats, InboundStats { packets: 50, streams: 1, ..InboundStats::default() });
}

#[test]
fn a_lost_packet_is_concealed_for_exactly_its_length() {
    let cases: [(&[usize], u8); 4] = [(&[20], 0), (&[20], 20), (&[20, 21], 0), (&[10, 20, 30], 0)];
    for (lost, loss_percent) in cases {
        let order = (0..50).filter(|at| !lost.contains(at));
        let (heard, stats) = play(paced(order), &tone_packets(loss_percent));
        assert_eq!(heard.sources.len(), 50, "media time is kept: {lost:?}");
        assert_eq!((heard.concealed(), stats.lost), (lost.len(), lost.len() as u64));
        assert_eq!(stats.concealed_samples, (lost.len() * FRAME_SAMPLES) as u64);
        // The tone (-15 dBFS) goes on: no hole where it was lost.
        let quietest = heard.samples[2_000..15_000].chunks(80).map(rms_dbfs).fold(0.0, f64::min);
        assert!(quietest > -36.0, "{lost:?}: {quietest} dBFS");
    }
}

#[test]
fn reordered_packets_are_heard_in_order_and_none_is_concealed() {
    let order = (0..50).map(|at| {
        if at % 10 == 4 {
            at + 1
        } else if at % 10 == 5 {
            at - 1
        } else {
            at
        }
    });
    let (reordered, _) = play(paced(order), &tone_packets(0));
    let (straight, _) = play(paced(0..50), &tone_packets(0));
    assert_eq!(reordered.concealed(), 0);
    assert!(reordered.samples == straight.samples, "the same samples");
}

#[test]
fn when_nothing_arrives_time_goes_on_in_silence() {
    let script = paced(0..10).chain(std::iter::repeat_n(None, 50));
    let (heard, _) = play(script, &tone_packets(0));
    // The tick of the last packet is one of those waited for.
    assert_eq!((heard.sources.len(), heard.concealed()), (61, 51));
    assert!(rms_dbfs(&heard.samples[61 * FRAME_SAMPLES - 8_000..]) < -90.0, "it ends in silence");
}

#[test]
fn before_the_first_packet_there_is_silence() {
    let (heard, stats) = play(std::iter::repeat_n(None, 10), &[]);
    assert_eq!((heard.sources.len(), heard.concealed()), (10, 10));
    assert!(heard.samples.iter().all(|&sample| sample == 0));
    assert_eq!(stats.streams, 0);
}

#[test]
fn words_that_come_late_in_a_burst_are_heard_all() {
    let burst = (10..25).map(Some);
    let script = paced(0..10).chain(std::iter::repeat_n(None, 15)).chain(burst).chain(paced(25..50));
    let (heard, stats) = play(script, &tone_packets(0));
    assert_eq!(heard.sources.iter().filter(|&&source| source == Source::Received).count(), 50);
    assert_eq!(heard.concealed(), 16, "the clock had filled the wait");
    assert_eq!((stats.lost, stats.stale), (0, 0));
}

#[test]
fn a_gap_the_clock_has_filled_is_not_filled_again() {
    let script = paced(0..10).chain(std::iter::repeat_n(None, 15)).chain(paced(25..50));
    let (heard, stats) = play(script, &tone_packets(0));
    // 16 by the clock; 15 were lost, none is added.
    assert_eq!((heard.sources.len(), heard.concealed()), (51, 16));
    assert_eq!(stats.lost, 15);
}

#[test]
fn a_sender_that_starts_anew_is_heard_six_times() {
    let packets = tone_packets(0);
    let mut inbound = Inbound::new().expect("libopus has memory");
    let mut heard = 0;
    for cycle in 0..6u16 {
        // Alternately lower and higher numbers than before, the source told or not.
        let (base, ssrc) = (if cycle % 2 == 0 { 40_000 } else { 300 } + cycle * 77, u32::from(cycle / 3));
        for at in 0..20u16 {
            let (seq, timestamp) = (base.wrapping_add(at), u32::from(at) * 960 + 123 * u32::from(base));
            let packet = Packet { ssrc, seq, timestamp, payload: &packets[usize::from(at)] };
            let arrival = inbound.push(packet, |_, _| heard += 1);
            assert_eq!(arrival, if at == 0 { Arrival::Restarted } else { Arrival::Taken });
            inbound.tick(|_, _| heard += 1);
        }
    }
    assert_eq!((heard, inbound.stats().streams), (120, 6));
}

#[test]
fn a_packet_that_is_not_opus_is_concealed_and_the_next_is_heard() {
    let mut packets = tone_packets(0);
    packets[20] = vec![0xFF; 3];
    packets[30] = Vec::new();
    let (heard, stats) = play(paced(0..50), &packets);
    assert_eq!((heard.sources.len(), heard.concealed(), stats.malformed), (50, 2, 2));
}

#[test]
fn whatever_bytes_arrive_each_gives_its_time() {
    use proptest::prelude::*;
    proptest!(ProptestConfig::with_cases(64), |(packets in proptest::collection::vec(
        proptest::collection::vec(any::<u8>(), 0..60), 1..40))| {
        let (heard, stats) = play(paced(0..packets.len()), &packets);
        prop_assert_eq!(stats.packets, packets.len() as u64);
        // A packet is at most 120 ms.
        prop_assert!(heard.sources.len() <= packets.len() * 6 + 60);
    });
}
