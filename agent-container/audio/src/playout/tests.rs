use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{EVENT_BOUND, MAX_QUEUED_MS, Playout, PlayoutEvent, PlayoutFeed, SpeechId, pair};
use crate::{FRAME_SAMPLES, Frame};

/// Both ends, and what the caller and the call loop have noticed so far.
struct Stage {
    feed: PlayoutFeed,
    playout: Playout,
    woken: Arc<AtomicUsize>,
}

impl Stage {
    fn new() -> Self {
        let woken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&woken);
        let (feed, playout) = pair(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        Self { feed, playout, woken }
    }

    fn frame(&mut self) -> (bool, Frame) {
        let mut frame = [1; FRAME_SAMPLES];
        let spoke = self.playout.next_frame(&mut frame);
        assert!(spoke || frame == [0; FRAME_SAMPLES], "nothing said is silence");
        (spoke, frame)
    }

    fn events(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.feed.poll_event()).map(told).collect()
    }
}

fn told(event: PlayoutEvent) -> String {
    match event {
        PlayoutEvent::Started(speech) => format!("started {}", speech.0),
        PlayoutEvent::Audible(at) => format!("audible {}@{}", at.speech.0, at.samples),
        PlayoutEvent::Finished(at) => format!("finished {}@{}", at.speech.0, at.samples),
        PlayoutEvent::Flushed(at) => format!("flushed {}@{}", at.speech.0, at.samples),
    }
}

/// Plays a script, a step a word, and returns what the caller heard and what the call loop was told.
///
/// `A1:500` append 500 samples to speech 1, `E1` finish it, `F1` flush, `P1` pause, `R1` resume, `f*3` three
/// frames: `#` spoken, `.` silent.
fn timeline(script: &str) -> String {
    let mut stage = Stage::new();
    let mut line = Vec::new();
    for step in script.split_whitespace() {
        let (verb, rest) = step.split_at(1);
        let (speech, count) = rest.split_once([':', '*']).unwrap_or((rest, "1"));
        let count: usize = count.parse().expect("a count");
        let speech = SpeechId(speech.parse().unwrap_or(0));
        match verb {
            "A" => assert_eq!(stage.feed.append(speech, &vec![5_000; count]), count, "{step}"),
            // Refused.
            "X" => assert_eq!(stage.feed.append(speech, &vec![5_000; count]), 0, "{step}"),
            "S" => assert_eq!(stage.feed.append(speech, &vec![0; count]), count, "{step}"),
            "E" => stage.feed.finish(speech),
            "F" => _ = stage.feed.flush(speech),
            "P" => stage.feed.pause(speech),
            "R" => stage.feed.resume(speech),
            "f" => {
                let frames: String = (0..count).map(|_| if stage.frame().0 { '#' } else { '.' }).collect();
                line.push(frames);
            }
            _ => panic!("no such step: {step}"),
        }
        if verb == "f" {
            line.extend(stage.events());
        }
    }
    line.join(" ")
}

