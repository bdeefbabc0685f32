//! The fake caller: what VAD and recogniser make of the script.

use dialogue::{Input, Stt, Vad};

use crate::script::{Happening, Script, Timed};

/// Inputs with their times (ms), in no order: all the script says, and what is heard of the caller's voice.
pub(crate) fn inputs(script: &Script) -> Vec<(u64, Input)> {
    let mut inputs = vec![(script.answer_ms, Input::Answered)];
    for event in &script.events {
        match &event.what {
            Happening::Input(input) => inputs.push((event.at_ms, input.clone())),
            Happening::Speech { text, lost: false, .. } if !text.is_empty() && !script.stt.whole => {
                recognise(script, event, &mut inputs)
            }
            Happening::Speech { .. } => {}
        }
    }
    detect_voice(script, &mut inputs);
    inputs
}

/// The fake recogniser: words while they are spoken, or one interim; the final after its delay.
fn recognise(script: &Script, event: &Timed, inputs: &mut Vec<(u64, Input)>) {
    let Happening::Speech { end_ms, text, delay_ms, .. } = &event.what else { return };
    let (from, to, delay) = (event.at_ms, *end_ms, delay_ms.unwrap_or(script.stt.delay_ms));
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut interim = |at: u64, words: &[&str]| {
        inputs.push((at, Input::Stt(Stt::Interim { text: words.join(" ") })));
    };
    if script.stt.streams {
        for n in 1..words.len() {
            let spoken = from + (to - from) * n as u64 / words.len() as u64;
            interim((spoken + delay).min(to + delay), &words[..n]);
        }
    } else {
        interim(to + delay / 2, &words[..words.len().min(2)]);
    }
    inputs.push((to + delay, Input::Stt(Stt::Final { text: text.clone(), speech_final: false })));
}

/// The words that end within the audio from `from` to `to` (ms).
pub(crate) fn words_within(script: &Script, from: u64, to: u64) -> String {
    let mut heard = Vec::new();
    for event in &script.events {
        let Happening::Speech { end_ms, text, lost: false, .. } = &event.what else { continue };
        let words: Vec<&str> = text.split_whitespace().collect();
        let ends = |n: usize| event.at_ms + (end_ms - event.at_ms) * (n as u64 + 1) / words.len() as u64;
        heard.extend(
            words.iter().enumerate().filter(|(n, _)| (from + 1..=to).contains(&ends(*n))).map(|(_, w)| *w),
        );
    }
    heard.join(" ")
}

/// The fake VAD, by the agent's own parameters.
fn detect_voice(script: &Script, inputs: &mut Vec<(u64, Input)>) {
    let vad = &script.config.turns.vad;
    let (min_speech, min_silence) = (vad.min_speech_ms, vad.min_silence_ms);
    let voices: Vec<(u64, u64)> =
        voiced(script).into_iter().filter(|(from, to)| to - from >= min_speech).collect();
    let mut edge = |at: u64, edge: Vad| inputs.push((at, Input::Vad(edge)));
    let mut open = false;
    for (i, &(from, to)) in voices.iter().enumerate() {
        let speech_ms = min_speech;
        edge(from + speech_ms, if open { Vad::Resumed { speech_ms } } else { Vad::Started { speech_ms } });
        let gap = voices.get(i + 1).map_or(u64::MAX, |next| next.0 - to);
        open = gap.saturating_add(min_speech) < min_silence;
        let hush = HUSH_MS.min(min_silence.saturating_sub(1));
        if gap > hush {
            edge(to + hush, Vad::Hushed { silence_ms: hush });
        }
        if !open {
            edge(to + min_silence, Vad::Ended { silence_ms: min_silence });
        }
    }
}

/// When the caller makes a sound, without overlaps: from, to (ms).
pub(crate) fn voiced(script: &Script) -> Vec<(u64, u64)> {
    let spans = script.events.iter().filter_map(|e| match e.what {
        Happening::Speech { end_ms, .. } => Some((e.at_ms, end_ms)),
        Happening::Input(_) => None,
    });
    let mut spans: Vec<(u64, u64)> = spans.collect();
    spans.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (from, to) in spans {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// The fake VAD reports a silence inside speech after this long.
const HUSH_MS: u64 = 100;
