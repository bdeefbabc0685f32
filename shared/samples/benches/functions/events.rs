//! Events made and signed when they are sent: every one is new, so that every call does all of its work.

use carrier::{Step, TicketKey};
use samples::{Sent, values};
use serde_json::{Value, json};

/// Event number `n` of a function. Numbers do not repeat within a run.
pub(crate) fn event(function: &str, n: usize) -> Value {
    let call = format!("CA{:08x}{n:024x}", std::process::id());
    // Callers of their own: nobody reaches a limit.
    let caller = format!("+1555{:07}", n % 10_000_000);
    let base = [("AccountSid", values::TWILIO_ACCOUNT), ("CallSid", call.as_str()), ("From", &caller)];
    let form = |path: &str, more: &[(&str, &str)]| Sent::twilio(path, &[&base[..], more].concat());
    match function {
        "incoming-call" => form("/incoming-call", &[("CallStatus", "ringing"), ("To", values::NUMBER)]),
        "call-status" => form("/call-status", &[("CallStatus", "completed"), ("CallDuration", "37")]),
        "dial-result" => {
            let ticket = TicketKey::derive(values::LIVEKIT_SECRET).step(&call, Step::Connect);
            let ended = [("DialCallStatus", "completed"), ("DialBridged", "true"), ("DialCallDuration", "42")];
            form(&format!("/dial-result/{ticket}"), &ended)
        }
        "livekit-webhook" => {
            let room = json!({"sid": "RM_1", "name": format!("call-{call}")});
            let participant = json!({"identity": "sip_1", "kind": "SIP"});
            let notice = json!({"event": "participant_joined", "id": format!("EV_{n}"), "room": room, "participant": participant});
            Sent::livekit_at(&notice, lambda::now())
        }
        "token" => {
            let asked = json!({"room": "demo-1", "identity": "alice", "role": "caller"});
            Sent::api("/token", values::CALLER_TOKEN, &asked)
        }
        "rooms" => {
            let room = format!("bench-{n}");
            let asked = json!({"action": "open", "room": room, "number": values::NUMBER, "identity": "alice"});
            Sent::api("/rooms", values::CALLER_TOKEN, &asked)
        }
        "health" => Sent::post("/health", "", "").method("GET"),
        _ => return json!({"source": "aws.scheduler", "detail-type": "Scheduled Event"}),
    }
    .event()
}