/// What the call loop does, and what is heard of it.
const SCRIPTS: &[(&str, &str)] = &[
    // Nothing to say.
    ("f*2", ".."),
    // A whole speech; its last frame is padded.
    ("A1:960 E1 f*4", "###. started 1 audible 1@0 finished 1@960"),
    ("A1:700 E1 f*4", "###. started 1 audible 1@0 finished 1@700"),
    // A frame waits for all its samples.
    ("A1:319 f A1:1 f", ". # started 1 audible 1@0"),
    ("A1:100 E1 f*2", "#. started 1 audible 1@0 finished 1@100"),
    // Small pieces, one speech after the other.
    (
        "A1:100 A1:100 A1:120 A1:320 A2:320 E2 f*4",
        "###. started 1 audible 1@0 finished 1@640 started 2 audible 2@0 finished 2@320",
    ),
    // The silence at a speech's start is not heard.
    ("S1:500 A1:140 E1 f*2", "## started 1 audible 1@500 finished 1@640"),
    ("S1:640 E1 f*2", "## started 1 finished 1@640"),
    // A speech without audio.
    ("E1 f A2:320 E2 f", ". finished 1@0 # started 2 audible 2@0 finished 2@320"),
    // The audio runs out and comes again: no sample is lost, none is played twice.
    ("A1:640 f*4 A1:320 E1 f*2", "##.. started 1 audible 1@0 #. finished 1@960"),
    // What comes after the end is refused.
    ("A1:320 E1 X1:320 f*2", "#. started 1 audible 1@0 finished 1@320"),
    (
        "A1:320 A2:320 X1:320 E2 f*3",
        "##. started 1 audible 1@0 finished 1@320 started 2 audible 2@0 finished 2@320",
    ),
    // Flush: 5 ms more, then silence; the position counts them.
    ("A1:3200 f*3 F1 f*2", "### started 1 audible 1@0 #. flushed 1@1040"),
    (
        "A1:3200 f*3 F1 X1:320 f*2 A2:320 E2 f*2",
        "### started 1 audible 1@0 #. flushed 1@1040 #. started 2 audible 2@0 finished 2@320",
    ),
    (
        "A1:3200 f*3 F1 A2:320 E2 f*3",
        "### started 1 audible 1@0 ##. flushed 1@1040 started 2 audible 2@0 finished 2@320",
    ),
    // Flushed before it was heard, before it was in the ring, before it began at all.
    ("A1:3200 F1 f*2", ".. flushed 1@0"),
    ("A1:100 F1 f*2", ".. flushed 1@0"),
    ("F1 X1:320 f*2", ".. flushed 1@0"),
    // A later one is flushed, the one being heard goes on.
    ("A1:640 A2:640 E2 f F2 f*2", "# started 1 audible 1@0 #. flushed 2@0 finished 1@640"),
    // Flushed when it was over already, or twice: no second end.
    ("A1:320 E1 f*2 F1 f", "#. started 1 audible 1@0 finished 1@320 ."),
    ("A1:640 f F1 F1 f*2", "# started 1 audible 1@0 #. flushed 1@400"),
    ("F1 F1 f", ". flushed 1@0"),
    // Flushed within its last frame; flushed while it waits for audio.
    ("A1:400 E1 f F1 f*2", "# started 1 audible 1@0 #. flushed 1@400"),
    ("A1:320 f*2 F1 f", "#. started 1 audible 1@0 . flushed 1@320"),
    // Pause: 5 ms more; then on from there.
    ("A1:960 E1 f P1 f*3 R1 f*3", "# started 1 audible 1@0 #.. ##. finished 1@960"),
    // Paused before its first audio, and what is behind it waits too.
    (
        "P1 A1:320 E1 A2:320 E2 f*2 R1 f*3",
        ".. ##. started 1 audible 1@0 finished 1@320 started 2 audible 2@0 finished 2@320",
    ),
    ("P1 A1:320 E1 A2:320 E2 f*2 F1 f*2", ".. #. flushed 1@0 started 2 audible 2@0 finished 2@320"),
    // Paused within the last 5 ms: it ends.
    ("A1:360 E1 f P1 f*2", "# started 1 audible 1@0 #. finished 1@360"),
    // Paused twice, resumed once; resumed without a pause.
    ("A1:960 E1 f P1 P1 f R1 R1 f*2", "# started 1 audible 1@0 # ## finished 1@960"),
    // Flushed while paused.
    ("A1:960 f P1 f*2 F1 f", "# started 1 audible 1@0 #. . flushed 1@400"),
];

#[test]
fn speeches_are_played_as_the_call_loop_wants() {
    for (script, expected) in SCRIPTS {
        assert_eq!(timeline(script), *expected, "{script}");
    }
}

