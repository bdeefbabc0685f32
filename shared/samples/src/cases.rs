//! Every sample event, by function and name. `events/` holds them as files; a test compares.

mod api;
mod call_status;
mod dial_result;
mod incoming_call;
mod livekit_webhook;

use serde_json::{Value, json};

use api::{rooms, token};
use call_status::call_status;
use dial_result::{dial_result, voicemail};
use incoming_call::{incoming_call, incoming_others, incoming_refused};
use livekit_webhook::livekit_webhook;

use crate::event::Sent;

/// A sample event.
#[derive(Debug, Clone)]
pub struct Case {
    /// The function it is for.
    pub function: &'static str,
    /// Name of its file, without `.json`.
    pub name: String,
    /// The event.
    pub event: Value,
}

/// All sample events.
pub fn all() -> Vec<Case> {
    let lists = [
        ("incoming-call", [incoming_call(), incoming_refused(), incoming_others()].concat()),
        ("call-status", call_status()),
        ("dial-result", [dial_result(), voicemail()].concat()),
        ("livekit-webhook", livekit_webhook()),
        ("token", token()),
        ("rooms", rooms()),
        ("health", vec![("get", Sent::post("/health", "", "").method("GET").no_body())]),
        ("sweeper", vec![]),
    ];
    let of = |function, list: Named| {
        list.into_iter().map(move |(name, sent)| Case {
            function,
            name: name.to_owned(),
            event: sent.event(),
        })
    };
    let mut cases: Vec<Case> = lists.into_iter().flat_map(|(function, list)| of(function, list)).collect();
    cases.push(Case { function: "sweeper", name: "scheduled".to_owned(), event: scheduled() });
    cases
}

type Named = Vec<(&'static str, Sent)>;

/// Changes of a form's fields; an empty value leaves the field out.
type Changes<'a> = &'a [(&'a str, &'a str)];

fn changed<'a>(base: &[(&'a str, &'a str)], changes: Changes<'a>) -> Vec<(&'a str, &'a str)> {
    let mut pairs = base.to_vec();
    pairs.retain(|(key, _)| !changes.iter().any(|(other, _)| other == key));
    pairs.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    pairs
}

fn scheduled() -> Value {
    json!({
        "version": "0",
        "id": "00000000-0000-0000-0000-000000000000",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": "000000000000",
        "time": "2026-11-21T08:33:20Z",
        "region": "us-east-1",
        "resources": [],
        "detail": "{}",
    })
}
