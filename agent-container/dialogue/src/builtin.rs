//! Tools the dialogue carries out itself, as data. Configure them like any other tool; calls to these names
//! never reach [`crate::Output::RunTool`], except [`SCHEDULE_CALLBACK`], which the driver runs.

use serde_json::json;

use crate::{ToolClass, ToolSpec};

/// Hands the caller to a person.
pub const TRANSFER_CALL: &str = "transfer_call";
/// Ends the call after the last word.
pub const END_CALL: &str = "end_call";
/// Lets the caller leave a message.
pub const LEAVE_VOICEMAIL: &str = "leave_voicemail";
/// Presses keys towards the other side.
pub const SEND_DIGITS: &str = "send_digits";
/// Waits for the caller to type a number.
pub const COLLECT_DIGITS: &str = "collect_digits";
/// Writes a callback into the table; run by the driver.
pub const SCHEDULE_CALLBACK: &str = "schedule_callback";

/// Names of all of them.
pub const NAMES: [&str; 6] =
    [TRANSFER_CALL, END_CALL, LEAVE_VOICEMAIL, SEND_DIGITS, COLLECT_DIGITS, SCHEDULE_CALLBACK];

/// The specification of a built-in tool, `None` for other names.
#[must_use]
pub fn spec(name: &str) -> Option<ToolSpec> {
    let (description, properties, required) = match name {
        TRANSFER_CALL => (
            "Transfer the caller to a person. Say so first.",
            json!({"to": {"type": "string", "description": "Name of the target; leave out for the usual one"}}),
            json!([]),
        ),
        END_CALL => {
            ("End the call when the caller's wish is fulfilled and goodbye was said.", json!({}), json!([]))
        }
        LEAVE_VOICEMAIL => {
            ("Let the caller leave a voice message; the call ends with it.", json!({}), json!([]))
        }
        SEND_DIGITS => (
            "Press keys of the telephone, for example in a voice menu.",
            json!({"digits": {"type": "string", "description": "Keys 0-9 * #; w waits half a second"}}),
            json!(["digits"]),
        ),
        COLLECT_DIGITS => (
            "Wait until the caller has typed a number on the keypad. Ask for it first.",
            json!({
                "count": {"type": "integer", "description": "How many digits to expect, 1 to 32"},
                "secret": {"type": "boolean", "description": "True for PINs and card numbers"}
            }),
            json!(["count"]),
        ),
        SCHEDULE_CALLBACK => (
            "Arrange that the caller is called back.",
            json!({
                "at": {"type": "string", "description": "RFC 3339 time with the caller's offset from UTC, as 2026-11-22T10:00:00+01:00"},
                "reason": {"type": "string"},
                "number": {"type": "string", "description": "E.164; leave out for the caller's own number"}
            }),
            json!(["at", "reason"]),
        ),
        _ => return None,
    };
    Some(ToolSpec {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters: json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false}),
        class: ToolClass::Write,
        timeout_ms: if name == COLLECT_DIGITS { 60_000 } else { 10_000 },
    })
}