#[test]
fn every_sample_is_played_once_and_in_order_whatever_the_pieces() {
    use proptest::prelude::*;
    // Steps: samples to append, or (0) frames to play; then the rest is played.
    proptest!(|(steps in proptest::collection::vec(0usize..900, 1..60), pauses in any::<u64>())| {
        let mut stage = Stage::new();
        let speech = SpeechId(9);
        let (mut sent, mut heard) = (Vec::new(), Vec::new());
        let mut paused = false;
        for (at, step) in steps.iter().enumerate() {
            // Large values everywhere: a sample that is not faded is recognised by its value.
            let samples: Vec<i16> = (0..*step).map(|i| ((sent.len() + i) % 30_000) as i16).collect();
            prop_assert_eq!(stage.feed.append(speech, &samples), samples.len());
            sent.extend(samples);
            if pauses >> (at % 64) & 1 == 1 {
                paused = !paused;
                if paused { stage.feed.pause(speech) } else { stage.feed.resume(speech) }
            }
            let before = stage.feed.position().map_or(0, |at| at.samples) as usize;
            let (_, frame) = stage.frame();
            let played = stage.feed.position().map_or(0, |at| at.samples) as usize - before;
            prop_assert!(played == FRAME_SAMPLES || played == 0 || paused && played <= 80);
            heard.extend_from_slice(&frame[..played]);
        }
        stage.feed.resume(speech);
        stage.feed.finish(speech);
        while heard.len() < sent.len() {
            let before = stage.feed.position().map_or(0, |at| at.samples) as usize;
            let (_, frame) = stage.frame();
            let played = stage.feed.position().map_or(0, |at| at.samples) as usize - before;
            prop_assert!(played > 0, "it goes on to the end");
            heard.extend_from_slice(&frame[..played]);
        }
        prop_assert_eq!(heard.len(), sent.len());
        // Fades make samples smaller, never other ones.
        prop_assert!(heard.iter().zip(&sent).all(|(heard, sent)| heard <= sent));
        let ends = stage.events().iter().filter(|event| event.starts_with("finished")).count();
        prop_assert_eq!(ends, usize::from(!sent.is_empty() || ends == 1));
    });
}

#[test]
fn cuts_are_faded_within_five_milliseconds() {
    let steepest = |frame: &[i16]| frame.windows(2).map(|w| (w[1] - w[0]).abs()).max().unwrap_or(0);
    let mut stage = Stage::new();
    let speech = SpeechId(1);
    stage.feed.append(speech, &[8_000; 3_200]);
    stage.frame();
    stage.feed.pause(speech);
    let (_, held) = stage.frame();
    assert!(steepest(&held) <= 101 && held[79] == 0 && held[80..] == [0; 240], "{:?}", &held[..90]);
    stage.feed.resume(speech);
    let (_, again) = stage.frame();
    assert!(again[0] <= 101 && steepest(&again) <= 101 && again[80] == 8_000, "{:?}", &again[..90]);
    stage.feed.flush(speech);
    let (_, cut) = stage.frame();
    assert!(steepest(&cut) <= 101 && cut[80..] == [0; 240], "{:?}", &cut[..90]);
}

#[test]
fn two_minutes_fit_and_what_was_taken_is_played() {
    let mut stage = Stage::new();
    let minute = vec![1_000; 16_000 * 60];
    let speech = SpeechId(1);
    assert_eq!(stage.feed.append(speech, &minute), minute.len());
    assert_eq!(stage.feed.append(speech, &minute[..minute.len() - 100]), minute.len() - 100);
    assert_eq!(stage.feed.append(speech, &minute), 100, "the rest of two minutes");
    assert_eq!(stage.feed.append(speech, &minute), 0);
    assert_eq!(stage.feed.queued_ms(), u64::from(MAX_QUEUED_MS));
    let mut frames = 0;
    while stage.frame().0 {
        frames += 1;
        // A frame played makes room for a frame.
        if frames == 10 {
            assert_eq!(stage.feed.append(speech, &minute), 10 * FRAME_SAMPLES);
        }
    }
    assert_eq!(frames, 6_010);
    assert_eq!(stage.feed.queued_ms(), 0);
}

