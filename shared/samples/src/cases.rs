//! Every sample event, by function and name. `events/` holds them as files; a test compares.

use carrier::Step;
use carrier::ticket::TicketKey;
use serde_json::{Value, json};

use crate::event::{FORM, Sent};
use crate::values::{
    CALL, CALLER, CALLER_TOKEN, CHILD, LIVEKIT_SECRET, NUMBER, OTHER_CALL, SUPERVISOR_TOKEN, TWILIO_ACCOUNT,
    TWILIO_OLD_TOKEN, TWILIO_TOKEN,
};

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

fn arriving<'a>(changes: Changes<'a>) -> Vec<(&'a str, &'a str)> {
    let base = [
        ("AccountSid", TWILIO_ACCOUNT),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", CALL),
        ("CallStatus", "ringing"),
        ("Called", NUMBER),
        ("Caller", CALLER),
        ("CallerCountry", "US"),
        ("Direction", "inbound"),
        ("From", CALLER),
        ("StirVerstat", "TN-Validation-Passed-A"),
        ("To", NUMBER),
    ];
    changed(&base, changes)
}

fn incoming(changes: Changes<'_>) -> Sent {
    Sent::twilio("/incoming-call", &arriving(changes))
}

fn incoming_call() -> Named {
    vec![
        ("answered", incoming(&[])),
        ("retried", incoming(&[]).header("i-twilio-idempotency-token", "5d1c3f0e-0000")),
        ("answered-base64", incoming(&[]).base64()),
        (
            "answered-with-query",
            Sent::twilio("/incoming-call", &arriving(&[])).query("a=1&b=It's").signed_by_twilio(TWILIO_TOKEN),
        ),
        ("answered-below-twilio", Sent::twilio("/twilio/incoming-call", &arriving(&[]))),
        ("rotated-token", incoming(&[]).signed_by_twilio(TWILIO_OLD_TOKEN)),
        ("unknown-number", incoming(&[("To", "+15550100111"), ("Called", "+15550100111")])),
        ("anonymous", incoming(&[("From", "anonymous"), ("Caller", "anonymous")])),
        ("withheld-on-keypad", incoming(&[("From", "+266696687"), ("Caller", "+266696687")])),
        ("no-caller", incoming(&[("From", ""), ("Caller", "")])),
        ("sip-caller", incoming(&[("From", "sip:bob@x.sip.twilio.com"), ("Caller", "")])),
        ("short-code", incoming(&[("From", "12345"), ("Caller", "12345")])),
        ("odd-caller", incoming(&[("From", "\u{202e}<script>\u{0}\u{7}&\"'"), ("Caller", "")])),
        (
            "caller-name-with-markup",
            incoming(&[("CallerName", "<Hangup/>&\"\u{1f600}\u{202e}"), ("SipHeader_X-F<oo", "x")]),
        ),
        ("new-parameter", incoming(&[("ANewParameter", "of next year")])),
        ("placed-by-us", incoming(&[("Direction", "outbound-api"), ("From", NUMBER), ("To", CALLER)])),
        ("trailing-garbage", incoming(&[]).body(|body| format!("{body}&&&=x&"))),
        (
            "invalid-percent",
            incoming(&[]).body(|body| format!("{body}&Odd=%zz%")).signed_by_twilio(TWILIO_TOKEN),
        ),
        (
            "invalid-utf8-name",
            incoming(&[]).body(|body| format!("{body}&CallerName=%ff%fe")).signed_by_twilio(TWILIO_TOKEN),
        ),
        (
            "form-with-body-hash",
            Sent::twilio("/incoming-call", &arriving(&[]))
                .query("bodySHA256=00")
                .signed_by_twilio(TWILIO_TOKEN),
        ),
    ]
}

