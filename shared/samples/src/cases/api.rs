//! What our own people ask: tokens and rooms.

use serde_json::{Value, json};

use super::Named;
use crate::event::Sent;
use crate::values::{CALL, CALLER_TOKEN, NUMBER, SUPERVISOR_TOKEN};

pub(super) fn token() -> Named {
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

pub(super) fn rooms() -> Named {
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
