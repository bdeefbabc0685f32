//! Refused requests: what they mean and whether to try again.

use std::time::Duration;

use speech::{Blame, Fault, FaultKind, Retry, Vendor};

type Headers = &'static [(&'static str, &'static str)];

fn refused(status: u16, headers: Headers, body: &str) -> Fault {
    let headers: Vec<_> = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Fault::from_response(Vendor::OpenAi, status, &headers, body.as_bytes())
}

#[test]
fn every_vendors_refusal_is_understood() {
    let cases: &[(u16, &str, FaultKind, Blame)] = &[
        (
            401,
            r#"{"err_code":"INVALID_AUTH","err_msg":"Invalid credentials."}"#,
            FaultKind::Credentials,
            Blame::Us,
        ),
        (402, r#"{"err_code":"ASR_PAYMENT_REQUIRED","err_msg":"…"}"#, FaultKind::Quota, Blame::Us),
        (429, r#"{"err_code":"TOO_MANY_REQUESTS","err_msg":"…"}"#, FaultKind::RateLimited, Blame::Vendor),
        (400, r#"{"category":"INVALID_JSON","message":"…","details":"…"}"#, FaultKind::Refused, Blame::Us),
        (
            429,
            r#"{"error":{"message":"…","type":"requests","code":"rate_limit_exceeded"}}"#,
            FaultKind::RateLimited,
            Blame::Vendor,
        ),
        (
            429,
            r#"{"error":{"message":"…","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            FaultKind::Quota,
            Blame::Us,
        ),
        (404, r#"{"error":{"message":"…","code":"model_not_found"}}"#, FaultKind::Refused, Blame::Us),
        (498, r#"{"error":{"message":"…"}}"#, FaultKind::Overloaded, Blame::Vendor),
        (
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            FaultKind::Overloaded,
            Blame::Vendor,
        ),
        (401, r#"{"detail":{"status":"quota_exceeded","message":"…"}}"#, FaultKind::Quota, Blame::Us),
        (429, r#"{"detail":{"status":"system_busy","message":"…"}}"#, FaultKind::Overloaded, Blame::Vendor),
        (422, r#"{"detail":[{"loc":["body"],"msg":"…","type":"missing"}]}"#, FaultKind::Refused, Blame::Us),
        (503, "upstream connect error", FaultKind::Overloaded, Blame::Vendor),
        (502, "", FaultKind::Unavailable, Blame::Vendor),
        (504, "\u{fffd}", FaultKind::TimedOut, Blame::Network),
    ];
    for (status, body, kind, blame) in cases {
        let fault = refused(*status, &[], body);
        assert_eq!((fault.kind, fault.blame()), (*kind, *blame), "{status} {body}");
    }
}

#[test]
fn waits_are_honoured_when_a_caller_can_bear_them() {
    let cases: &[(u16, Headers, Retry)] = &[
        (429, &[("retry-after-ms", "120"), ("retry-after", "9")], Retry::After(Duration::from_millis(120))),
        (429, &[("Retry-After", "1.5")], Retry::After(Duration::from_millis(1500))),
        (429, &[("retry-after", "30")], Retry::Never),
        (429, &[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], Retry::After(Duration::from_millis(500))),
        (429, &[("retry-after", "-3")], Retry::After(Duration::from_millis(500))),
        (500, &[], Retry::Now),
        (500, &[("x-should-retry", "true")], Retry::Now),
        (500, &[("X-Should-Retry", "False")], Retry::Never),
        (429, &[("retry-after-ms", "120"), ("x-should-retry", "false")], Retry::Never),
        (401, &[], Retry::Never),
        (400, &[("retry-after", "1")], Retry::Never),
    ];
    for (status, headers, retry) in cases {
        assert_eq!(refused(*status, headers, "{}").retry(), *retry, "{status} {headers:?}");
    }
}

#[test]
fn a_log_line_has_the_code_but_not_the_vendors_words() {
    let fault = refused(400, &[], r#"{"error":{"message":"you said: my number is 555","code":"bad"}}"#);
    assert_eq!(fault.to_string(), "openai: request refused (400 bad)");
    assert!(fault.detail.contains("555"));
    let endless = refused(400, &[], &format!(r#"{{"error":{{"code":"{}"}}}}"#, "x".repeat(10_000)));
    assert_eq!(endless.code.len(), 64);
}
