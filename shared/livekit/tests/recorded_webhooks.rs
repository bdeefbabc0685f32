//! Webhooks as a real livekit-server sent them.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use domain::{CallId, CallRecord, CallState, Facts, Secret, WallTime};
use livekit::Project;
use livekit::webhook::{Notice, WebhookError, receive, sign};
use serde::Deserialize;

#[derive(Deserialize)]
struct Recorded {
    received_at: f64,
    authorization: String,
    body: String,
}

impl Recorded {
    fn now(&self) -> WallTime {
        WallTime::from_millis((self.received_at * 1000.0) as u64)
    }

    fn receive(&self) -> Result<Notice, WebhookError> {
        receive(&project(), &self.authorization, self.body.as_bytes(), self.now())
    }
}

fn recorded() -> Vec<Recorded> {
    let lines = include_str!("../../../events/livekit-webhook/recorded.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn project() -> Project {
    Project {
        url: "ws://127.0.0.1:1".to_owned(),
        api_key: "devkey".to_owned(),
        api_secret: Secret::new("devsecretdevsecretdevsecretdevsecret".to_owned()),
    }
}

#[test]
fn every_recorded_webhook_verifies_and_names_its_call() {
    let all = recorded();
    assert_eq!(all.len(), 36);
    for one in &all {
        let notice = one.receive().unwrap();
        assert!(notice.call_id().unwrap().as_str().starts_with("CA"), "{notice:?}");
        assert!(notice.id.starts_with("EV_") && notice.at.as_secs() > 0);
    }
}

#[test]
fn no_secret_of_the_server_or_the_phone_is_kept() {
    let secrets = ["turnPassword", "Digest", "response=", "proxy-authorization"];
    let all = recorded();
    assert!(
        all.iter().any(|one| secrets.iter().all(|secret| one.body.contains(secret))),
        "the recording has them"
    );
    for one in &all {
        let notice = one.receive().unwrap();
        let kept = format!("{notice:?} {:?}", notice.fact(one.now()));
        for secret in secrets {
            assert!(!kept.contains(secret), "{kept}");
        }
    }
}

#[test]
fn webhooks_alone_tell_how_each_call_went() {
    let mut calls: BTreeMap<CallId, Facts> = BTreeMap::new();
    for one in recorded() {
        let notice = one.receive().unwrap();
        let known = calls.entry(notice.call_id().unwrap()).or_default();
        known.extend_with(notice.fact(one.now()));
    }
    assert_eq!(calls.len(), 4);
    for (call, facts) in &calls {
        let record = CallRecord::of(call, facts).unwrap();
        assert_eq!(record.state, CallState::Ringing, "the carrier has not said that {call} is over");
        assert!(record.ringing_at.is_some());
    }
}

trait ExtendWith {
    fn extend_with(&mut self, fact: Option<domain::Fact>);
}

impl ExtendWith for Facts {
    fn extend_with(&mut self, fact: Option<domain::Fact>) {
        if let Some(fact) = fact {
            self.insert(fact);
        }
    }
}

#[test]
fn an_altered_body_is_refused() {
    for one in recorded() {
        let body = one.body.replacen("call-CA", "call-CB", 1);
        assert_eq!(
            receive(&project(), &one.authorization, body.as_bytes(), one.now()),
            Err(WebhookError::Altered)
        );
    }
}

#[test]
fn a_token_is_good_for_its_time_only() {
    let one = &recorded()[0];
    let at = |seconds: i64| {
        let now = WallTime::from_secs(one.now().as_secs().saturating_add_signed(seconds));
        receive(&project(), &one.authorization, one.body.as_bytes(), now).map(drop)
    };
    assert_eq!(at(300), Ok(()));
    assert_eq!(at(400), Err(WebhookError::Stale));
    assert_eq!(at(-100), Err(WebhookError::Stale));
}

#[test]
fn another_key_or_algorithm_is_refused() {
    let now = WallTime::from_secs(1_800_000_000);
    let body = br#"{"event":"room_started","id":"EV_1","createdAt":"1","room":{"name":"r"}}"#;
    let mut other = project();
    other.api_secret = Secret::new("another".to_owned());
    assert_eq!(receive(&project(), &sign(&other, body, now), body, now), Err(WebhookError::Unsigned));
    other = project();
    other.api_key = "another".to_owned();
    assert_eq!(receive(&project(), &sign(&other, body, now), body, now), Err(WebhookError::Stale));
    for token in ["", "a.b", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
        assert_eq!(receive(&project(), token, body, now), Err(WebhookError::Unsigned), "{token}");
    }
    let good = sign(&project(), body, now);
    assert!(receive(&project(), &good, body, now).is_ok());
    assert!(receive(&project(), &format!("Bearer {good}"), body, now).is_ok());
    let malformed = b"[1]";
    assert_eq!(
        receive(&project(), &sign(&project(), malformed, now), malformed, now),
        Err(WebhookError::Malformed)
    );
}
