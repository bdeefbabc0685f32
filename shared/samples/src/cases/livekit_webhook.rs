//! What LiveKit reports.

use serde_json::{Value, json};

use super::Named;
use crate::event::Sent;
use crate::values::{CALL, CALLER, NUMBER};

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

pub(super) fn livekit_webhook() -> Named {
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
