//! The 57 published and computed signature vectors, and the cases they leave open.

#![allow(clippy::unwrap_used)]

use carrier::form::{Form, encode};
use carrier::signature::{Payload, sign_twilio, verify_signalwire, verify_telnyx, verify_twilio};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    name: String,
    provider: String,
    #[serde(default)]
    token: String,
    #[serde(default)]
    public_key_b64: String,
    #[serde(default)]
    timestamp: String,
    #[serde(default)]
    url_given: String,
    #[serde(default)]
    params: Vec<(String, String)>,
    raw_body: Option<String>,
    signature: String,
    accept: bool,
}

/// Moment the Telnyx vector was signed at, epoch seconds.
const TELNYX_NOW: u64 = 1_700_000_000;

impl Vector {
    fn body(&self) -> String {
        self.raw_body.clone().unwrap_or_else(|| encode(self.params.iter().map(|(k, v)| (k, v))))
    }

    fn is_json(&self) -> bool {
        self.raw_body.is_some() && (self.url_given.contains("bodySHA256") || self.name.contains("json"))
    }

    fn verdict(&self, decoys: &[&str]) -> bool {
        let body = self.body();
        let form = Form::parse(body.as_bytes()).unwrap();
        let keys: Vec<&str> = decoys.iter().copied().chain([self.token.as_str()]).collect();
        match self.provider.as_str() {
            "twilio" => {
                let payload = if self.url_given.starts_with("wss") {
                    Payload::Upgrade
                } else if self.is_json() {
                    Payload::Raw(body.as_bytes())
                } else {
                    Payload::Form(&form)
                };
                verify_twilio(&keys, &self.signature, &self.url_given, payload)
            }
            "signalwire" => {
                let hex = self.signature.len() == 40;
                let payload =
                    if hex || self.is_json() { Payload::Raw(body.as_bytes()) } else { Payload::Form(&form) };
                verify_signalwire(&keys, &self.signature, &self.url_given, payload)
            }
            _ => verify_telnyx(
                &self.public_key_b64,
                &self.signature,
                &self.timestamp,
                body.as_bytes(),
                TELNYX_NOW,
            ),
        }
    }
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("data/signature_vectors.json")).unwrap()
}

#[test]
fn every_vector_gives_its_verdict() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 57);
    for (index, vector) in vectors.iter().enumerate() {
        for decoys in [&[][..], &["decoy"][..], &["", "decoy"][..]] {
            assert_eq!(vector.verdict(decoys), vector.accept, "entry {}: {}", index + 1, vector.name);
        }
    }
}

#[test]
fn no_vector_verifies_under_another_key_only() {
    for mut vector in vectors() {
        vector.token = "another".to_owned();
        vector.public_key_b64 = "3q2+7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned();
        assert!(!vector.verdict(&[]), "{}", vector.name);
    }
}

const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const TOKENS: [&str; 2] = ["next", "12345"];

/// Signs one form, verifies another request.
#[track_caller]
fn check(signed: (&str, &str), given: (&str, &str), accept: bool) {
    let signature = sign_twilio("12345", signed.0, &Form::parse(signed.1.as_bytes()).unwrap());
    let form = Form::parse(given.1.as_bytes()).unwrap();
    assert_eq!(verify_twilio(&TOKENS, &signature, given.0, Payload::Form(&form)), accept);
}

#[test]
fn a_json_body_without_its_hash_in_the_url_is_unsigned() {
    let body = br#"{"property": "value", "boolean": true}"#;
    let signature = "zYQTYrRWXE7LtzbG4PfP7/bkkGo=";
    assert!(
        verify_twilio(&["12345"], signature, URL, Payload::Form(&Form::default())),
        "valid over the bare URL"
    );
    assert!(!verify_twilio(&["12345"], signature, URL, Payload::Raw(body)));
}

#[test]
fn a_body_hash_counts_in_lower_case_and_for_its_own_body_only() {
    let hash = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
    let body = br#"{"property": "value", "boolean": true}"#;
    for (hash, body, accept) in
        [(hash, &body[..], true), (hash, &b"{}"[..], false), (&hash.to_uppercase(), &body[..], false)]
    {
        let url = format!("{URL}&bodySHA256={hash}");
        let signature = sign_twilio("12345", &url, &Form::default());
        assert_eq!(verify_twilio(&["12345"], &signature, &url, Payload::Raw(body)), accept, "{hash}");
    }
}

#[test]
fn a_form_with_a_body_hash_still_signs_its_parameters() {
    let url = format!("{URL}&bodySHA256=00");
    check((&url, "a=1"), (&url, "a=1"), true);
    check((&url, ""), (&url, "a=1"), false);
}

