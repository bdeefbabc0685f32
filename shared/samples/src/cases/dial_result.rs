//! What a `<Dial>`, `<Connect>` or `<Record>` posts when it is over.

use carrier::Step;
use carrier::ticket::TicketKey;

use super::{Changes, Named, changed};
use crate::event::Sent;
use crate::values::{CALL, CALLER, CHILD, LIVEKIT_SECRET, NUMBER, OTHER_CALL, TWILIO_ACCOUNT};

fn result_path(call: &str, step: Step) -> String {
    format!("/dial-result/{}", TicketKey::derive(LIVEKIT_SECRET).step(call, step))
}

pub(super) fn dial_result() -> Named {
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

pub(super) fn voicemail() -> Named {
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
