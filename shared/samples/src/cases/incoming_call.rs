//! Calls that arrive, and what is no call.

use super::{Changes, Named, changed};
use crate::event::{FORM, Sent};
use crate::values::{CALL, CALLER, NUMBER, TWILIO_ACCOUNT, TWILIO_OLD_TOKEN, TWILIO_TOKEN};

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

pub(super) fn incoming_call() -> Named {
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

pub(super) fn incoming_refused() -> Named {
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

pub(super) fn incoming_others() -> Named {
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
