use super::{Ear, Edges, Vad, VadConfig, VadEdge};
use crate::analysis::vowels;
use crate::{FRAME_MS, FRAME_SAMPLES};

fn told(edge: VadEdge) -> String {
    match edge {
        VadEdge::Started { speech_ms } => format!("started {speech_ms}"),
        VadEdge::Hushed { silence_ms } => format!("hushed {silence_ms}"),
        VadEdge::Resumed { speech_ms } => format!("resumed {speech_ms}"),
        VadEdge::Ended { silence_ms } => format!("ended {silence_ms}"),
    }
}

/// `p*n` is n windows of 32 ms with probability p/10; the edges come with the time of their window's end.
fn edges(script: &str, config: VadConfig) -> String {
    let mut edges = Edges::new(config);
    let (mut at_ms, mut out) = (0, Vec::new());
    for step in script.split_whitespace() {
        let (tenths, count) = step.split_once('*').expect("p*n");
        let probability = tenths.parse::<f32>().expect("a number") / 10.0;
        for _ in 0..count.parse().expect("a count") {
            at_ms += 32;
            out.extend(edges.step(probability, 32).map(|edge| format!("{at_ms}:{}", told(edge))));
        }
    }
    out.join(" ")
}

#[test]
fn edges_follow_the_hysteresis_and_the_minimum_times() {
    let seeds =
        VadConfig { activation: 0.7, deactivation: 0.55, min_silence_ms: 400, ..VadConfig::default() };
    let phone = VadConfig::default();
    for (config, script, expected) in [
        (phone, "0*10", ""),
        (phone, "9*1 0*10", ""),
        (phone, "9*2 0*8", "64:started 64 192:hushed 128 320:ended 256"),
        // Consecutive: a single quiet window starts the count anew.
        (phone, "9*1 0*1 9*1 0*1 9*2", "192:started 64"),
        // 0.4 does not begin speech, and does not end it.
        (phone, "4*9 9*2 4*20 3*8", "352:started 64 1120:hushed 128 1248:ended 256"),
        (phone, "9*3 0*3 9*3", "64:started 64"),
        (phone, "9*3 0*5 9*3", "64:started 64 224:hushed 128 288:resumed 32"),
        (
            phone,
            "9*3 0*5 9*1 0*8",
            "64:started 64 224:hushed 128 288:resumed 32 416:hushed 128 544:ended 256",
        ),
        (seeds, "6*9", ""),
        (seeds, "8*2 6*9 5*13", "64:started 64 480:hushed 128 768:ended 416"),
        (VadConfig { min_speech_ms: 0, min_silence_ms: 0, ..phone }, "9*1 0*1", "32:started 32 64:ended 32"),
    ] {
        assert_eq!(edges(script, config), expected, "{script}");
    }
}

/// A repeatable noise of about the given RMS level.
fn noise(samples: usize, dbfs: f64, seed: u64) -> Vec<i16> {
    let peak = 32_768.0 * 10f64.powf(dbfs / 20.0) * 3f64.sqrt();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..samples).map(|_| (uniform() * peak) as i16).collect()
}

/// Where speech began and ended for this ear, in milliseconds, from the edges and what they say of the past.
fn turns(signal: &[i16], ear: Ear) -> Vec<(u64, u64)> {
    let mut vad = Vad::new(VadConfig { ear, ..VadConfig::default() });
    let mut turns = Vec::new();
    let (frames, _) = signal.as_chunks::<FRAME_SAMPLES>();
    for (at, frame) in (1u64..).zip(frames) {
        let now_ms = at * u64::from(FRAME_MS);
        match vad.hear(frame) {
            Some(VadEdge::Started { speech_ms }) => turns.push((now_ms - u64::from(speech_ms), u64::MAX)),
            Some(VadEdge::Ended { silence_ms }) => {
                turns.last_mut().expect("it had started").1 = now_ms - u64::from(silence_ms);
            }
            _ => {}
        }
    }
    turns
}

/// Vowels from 1.0 to 2.5 s and from 4.0 to 5.0 s, silence around, over a noise.
fn two_turns(noise_dbfs: f64) -> Vec<i16> {
    let mut signal = noise(7 * 16_000, noise_dbfs, 3);
    for (start, seconds) in [(16_000, 1.5), (64_000, 1.0)] {
        for (slot, sample) in signal[start..].iter_mut().zip(vowels((seconds * 16_000.0) as usize)) {
            *slot = slot.saturating_add(sample);
        }
    }
    signal
}

#[test]
fn two_turns_are_found_where_they_are() {
    for (ear, noise_dbfs) in [
        (Ear::Quick, -90.0),
        (Ear::Noise, -90.0),
        (Ear::Noise, -50.0),
        (Ear::Noise, -40.0),
        (Ear::Noise, -30.0),
    ] {
        let found = turns(&two_turns(noise_dbfs), ear);
        assert_eq!(found.len(), 2, "{ear:?} {noise_dbfs}: {found:?}");
        for ((start, end), (from, to)) in found.iter().zip([(1_000u64, 2_500u64), (4_000, 5_000)]) {
            assert!(start.abs_diff(from) <= 100, "{ear:?} {noise_dbfs}: began at {start}, not {from}");
            assert!(end.abs_diff(to) <= 200, "{ear:?} {noise_dbfs}: ended at {end}, not {to}");
        }
    }
}

#[test]
fn noise_alone_is_nobody() {
    for noise_dbfs in [-70.0, -50.0, -30.0, -20.0, -10.0] {
        assert_eq!(turns(&noise(10 * 16_000, noise_dbfs, 7), Ear::Noise), [], "{noise_dbfs} dBFS");
    }
}

#[test]
fn what_sounds_like_a_voice_and_never_breathes_is_not_a_turn_for_ever() {
    // Six voices at once, without a pause, for a minute.
    let voice = vowels(70 * 16_000);
    let crowd: Vec<i16> = (0..60 * 16_000)
        .map(|i| (0..6).map(|v| i32::from(voice[i + v * 17_000]) / 8).sum::<i32>())
        .map(|s| i16::try_from(s.clamp(-32_768, 32_767)).expect("clamped"))
        .collect();
    let found = turns(&crowd, Ear::Noise);
    let longest = found.iter().map(|(start, end)| end.min(&60_000) - start).max().unwrap_or(0);
    assert!(longest < 30_000, "a turn of {longest} ms: {found:?}");
}

#[test]
fn a_frame_that_never_comes_whole_changes_nothing() {
    let mut vad = Vad::new(VadConfig::default());
    let silence = [0; FRAME_SAMPLES];
    assert_eq!(vad.hear(&silence), None);
    assert!(!vad.reading().speaking);
    (0..100).for_each(|_| assert_eq!(vad.hear(&silence), None));
    let reading = vad.reading();
    assert_eq!((reading.probability, reading.speech_ms), (0.0, 0));
    assert!(reading.silence_ms >= 1_900);
}