#[test]
fn a_speech_that_waits_before_a_full_ring_ends_once_when_flushed() {
    for (flushed, end) in [(2, "flushed 2@0"), (1, "flushed 1@0")] {
        let mut stage = Stage::new();
        for speech in [1, 2] {
            for _ in 0..2_000 {
                stage.feed.append(SpeechId(speech), &[1_000; 320]);
            }
            stage.feed.finish(SpeechId(speech));
        }
        stage.feed.flush(SpeechId(flushed));
        let mut events = Vec::new();
        for _ in 0..4_010 {
            stage.frame();
            events.extend(stage.events());
        }
        let other = 3 - flushed;
        let expected = [
            end.to_string(),
            format!("started {other}"),
            format!("audible {other}@0"),
            format!("finished {other}@640000"),
        ];
        assert_eq!(events, expected);
        assert_eq!(stage.feed.queued_ms(), 0);
    }
}

#[test]
fn audio_in_drops_is_taken_until_two_minutes_wait() {
    let mut stage = Stage::new();
    let taken: usize = (0..200_000).map(|_| stage.feed.append(SpeechId(1), &[1_000; 10])).sum();
    assert_eq!(taken, 16_000 * 120);
}

#[test]
fn an_event_is_never_lost_however_late_it_is_read() {
    let mut stage = Stage::new();
    let speeches = 100;
    for speech in 0..speeches {
        stage.feed.append(SpeechId(speech), &[1_000; 320]);
        stage.feed.finish(SpeechId(speech));
    }
    let played = (0..1_000).filter(|_| stage.frame().0).count();
    assert!(played < EVENT_BOUND, "it stops when nobody reads: {played}");
    let mut events = stage.events();
    for _ in 0..1_000 {
        stage.frame();
        events.extend(stage.events());
    }
    let finished: Vec<_> = events.iter().filter(|event| event.starts_with("finished")).collect();
    assert_eq!(finished.len(), speeches as usize);
    assert!(stage.woken.load(Ordering::Relaxed) > 0);
}

#[test]
fn the_call_loop_is_woken_for_news_only() {
    let mut stage = Stage::new();
    stage.frame();
    stage.feed.append(SpeechId(1), &[1_000; 3_200]);
    assert_eq!(stage.woken.load(Ordering::Relaxed), 0);
    (0..5).for_each(|_| _ = stage.frame());
    assert_eq!(stage.woken.load(Ordering::Relaxed), 1, "started and audible in one frame");
    stage.feed.flush(SpeechId(1));
    stage.frame();
    assert_eq!(stage.woken.load(Ordering::Relaxed), 2);
}

#[test]
fn the_position_is_known_at_every_frame() {
    let mut stage = Stage::new();
    assert_eq!(stage.feed.position(), None);
    stage.feed.append(SpeechId(4), &[1_000; 3_200]);
    for frame in 1..=10 {
        stage.frame();
        let at = stage.feed.position().expect("it plays");
        assert_eq!((at.speech, at.ms()), (SpeechId(4), frame * 20));
    }
    assert_eq!(stage.feed.flush(SpeechId(4)).ms(), 200);
}

#[test]
fn both_ends_work_on_their_own_threads() {
    let mut stage = Stage::new();
    let mut feed = stage.feed;
    let filler = std::thread::spawn(move || {
        let mut ends = 0;
        for speech in 1..=50 {
            for _ in 0..20 {
                feed.append(SpeechId(speech), &[2_000; 333]);
            }
            feed.finish(SpeechId(speech));
            if speech % 3 == 0 {
                feed.flush(SpeechId(speech));
            }
        }
        while ends < 50 {
            match feed.poll_event() {
                Some(PlayoutEvent::Finished(_) | PlayoutEvent::Flushed(_)) => ends += 1,
                Some(_) => {}
                None => std::thread::yield_now(),
            }
        }
        ends
    });
    let mut frame = [0; FRAME_SAMPLES];
    while !filler.is_finished() {
        stage.playout.next_frame(&mut frame);
    }
    assert_eq!(filler.join().expect("no panic"), 50, "one end for each speech");
}
