//! What a call was like for the caller, from the phone's own recording and nothing else.

use std::time::Instant;

use audio::analysis::{Segment, segments};
use servers::{PhoneRecording, SAMPLE_RATE};

use crate::ear::VOICE_DBFS;

/// Pauses inside an utterance, as the caller's ear bridges them.
const BRIDGE_MS: u64 = 700;

/// Shorter sounds are clicks.
const CLICK_MS: u64 = 60;

/// Latencies and counts of one call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heard {
    /// From the answer to the first sound of the agent.
    pub greeting_ms: Option<u64>,
    /// For each utterance of the caller that was followed by one of the agent: from the end of the one to the begin of the other.
    /// 0 when the agent began before the caller had ended.
    pub replies_ms: Vec<u64>,
    /// The caller's utterances.
    pub caller: Vec<Segment>,
    /// The agent's utterances.
    pub agent: Vec<Segment>,
}

/// Measures `recording` from `answered` on.
#[must_use]
pub fn measure(recording: &PhoneRecording, answered: Instant) -> Heard {
    let (sent, heard) = recording.aligned(answered);
    let voices = |samples: &[i16]| segments(samples, SAMPLE_RATE, VOICE_DBFS, BRIDGE_MS, CLICK_MS);
    judge(voices(&sent), voices(&heard))
}

fn judge(caller: Vec<Segment>, agent: Vec<Segment>) -> Heard {
    let first_word = caller.first().map_or(u64::MAX, |first| first.start_ms);
    let greeting_ms =
        agent.first().filter(|greeting| greeting.start_ms < first_word).map(|greeting| greeting.start_ms);
    let mut replies_ms = Vec::new();
    for (number, said) in caller.iter().enumerate() {
        let next = caller.get(number + 1).map_or(u64::MAX, |next| next.start_ms);
        let reply = agent.iter().find(|reply| reply.start_ms > said.start_ms && reply.start_ms < next);
        replies_ms.extend(reply.map(|reply| reply.start_ms.saturating_sub(said.end_ms)));
    }
    Heard { greeting_ms, replies_ms, caller, agent }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(caller: &[(u64, u64)], agent: &[(u64, u64)], greeting: Option<u64>, replies: &[u64]) {
        let voices = |spans: &[(u64, u64)]| {
            spans.iter().map(|&(start_ms, end_ms)| Segment { start_ms, end_ms }).collect()
        };
        let heard = judge(voices(caller), voices(agent));
        assert_eq!((heard.greeting_ms, heard.replies_ms.as_slice()), (greeting, replies));
    }

    #[test]
    fn a_reply_counts_from_the_end_of_the_callers_words() {
        check(
            &[(3000, 4000), (7000, 8000)],
            &[(80, 2000), (4600, 6000), (8900, 9500)],
            Some(80),
            &[600, 900],
        );
    }

    #[test]
    fn an_utterance_without_a_reply_has_no_latency() {
        check(&[(3000, 4000), (7000, 8000)], &[(80, 2000), (8900, 9500)], Some(80), &[900]);
    }

    #[test]
    fn sound_after_the_callers_first_words_is_no_greeting() {
        check(&[(1000, 2000)], &[(2500, 3000)], None, &[500]);
        check(&[], &[], None, &[]);
    }
}
