//! Webhook signatures of Twilio, SignalWire and Telnyx.
//!
//! Every accepted key is tried against every spelling of the URL, all of them, and the comparisons are
//! combined in constant time. Twilio's and SignalWire's signatures carry no time: a captured request replays
//! for ever, so whoever accepts one must be idempotent.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::form::Form;
use crate::signed_url::{Variants, candidates};

/// Widest distance between Telnyx's timestamp and our clock, seconds (constant of Telnyx's own SDK).
pub const TELNYX_TOLERANCE_S: u64 = 300;

/// Length of an HMAC-SHA1, bytes.
const SHA1_LEN: usize = 20;

/// What of a request, beside its URL, is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload<'a> {
    /// A form: its decoded pairs.
    Form(&'a Form),
    /// Any other body: by the URL's `bodySHA256`, or with it appended (SignalWire's hexadecimal scheme).
    Raw(&'a [u8]),
    /// A WebSocket upgrade: nothing, but the URL has more spellings.
    Upgrade,
}

/// Whether `header` is Twilio's signature of `url` and `payload` under one of `tokens`.
///
/// `url` is the configured public URL with the raw query. A body that is no form is accepted only when the
/// URL carries its lower-case hexadecimal `bodySHA256`.
pub fn verify_twilio(tokens: &[impl AsRef<str>], header: &str, url: &str, payload: Payload<'_>) -> bool {
    let Some(given) = decode_sha1(header) else {
        return false;
    };
    let (variants, suffix) = match payload {
        Payload::Form(form) => (Variants::Twilio, twilio_params(form)),
        Payload::Raw(body) if !body_hash_matches(url, body) => return false,
        Payload::Raw(_) => (Variants::Twilio, Vec::new()),
        Payload::Upgrade => (Variants::TwilioUpgrade, Vec::new()),
    };
    any_matches(tokens, &candidates(url, variants), &suffix, &given)
}

/// Whether `header` is SignalWire's signature of `url` and `payload` under one of `keys`.
///
/// 40 hexadecimal digits are the JSON scheme (URL and raw body); anything else is the form scheme: pairs
/// sorted by key, values of one key in the order they were sent.
pub fn verify_signalwire(keys: &[impl AsRef<str>], header: &str, url: &str, payload: Payload<'_>) -> bool {
    let urls = candidates(url, Variants::SignalWire);
    if let Some(given) = decode_hex(header) {
        let Payload::Raw(body) = payload else {
            return false;
        };
        return any_matches(keys, &urls, body, &given);
    }
    let Some(given) = decode_sha1(header) else {
        return false;
    };
    let suffix = match payload {
        Payload::Form(form) => signalwire_params(form),
        Payload::Raw(body) if body_hash_matches(url, body) => Vec::new(),
        Payload::Raw(_) => return false,
        Payload::Upgrade => Vec::new(),
    };
    any_matches(keys, &urls, &suffix, &given)
}

/// Whether `header` is Telnyx's signature of `body` at `timestamp` (both as they came in the headers).
///
/// The URL is not signed: a body captured on one route verifies on another for [`TELNYX_TOLERANCE_S`].
pub fn verify_telnyx(public_key: &str, header: &str, timestamp: &str, body: &[u8], now_s: u64) -> bool {
    telnyx_checks(public_key, header, timestamp, body, now_s).is_some()
}

/// Twilio's signature of a webhook: for tests, and for whoever plays the carrier.
pub fn sign_twilio(token: &str, url: &str, form: &Form) -> String {
    STANDARD.encode(hmac_sha1(token.as_bytes(), url.as_bytes(), &twilio_params(form)))
}

/// SignalWire's signature of a form webhook: for tests, and for whoever plays the carrier.
pub fn sign_signalwire(key: &str, url: &str, form: &Form) -> String {
    STANDARD.encode(hmac_sha1(key.as_bytes(), url.as_bytes(), &signalwire_params(form)))
}

fn telnyx_checks(public_key: &str, header: &str, timestamp: &str, body: &[u8], now_s: u64) -> Option<()> {
    if timestamp.is_empty() || !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let sent_s: u64 = timestamp.parse().ok()?;
    if now_s.abs_diff(sent_s) > TELNYX_TOLERANCE_S {
        return None;
    }
    let key: [u8; 32] = STANDARD.decode(public_key).ok()?.try_into().ok()?;
    let signature: [u8; 64] = STANDARD.decode(header).ok()?.try_into().ok()?;
    let message = [timestamp.as_bytes(), b"|", body].concat();
    let key = VerifyingKey::from_bytes(&key).ok()?;
    key.verify_strict(&message, &Signature::from_bytes(&signature)).ok()
}

fn any_matches(keys: &[impl AsRef<str>], urls: &[String], suffix: &[u8], given: &[u8; SHA1_LEN]) -> bool {
    let mut found = Choice::from(0);
    for key in keys.iter().map(AsRef::as_ref).filter(|key: &&str| !key.is_empty()) {
        for url in urls {
            found |= hmac_sha1(key.as_bytes(), url.as_bytes(), suffix).ct_eq(given);
        }
    }
    found.into()
}

fn hmac_sha1(key: &[u8], url: &[u8], suffix: &[u8]) -> [u8; SHA1_LEN] {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(url);
    mac.update(suffix);
    mac.finalize().into_bytes().into()
}

/// Keys bytewise, the values of one key without repeats and bytewise, nothing between them.
fn twilio_params(form: &Form) -> Vec<u8> {
    let mut grouped: BTreeMap<&[u8], BTreeSet<&[u8]>> = BTreeMap::new();
    for (key, value) in form.pairs() {
        grouped.entry(key).or_default().insert(value);
    }
    let mut out = Vec::new();
    for (key, values) in grouped {
        for value in values {
            out.extend_from_slice(key);
            out.extend_from_slice(value);
        }
    }
    out
}

fn signalwire_params(form: &Form) -> Vec<u8> {
    let mut pairs: Vec<_> = form.pairs().collect();
    pairs.sort_by_key(|(key, _)| *key);
    pairs.into_iter().flat_map(|(key, value)| [key, value].concat()).collect()
}

fn body_hash_matches(url: &str, body: &[u8]) -> bool {
    let url = url.split('#').next().unwrap_or(url);
    let Some((_, query)) = url.split_once('?') else {
        return false;
    };
    let Some(given) = query.split('&').find_map(|pair| pair.strip_prefix("bodySHA256=")) else {
        return false;
    };
    let expected = hex::encode(Sha256::digest(body));
    expected.as_bytes().ct_eq(given.as_bytes()).into()
}

fn decode_sha1(header: &str) -> Option<[u8; SHA1_LEN]> {
    STANDARD.decode(header).ok()?.try_into().ok()
}

fn decode_hex(header: &str) -> Option<[u8; SHA1_LEN]> {
    if header.len() != 2 * SHA1_LEN {
        return None;
    }
    hex::decode(header).ok()?.try_into().ok()
}