#[test]
fn every_parameter_counts() {
    let signed = (URL, "CallSid=CA1&From=%2B1555&New=x");
    check(signed, (URL, "New=x&From=%2B1555&CallSid=CA1"), true);
    check(signed, (URL, "CallSid=CA1&From=%2B1555"), false);
    check(signed, (URL, "CallSid=CA1&From=%2B1555&New=x&More=y"), false);
    check(signed, (URL, "CallSid=CA1&From=%2B1556&New=x"), false);
    check(signed, (URL, "CallSid=CA1&From=+1555&New=x"), false);
    check((URL, "n=a+b"), (URL, "n=a%20b"), true);
    check((URL, "n=a"), (URL, "n=a&&&=x&"), true);
    check((URL, "n=%ff"), (URL, "n=%ff"), true);
    check((URL, "n=%ff"), (URL, "n=%fe"), false);
}

#[test]
fn repeated_keys_count_once_and_in_any_order() {
    check((URL, "d=1&d=2&d=2"), (URL, "d=2&d=1"), true);
    check((URL, "d=1&d=2"), (URL, "d=1"), false);
    check((URL, "D=1&d=2"), (URL, "d=1&D=2"), false);
}

#[test]
fn the_url_counts_to_the_byte() {
    let signed = ("https://H.example/a", "x=1");
    for (url, accept) in [
        ("https://H.example/a", true),
        ("https://H.example:443/a", true),
        ("https://H.example:8443/a", true),
        ("https://user:pass@H.example/a", true),
        ("https://H.example/a#rc=2", true),
        ("https://h.example/a", false),
        ("https://H.example/a/", false),
        ("https://H.example//a", false),
        ("https://H.example/a?", false),
        ("https://H.example/prod/a", false),
        ("http://H.example/a", false),
    ] {
        check(signed, (url, "x=1"), accept);
    }
}

#[test]
fn an_upgrade_may_be_signed_as_wss_or_https_and_with_a_slash() {
    for signed in ["wss://m.example/s", "https://m.example/s", "wss://m.example/s/", "wss://m.example:443/s"]
    {
        let signature = sign_twilio("12345", signed, &Form::default());
        assert!(verify_twilio(&["12345"], &signature, "wss://m.example/s", Payload::Upgrade), "{signed}");
        assert!(!verify_twilio(&["12345"], &signature, "wss://m.example/t", Payload::Upgrade), "{signed}");
    }
}

#[test]
fn a_configuration_without_keys_verifies_nothing() {
    let signature = sign_twilio("", URL, &Form::default());
    assert!(!verify_twilio(&[""], &signature, URL, Payload::Form(&Form::default())));
    assert!(!verify_twilio(&[] as &[&str], &signature, URL, Payload::Form(&Form::default())));
}

#[test]
fn telnyx_requests_are_fresh_and_exact() {
    let vector = vectors().pop().unwrap();
    let body = vector.body();
    let verify = |key: &str, timestamp: &str, body: &str, now: u64| {
        verify_telnyx(key, &vector.signature, timestamp, body.as_bytes(), now)
    };
    let key = vector.public_key_b64.as_str();
    assert!(verify(key, "1700000000", &body, TELNYX_NOW + 300));
    assert!(verify(key, "1700000000", &body, TELNYX_NOW - 300));
    assert!(!verify(key, "1700000000", &body, TELNYX_NOW + 301), "old");
    assert!(!verify(key, "1700000000", &body, TELNYX_NOW - 301), "from the future");
    assert!(!verify(key, "1700000001", &body, TELNYX_NOW), "another time");
    for timestamp in ["", "soon", "+1700000000", "-1", "99999999999999999999999"] {
        assert!(!verify(key, timestamp, &body, TELNYX_NOW), "{timestamp}");
    }
    assert!(!verify(key, "1700000000", &format!("{body} "), TELNYX_NOW), "white space");
    assert!(!verify("c2hvcnQ=", "1700000000", &body, TELNYX_NOW), "short key");
    assert!(!verify("", "1700000000", &body, TELNYX_NOW), "no key");
}

#[test]
fn a_carrier_does_not_sign_for_another() {
    let form = Form::parse(b"To=b&To=a").unwrap();
    let twilio = sign_twilio("k", URL, &form);
    assert!(!verify_signalwire(&["k"], &twilio, URL, Payload::Form(&form)));
    assert!(!verify_signalwire(&["k"], &twilio, URL, Payload::Raw(b"To=b&To=a")));
}