fn incoming_refused() -> Named {
    let json = r#"{"CallSid":"CA1"}"#;
    vec![
        ("bad-signature", incoming(&[]).header("x-twilio-signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
        ("missing-signature", incoming(&[]).without("x-twilio-signature")),
        (
            "two-signatures",
            incoming(&[])
                .header("x-twilio-signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=,AAAAAAAAAAAAAAAAAAAAAAAAAAE="),
        ),
        ("forged", incoming(&[]).body(|body| body.replace("50100199", "50100198"))),
        ("not-base64-said-literal", incoming(&[]).base64().literal()),
        ("bad-base64", incoming(&[]).base64().body(|body| format!("{body}*"))),
        ("foreign-account", incoming(&[("AccountSid", "AC00000000000000000000000000000002")])),
        (
            "spoofed-host",
            Sent::post("/incoming-call", FORM, "CallSid=x")
                .header("host", "evil.test")
                .header("x-forwarded-host", "evil.test")
                .header("x-twilio-signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ),
        (
            "other-route-of-ours",
            incoming(&[]).header("x-note", "signed for /call-status").resigned_for("/call-status"),
        ),
        ("get", incoming(&[]).method("GET")),
        ("multipart", incoming(&[]).header("content-type", "multipart/form-data; boundary=x")),
        ("no-content-type", incoming(&[]).without("content-type")),
        ("gzip", incoming(&[]).header("content-encoding", "gzip")),
        ("json-without-hash", Sent::post("/incoming-call", "application/json", json).signed_by_url()),
        ("no-body", Sent::twilio("/incoming-call", &[]).no_body()),
        ("missing-call-sid", incoming(&[("CallSid", "")])),
        ("missing-to", incoming(&[("To", ""), ("Called", "")])),
        ("malformed-call-sid", incoming(&[("CallSid", "CA' OR 1=1<Dial>")])),
        ("status-replayed", incoming(&[("CallbackSource", "call-progress-events"), ("SequenceNumber", "2")])),
    ]
}

fn incoming_others() -> Named {
    let telnyx =
        arriving(&[("AccountSid", "f5586561-8ff0-4291-a51b-c7dfe4139ff9"), ("CallSid", "v3:abc_DEF-1")]);
    let signalwire = arriving(&[
        ("AccountSid", "f5586561-8ff0-4291-a51b-c7dfe4139ff8"),
        ("CallSid", "7d1c6a1e-0000-4000-8000-000000000001"),
    ]);
    let status = changed(&telnyx, &[("CallStatus", "completed"), ("CallbackSource", "call-progress-events")]);
    vec![
        ("telnyx-answered", Sent::telnyx("/telnyx/incoming-call", &telnyx, 0)),
        ("telnyx-stale", Sent::telnyx("/telnyx/incoming-call", &telnyx, 301)),
        ("telnyx-status-replayed", Sent::telnyx("/telnyx/incoming-call", &status, 0)),
        ("signalwire-answered", Sent::signalwire("/signalwire/incoming-call", &signalwire)),
        ("signalwire-on-twilio", Sent::signalwire("/incoming-call", &signalwire)),
        ("twilio-on-signalwire", Sent::twilio("/signalwire/incoming-call", &signalwire)),
    ]
}

fn reported<'a>(changes: Changes<'a>) -> Vec<(&'a str, &'a str)> {
    let base = [
        ("AccountSid", TWILIO_ACCOUNT),
        ("CallSid", CALL),
        ("CallStatus", "completed"),
        ("CallDuration", "37"),
        ("CallbackSource", "call-progress-events"),
        ("Direction", "inbound"),
        ("Duration", "1"),
        ("From", CALLER),
        ("SequenceNumber", "3"),
        ("Timestamp", "Sat, 21 Nov 2026 08:33:20 +0000"),
        ("To", NUMBER),
    ];
    changed(&base, changes)
}

fn call_status() -> Named {
    let status = |changes: Changes<'_>| Sent::twilio("/call-status", &reported(changes));
    let child = |word, sequence| {
        let leg = [
            ("CallSid", CHILD),
            ("ParentCallSid", CALL),
            ("CallStatus", word),
            ("SequenceNumber", sequence),
            ("CallDuration", ""),
            ("Duration", ""),
        ];
        Sent::twilio("/call-status", &reported(&leg))
    };
    let message = |changes: Changes<'_>| {
        let base = [
            ("AccountSid", TWILIO_ACCOUNT),
            ("CallSid", CALL),
            ("RecordingSid", "RE00000000000000000000000000000001"),
            ("RecordingStatus", "completed"),
            ("RecordingDuration", "7"),
            ("RecordingUrl", "https://evil.test/steal"),
        ];
        Sent::twilio("/call-status", &changed(&base, changes))
    };
    let telnyx = reported(&[
        ("CallSid", "v3:abc_DEF-1"),
        ("AccountSid", "f5586561-8ff0-4291-a51b-c7dfe4139ff9"),
        ("SequenceNumber", ""),
    ]);
    vec![
        ("child-initiated", child("initiated", "0")),
        ("child-ringing", child("ringing", "1")),
        ("child-answered", child("in-progress", "2")),
        ("child-completed", child("completed", "3")),
        ("completed", status(&[])),
        ("canceled", status(&[("CallStatus", "canceled"), ("CallDuration", "0")])),
        ("out-of-order", status(&[("CallStatus", "ringing"), ("SequenceNumber", "1")])),
        (
            "before-our-own-write",
            status(&[("CallSid", OTHER_CALL), ("CallStatus", "initiated"), ("SequenceNumber", "0")]),
        ),
        ("unknown-status", status(&[("CallStatus", "paused"), ("SequenceNumber", "9")])),
        ("no-sequence-no-timestamp", status(&[("SequenceNumber", ""), ("Timestamp", "")])),
        ("odd-timestamp", status(&[("Timestamp", "Thu, 01 Jan 1970 00:00:00 +1300")])),
        ("odd-duration", status(&[("CallDuration", "1099511627776")])),
        ("recording-completed", message(&[])),
        ("recording-absent", message(&[("RecordingStatus", "absent"), ("RecordingDuration", "0")])),
        ("recording-failed", message(&[("RecordingStatus", "failed")])),
        ("telnyx-completed", Sent::telnyx("/telnyx/call-status", &telnyx, 2)),
        ("missing-status", status(&[("CallStatus", "")])),
        ("bad-signature", status(&[]).signed_by_twilio("not ours")),
        ("get", status(&[]).method("GET")),
    ]
}

fn result_path(call: &str, step: Step) -> String {
    format!("/dial-result/{}", TicketKey::derive(LIVEKIT_SECRET).step(call, step))
}

fn dial_result() -> Named {
    let path = result_path(CALL, Step::Connect);
    let base = [
        ("AccountSid", TWILIO_ACCOUNT),
        ("CallSid", CALL),
        ("CallStatus", "in-progress"),
        ("From", CALLER),
        ("To", NUMBER),
        ("DialCallSid", CHILD),
        ("DialCallStatus", "completed"),
        ("DialBridged", "true"),
        ("DialCallDuration", "42"),
        ("DialSipResponseCode", "200"),
    ];
    let ended = |changes: Changes<'_>| Sent::twilio(&path, &changed(&base, changes));
    let failed = |word, code| {
        [
            ("DialCallStatus", word),
            ("DialSipResponseCode", code),
            ("DialBridged", "false"),
            ("DialCallDuration", ""),
        ]
    };
    vec![
        ("bridged", ended(&[])),
        ("answered-conference", ended(&[("DialCallStatus", "answered"), ("DialBridged", "")])),
        ("not-bridged", ended(&[("DialBridged", "false"), ("DialCallDuration", "0")])),
        ("no-answer", ended(&failed("no-answer", "487"))),
        ("busy", ended(&failed("busy", "486"))),
        ("failed-404", ended(&failed("failed", "404"))),
        ("failed-401", ended(&failed("failed", "401"))),
        ("failed-503", ended(&failed("failed", "503"))),
        ("missing-status", ended(&[("DialCallStatus", ""), ("DialBridged", ""), ("DialCallDuration", "")])),
        ("missing-duration", ended(&[("DialCallDuration", "")])),
        ("short-and-no-agent", ended(&[("DialCallDuration", "2")])),
        (
            "caller-gone",
            ended(&[("CallStatus", "completed"), ("DialCallStatus", "no-answer"), ("DialBridged", "false")]),
        ),
        ("foreign-ticket", Sent::twilio(&result_path(OTHER_CALL, Step::Connect), &changed(&base, &[]))),
        ("no-ticket", Sent::twilio("/dial-result/x", &changed(&base, &[]))),
        ("bad-signature", ended(&[]).signed_by_twilio("not ours")),
    ]
}

fn voicemail() -> Named {
    let left = |attempt, changes: Changes<'_>| {
        let base = [
            ("AccountSid", TWILIO_ACCOUNT),
            ("CallSid", CALL),
            ("CallStatus", "in-progress"),
            ("RecordingSid", "RE00000000000000000000000000000001"),
            ("RecordingDuration", "7"),
            (
                "RecordingUrl",
                "https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE00000000000000000000000000000001",
            ),
            ("Digits", "#"),
        ];
        Sent::twilio(&result_path(CALL, Step::Voicemail(attempt)), &changed(&base, changes))
    };
    let silent = [("RecordingSid", ""), ("RecordingUrl", ""), ("RecordingDuration", "0"), ("Digits", "")];
    vec![
        ("message-left", left(0, &[])),
        ("message-silent", left(0, &silent)),
        ("message-silent-again", left(1, &silent)),
        (
            "message-hung-up",
            left(
                0,
                &[
                    ("RecordingDuration", "0"),
                    ("RecordingSid", ""),
                    ("RecordingUrl", ""),
                    ("Digits", "hangup"),
                ],
            ),
        ),
        (
            "message-on-dial-ticket",
            Sent::twilio(
                &result_path(CALL, Step::Connect),
                &[("AccountSid", TWILIO_ACCOUNT), ("CallSid", CALL), ("RecordingDuration", "7")],
            ),
        ),
    ]
}

fn notice(event: &str, id: &str, room: &str, participant: Option<Value>) -> Value {
    let mut body = json!({
        "event": event,
        "id": id,
        "createdAt": crate::values::NOW_S.to_string(),
        "room": {"sid": "RM_sample", "name": room, "turnPassword": "sample-turn-password"},
    });
    if let Some(participant) = participant {
        body["participant"] = participant;
    }
    body
}

fn phone(number: &str, status: &str, reason: Option<&str>) -> Value {
    let mut participant = json!({
        "sid": "PA_sample", "identity": format!("sip_{CALLER}"), "state": "ACTIVE", "kind": "SIP",
        "attributes": {
            "sip.callID": "SCL_sample", "sip.callStatus": status, "sip.phoneNumber": CALLER,
            "sip.trunkPhoneNumber": number, "sip.h.proxy-authorization": "Digest response=\"sample\"",
        },
    });
    if let Some(reason) = reason {
        participant["disconnectReason"] = json!(reason);
    }
    participant
}

fn livekit_webhook() -> Named {
    let room = format!("call-{CALL}");
    let trunk_room = "sip_+15550100199_Xy12";
    let agent = json!({"sid": "PA_agent", "identity": "agent-AJ_1", "kind": "AGENT", "disconnectReason": "CLIENT_INITIATED"});
    let send = |event: &str, room: &str, participant: Option<Value>| {
        Sent::livekit(&notice(event, &format!("EV_{event}"), room, participant))
    };
    vec![
        ("room-started", send("room_started", &room, None)),
        ("caller-joined", send("participant_joined", &room, Some(phone(&room, "ringing", None)))),
        (
            "caller-left",
            send("participant_left", &room, Some(phone(&room, "hangup", Some("CLIENT_INITIATED")))),
        ),
        ("agent-left", send("participant_left", &room, Some(agent))),
        ("room-finished", send("room_finished", &room, None)),
        ("track-published", send("track_published", &room, Some(json!({"sid": "PA_1", "identity": "x"})))),
        (
            "egress-ended",
            Sent::livekit(
                &json!({"event": "egress_ended", "id": "EV_e", "createdAt": "1", "egressInfo": {}}),
            ),
        ),
        ("trunk-caller-joined", send("participant_joined", trunk_room, Some(phone(NUMBER, "ringing", None)))),
        (
            "trunk-unknown-number",
            send("participant_joined", trunk_room, Some(phone("+15550100111", "ringing", None))),
        ),
        ("room-of-somebody-else", send("room_started", "lobby", None)),
        ("unsigned", send("room_started", &room, None).without("authorization")),
        ("altered", send("room_started", &room, None).body(|body| body.replace("RM_sample", "RM_simple"))),
        ("not-an-event", Sent::livekit(&json!([1, 2]))),
        ("get", send("room_started", &room, None).method("GET")),
    ]
}

fn token() -> Named {
    let ask = |api_token, body: Value| Sent::api("/token", api_token, &body);
    let room = format!("call-{CALL}");
    vec![
        ("caller", ask(CALLER_TOKEN, json!({"room": "demo-1", "identity": "alice", "role": "caller"}))),
        (
            "supervisor-listen",
            ask(
                SUPERVISOR_TOKEN,
                json!({"room": room, "identity": "sue", "role": "supervisor-listen", "ttl_s": 600}),
            ),
        ),
        (
            "life-too-long",
            ask(
                SUPERVISOR_TOKEN,
                json!({"room": room, "identity": "sue", "role": "supervisor-speak", "ttl_s": 999_999}),
            ),
        ),
        (
            "forbidden-role",
            ask(CALLER_TOKEN, json!({"room": room, "identity": "eve", "role": "supervisor-listen"})),
        ),
        ("unknown-role", ask(SUPERVISOR_TOKEN, json!({"room": room, "identity": "eve", "role": "king"}))),
        (
            "identity-of-a-phone",
            ask(SUPERVISOR_TOKEN, json!({"room": room, "identity": "sip_+15550100199", "role": "caller"})),
        ),
        (
            "unknown-field",
            ask(
                CALLER_TOKEN,
                json!({"room": "demo-1", "identity": "alice", "role": "caller", "admin": true}),
            ),
        ),
        (
            "life-too-short",
            ask(CALLER_TOKEN, json!({"room": "demo-1", "identity": "alice", "role": "caller", "ttl_s": 5})),
        ),
        (
            "wrong-api-token",
            ask("not ours at all", json!({"room": "demo-1", "identity": "alice", "role": "caller"})),
        ),
        ("no-json", Sent::api("/token", CALLER_TOKEN, &json!(null)).body(|_| "{".to_owned())),
        ("get", ask(CALLER_TOKEN, json!({})).method("GET")),
    ]
}

fn rooms() -> Named {
    let ask = |api_token, body: Value| Sent::api("/rooms", api_token, &body);
    let room = format!("call-{CALL}");
    vec![
        (
            "open",
            ask(
                CALLER_TOKEN,
                json!({"action": "open", "room": "demo-1", "number": NUMBER, "identity": "alice"}),
            ),
        ),
        (
            "open-unknown-number",
            ask(
                CALLER_TOKEN,
                json!({"action": "open", "room": "demo-1", "number": "+15550100111", "identity": "alice"}),
            ),
        ),
        (
            "open-a-carriers-room",
            ask(CALLER_TOKEN, json!({"action": "open", "room": room, "number": NUMBER, "identity": "alice"})),
        ),
        ("list", ask(SUPERVISOR_TOKEN, json!({"action": "list"}))),
        ("participants", ask(SUPERVISOR_TOKEN, json!({"action": "participants", "room": room}))),
        (
            "remove",
            ask(SUPERVISOR_TOKEN, json!({"action": "remove", "room": room, "identity": "sip_+15550100199"})),
        ),
        ("hang-up", ask(SUPERVISOR_TOKEN, json!({"action": "hang-up", "room": room}))),
        (
            "transfer",
            ask(
                SUPERVISOR_TOKEN,
                json!({"action": "transfer", "room": room, "identity": "sip_+15550100199", "target": "tel:+15550100123"}),
            ),
        ),
        (
            "transfer-to-nowhere",
            ask(
                SUPERVISOR_TOKEN,
                json!({"action": "transfer", "room": room, "identity": "x", "target": "javascript:"}),
            ),
        ),
        ("forbidden", ask(CALLER_TOKEN, json!({"action": "list"}))),
        ("wrong-api-token", ask("not ours at all", json!({"action": "list"}))),
        ("unknown-action", ask(SUPERVISOR_TOKEN, json!({"action": "explode"}))),
    ]
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
