//! What a call came to: the JSON that `cargo xtask call --json` prints, and whether it was good.

use std::path::PathBuf;

use serde::{Serialize, Serializer};

/// The result of one call. The names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The carrier's id of the call.
    pub call_sid: String,
    /// The LiveKit room, when the instructions led to one.
    pub room: Option<String>,
    /// State of the final record in DynamoDB.
    pub state: Option<String>,
    /// Its end reason.
    pub end_reason: Option<String>,
    /// Whether the phone's recording has the agent's voice before the caller's first word.
    pub greeting_heard: bool,
    /// After how many of the caller's utterances the recording has the agent's voice.
    pub replies_heard: usize,
    /// From sending the webhook to its whole answer, milliseconds.
    pub webhook_to_twiml_ms: f64,
    /// From the INVITE to 200 OK, digest challenge included, milliseconds.
    #[serde(serialize_with = "rounded")]
    pub invite_to_ok_ms: Option<f64>,
    /// From 200 OK to the agent's first sound in the recording, milliseconds.
    pub answer_to_greeting_ms: Option<u64>,
    /// From the end of each of the caller's utterances to the begin of the agent's, in the recording, milliseconds.
    pub reply_latency_ms: Vec<u64>,
    /// For each of these, what is left of it when the configured end-of-turn delay and the simulated vendors' configured
    /// delays are taken off ([`crate::owed`] says how), milliseconds; null where that is not known, as with real vendors.
    pub reply_own_ms: Vec<Option<i64>>,
    /// Stereo WAV: caller left, agent right.
    pub recording: Option<PathBuf>,
    /// How many utterances the caller made.
    #[serde(skip)]
    pub utterances: usize,
}

fn rounded<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(|ms| (ms * 10.0).round() / 10.0).serialize(serializer)
}

impl Outcome {
    /// What was wrong with the call; nothing when it was good.
    #[must_use]
    pub fn complaints(&self) -> Vec<&'static str> {
        let mut complaints = Vec::new();
        if !self.greeting_heard {
            complaints.push("the greeting was not heard in the phone's recording");
        }
        if self.utterances > 0 && self.replies_heard == 0 {
            complaints.push("no reply followed the caller's words");
        }
        if self.state.as_deref() != Some("ended") {
            complaints.push("the call's record did not close");
        }
        complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Outcome {
        Outcome {
            call_sid: "CA1".to_owned(),
            room: Some("call-CA1".to_owned()),
            state: Some("ended".to_owned()),
            end_reason: Some("caller_hangup".to_owned()),
            greeting_heard: true,
            replies_heard: 1,
            webhook_to_twiml_ms: 12.0,
            invite_to_ok_ms: Some(71.26),
            answer_to_greeting_ms: Some(80),
            reply_latency_ms: vec![900],
            reply_own_ms: vec![Some(80)],
            recording: Some(PathBuf::from("/tmp/call.wav")),
            utterances: 1,
        }
    }

    #[test]
    fn the_json_has_exactly_these_names() {
        let json = serde_json::to_value(good()).unwrap();
        let names: Vec<&String> = json.as_object().unwrap().keys().collect();
        let expected = [
            "answer_to_greeting_ms",
            "call_sid",
            "end_reason",
            "greeting_heard",
            "invite_to_ok_ms",
            "recording",
            "replies_heard",
            "reply_latency_ms",
            "reply_own_ms",
            "room",
            "state",
            "webhook_to_twiml_ms",
        ];
        let mut names: Vec<&str> = names.into_iter().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, expected);
        assert_eq!(json["invite_to_ok_ms"], 71.3);
    }

    #[test]
    fn a_call_is_good_only_with_greeting_reply_and_closed_record() {
        assert!(good().complaints().is_empty());
        assert_eq!(Outcome { greeting_heard: false, ..good() }.complaints().len(), 1);
        assert_eq!(Outcome { replies_heard: 0, ..good() }.complaints().len(), 1);
        assert_eq!(Outcome { state: Some("active".to_owned()), ..good() }.complaints().len(), 1);
    }
}
