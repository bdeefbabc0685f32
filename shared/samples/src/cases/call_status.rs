//! What carriers report of legs and recordings.

use super::{Changes, Named, changed};
use crate::event::Sent;
use crate::values::{CALL, CALLER, CHILD, NUMBER, OTHER_CALL, TWILIO_ACCOUNT};

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

pub(super) fn call_status() -> Named {
    [detections(), legs(), calls(), recordings(), others()].concat()
}

/// Of the call itself.
fn status(changes: Changes<'_>) -> Sent {
    Sent::twilio("/call-status", &reported(changes))
}

/// Of the leg to the agent.
fn child(word: &str, sequence: &str) -> Sent {
    status(&[
        ("CallSid", CHILD),
        ("ParentCallSid", CALL),
        ("CallStatus", word),
        ("SequenceNumber", sequence),
        ("CallDuration", ""),
        ("Duration", ""),
    ])
}

/// Of a message that was left.
fn message(changes: Changes<'_>) -> Sent {
    let base = [
        ("AccountSid", TWILIO_ACCOUNT),
        ("CallSid", CALL),
        ("RecordingSid", "RE00000000000000000000000000000001"),
        ("RecordingStatus", "completed"),
        ("RecordingDuration", "7"),
        ("RecordingUrl", "https://evil.test/steal"),
    ];
    Sent::twilio("/call-status", &changed(&base, changes))
}

/// Of answering machine detection.
fn detected(changes: Changes<'_>) -> Sent {
    let base = [
        ("AccountSid", TWILIO_ACCOUNT),
        ("CallSid", CALL),
        ("AnsweredBy", "machine_end_beep"),
        ("MachineDetectionDuration", "3100"),
    ];
    Sent::twilio("/call-status", &changed(&base, changes))
}

fn detections() -> Named {
    vec![
        ("machine-detected", detected(&[])),
        ("machine-detection-unknown", detected(&[("AnsweredBy", "unknown")])),
        ("machine-detection-without-answer", detected(&[("AnsweredBy", "")])),
    ]
}

fn legs() -> Named {
    vec![
        ("child-initiated", child("initiated", "0")),
        ("child-ringing", child("ringing", "1")),
        ("child-answered", child("in-progress", "2")),
        ("child-completed", child("completed", "3")),
    ]
}

fn calls() -> Named {
    vec![
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
    ]
}

fn recordings() -> Named {
    vec![
        ("recording-completed", message(&[])),
        ("recording-absent", message(&[("RecordingStatus", "absent"), ("RecordingDuration", "0")])),
        ("recording-failed", message(&[("RecordingStatus", "failed")])),
    ]
}

fn others() -> Named {
    let telnyx = reported(&[
        ("CallSid", "v3:abc_DEF-1"),
        ("AccountSid", "f5586561-8ff0-4291-a51b-c7dfe4139ff9"),
        ("SequenceNumber", ""),
    ]);
    vec![
        ("telnyx-completed", Sent::telnyx("/telnyx/call-status", &telnyx, 2)),
        ("missing-status", status(&[("CallStatus", "")])),
        ("bad-signature", status(&[]).signed_by_twilio("not ours")),
        ("get", status(&[]).method("GET")),
    ]
}
