//! What a call was like for the caller, from the phone's own recording and nothing else.

use std::time::Instant;

use audio::analysis::{Segment, rms_dbfs, segments};
use servers::{PhoneRecording, SAMPLE_RATE};

use crate::ear::VOICE_DBFS;

/// Pauses inside an utterance, as the caller's ear bridges them.
const BRIDGE_MS: u64 = 700;

/// Shorter sounds are clicks.
const CLICK_MS: u64 = 60;

/// Resolution of begins and ends, milliseconds: a pitch period of a low voice fits into it.
const GRAIN_MS: u64 = 5;

/// Utterances are found in blocks of this many milliseconds; their edges are then looked at more closely.
const BLOCK_MS: u64 = 20;

/// An utterance of the caller that was followed by one of the agent, in milliseconds since the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// End of the caller's words.
    pub said_end_ms: u64,
    /// Begin of the agent's.
    pub start_ms: u64,
}

impl Reply {
    /// From the one to the other, milliseconds; 0 when the agent began before the caller had ended.
    #[must_use]
    pub fn latency_ms(&self) -> u64 {
        self.start_ms.saturating_sub(self.said_end_ms)
    }
}

/// Latencies and counts of one call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heard {
    /// From the answer to the first sound of the agent.
    pub greeting_ms: Option<u64>,
    /// The replies, to a grain of 5 ms.
    pub replies: Vec<Reply>,
    /// The caller's utterances.
    pub caller: Vec<Segment>,
    /// The agent's utterances.
    pub agent: Vec<Segment>,
}

impl Heard {
    /// [`Reply::latency_ms`] of each reply.
    #[must_use]
    pub fn replies_ms(&self) -> Vec<u64> {
        self.replies.iter().map(Reply::latency_ms).collect()
    }
}

/// Measures `recording` from `answered` on.
#[must_use]
pub fn measure(recording: &PhoneRecording, answered: Instant) -> Heard {
    let (sent, heard) = recording.aligned(answered);
    judge(voices(&sent), voices(&heard))
}

/// The utterances in one direction of a call, 8 kHz: pauses of less than 700 ms do not part them, less than 60 ms is a
/// click; begins and ends to a grain of 5 ms.
#[must_use]
pub fn voices(samples: &[i16]) -> Vec<Segment> {
    let found = segments(samples, SAMPLE_RATE, VOICE_DBFS, BRIDGE_MS, CLICK_MS);
    found.into_iter().map(|segment| closely(samples, segment)).collect()
}

/// The same utterance, its edges moved to the first and last 5 ms that are as loud as a voice. The blocks it was found in
/// say only that there is a voice somewhere in them, or at the very end of the block before.
fn closely(samples: &[i16], segment: Segment) -> Segment {
    let per_ms = u64::from(SAMPLE_RATE / 1000);
    let at = |ms: u64| usize::try_from(ms * per_ms).unwrap_or(usize::MAX).min(samples.len());
    let loud = |ms: &u64| rms_dbfs(&samples[at(*ms)..at(*ms + GRAIN_MS)]) >= VOICE_DBFS;
    let grains = |from: u64, to: u64| (from..to).step_by(GRAIN_MS as usize);
    let start = grains(segment.start_ms.saturating_sub(BLOCK_MS), segment.start_ms + BLOCK_MS).find(loud);
    let end = grains(segment.end_ms.saturating_sub(BLOCK_MS), segment.end_ms + BLOCK_MS).filter(loud).last();
    Segment {
        start_ms: start.unwrap_or(segment.start_ms),
        end_ms: end.map_or(segment.end_ms, |ms| ms + GRAIN_MS),
    }
}

fn judge(caller: Vec<Segment>, agent: Vec<Segment>) -> Heard {
    let first_word = caller.first().map_or(u64::MAX, |first| first.start_ms);
    let greeting_ms =
        agent.first().filter(|greeting| greeting.start_ms < first_word).map(|greeting| greeting.start_ms);
    let mut replies = Vec::new();
    for (number, said) in caller.iter().enumerate() {
        let next = caller.get(number + 1).map_or(u64::MAX, |next| next.start_ms);
        let reply = agent.iter().find(|reply| reply.start_ms > said.start_ms && reply.start_ms < next);
        replies.extend(reply.map(|reply| Reply { said_end_ms: said.end_ms, start_ms: reply.start_ms }));
    }
    Heard { greeting_ms, replies, caller, agent }
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
        assert_eq!((heard.greeting_ms, heard.replies_ms().as_slice()), (greeting, replies));
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
    fn edges_are_found_to_five_milliseconds() {
        for (start_ms, end_ms) in [(1000, 2000), (1005, 2010), (1015, 1995), (0, 95)] {
            let mut samples = vec![0_i16; 8 * 3000];
            for (n, sample) in samples[8 * start_ms..8 * end_ms].iter_mut().enumerate() {
                *sample = if n % 16 < 8 { 4000 } else { -4000 };
            }
            let expected = Segment { start_ms: start_ms as u64, end_ms: end_ms as u64 };
            assert_eq!(voices(&samples), [expected]);
        }
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
