//! A call as `--json` shows it. The names are stable; [`FIELDS`] documents them.

use domain::{CallRecord, EndReason, Fact, Facts, Session};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The fields, as `ringdown calls --help` tells them.
pub(crate) const FIELDS: &str = "\
Fields of a call with --json (the names are stable; what is not known yet is null):
  call_id        the carrier's id of the call, or room:<name> for a call by a SIP trunk
  state          new, ringing, active, ended
  end_reason     why it ended: caller_hangup, agent_hangup, max_duration, capacity_full, agent_absent, …
  fault          whose doing the end was: nobody, caller, us, carrier, live_kit, vendor, operator, aws
  retell_reason  the nearest of Retell's disconnection_reasons
  provider       twilio, telnyx, signalwire, sip
  direction      inbound, outbound
  road           sip, media-streams, legacy, voicemail, busy
  caller         who called
  caller_kind    number, withheld, sip, client, short_code, other
  number         the number called
  agent_id       who answers there
  opened_at      when it was first heard of: RFC 3339, UTC, as all times
  ringing_at     when it began to ring
  answered_at    when it was answered
  ended_at       when it ended
  duration_s     seconds from answer to end
  recording      the carrier's id of the message left
  contradicted   whether the carrier reported two different ends
  has_slot       whether it occupies one of the agents' places
  summary        the agent's figures of the call
`calls show` adds
  events         what happened, in the order of time: at, source, key, type and what the type brings
  sessions       agents' stays: job, worker, room, identity, started_at, ended_at";

/// A call as `--json` shows it.
#[derive(Debug, Serialize)]
pub(crate) struct CallView {
    call_id: String,
    state: &'static str,
    end_reason: Option<&'static str>,
    fault: Option<&'static str>,
    retell_reason: Option<&'static str>,
    provider: Option<&'static str>,
    direction: Value,
    road: Option<&'static str>,
    caller: Option<String>,
    caller_kind: Option<&'static str>,
    number: Option<String>,
    agent_id: Option<String>,
    opened_at: String,
    ringing_at: Option<String>,
    answered_at: Option<String>,
    ended_at: Option<String>,
    duration_s: Option<u32>,
    recording: Option<String>,
    contradicted: bool,
    has_slot: bool,
    summary: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<Vec<Value>>,
}

impl CallView {
    /// A line of a list.
    pub(crate) fn new(record: CallRecord, has_slot: bool) -> Self {
        Self {
            call_id: record.call_id.to_string(),
            state: record.state.as_str(),
            end_reason: record.end_reason.map(EndReason::as_str),
            fault: record.fault.map(domain::Whose::as_str),
            retell_reason: record.end_reason.map(EndReason::retell),
            provider: record.provider.map(domain::Provider::as_str),
            direction: json!(record.direction),
            road: record.road.map(domain::Road::as_str),
            caller: record.caller.as_ref().map(|caller| caller.as_str().to_owned()),
            caller_kind: record.caller.as_ref().map(domain::Caller::kind),
            number: record.number.map(|number| number.as_str().to_owned()),
            agent_id: record.agent_id.map(String::from),
            opened_at: record.opened_at.to_string(),
            ringing_at: record.ringing_at.map(|at| at.to_string()),
            answered_at: record.answered_at.map(|at| at.to_string()),
            ended_at: record.ended_at.map(|at| at.to_string()),
            duration_s: record.duration_s,
            recording: record.recording,
            contradicted: record.contradicted,
            has_slot,
            summary: record.summary,
            events: None,
            sessions: None,
        }
    }

    /// The whole story.
    pub(crate) fn with_story(self, facts: &Facts, sessions: &[Session]) -> Self {
        let events = facts.by_time().into_iter().map(event).collect();
        Self { events: Some(events), sessions: Some(sessions.iter().map(session).collect()), ..self }
    }
}

fn event(fact: &Fact) -> Value {
    let source = fact.key.as_str().split('/').next().unwrap_or_default();
    let mut view = Map::new();
    view.insert("at".to_owned(), json!(fact.at.to_string()));
    view.insert("source".to_owned(), json!(source));
    view.insert("key".to_owned(), json!(fact.key));
    if let Value::Object(fields) = json!(fact.event) {
        view.extend(fields);
    }
    Value::Object(view)
}

fn session(session: &Session) -> Value {
    json!({
        "job": session.job,
        "worker": session.worker,
        "room": session.room,
        "identity": session.identity,
        "started_at": session.started_at.to_string(),
        "ended_at": session.ended_at.map(|at| at.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_documented() {
        let fact = Fact::room(domain::WallTime::from_secs(1), "EV_1", domain::RoomEvent::Started);
        let (call, facts) = ("CA1".parse().unwrap(), Facts::from(vec![fact]));
        let record = CallRecord::of(&call, &facts).unwrap();
        let Value::Object(view) = json!(CallView::new(record, false).with_story(&facts, &[])) else {
            panic!("a call is an object")
        };
        for field in view.keys() {
            assert!(FIELDS.contains(&format!("\n  {field} ")), "{field}");
        }
    }
}
