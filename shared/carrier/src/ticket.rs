//! Tickets: short proofs that a URL or a stream belongs to one call.
//!
//! They are deterministic, so a repeated webhook gives the same document, and they hold only characters that
//! no proxy re-encodes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Bytes of the MAC that are kept.
const MAC_LEN: usize = 18;

/// The key all tickets of a deployment are made with.
#[derive(Clone)]
pub struct TicketKey([u8; 32]);

impl std::fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TicketKey")
    }
}

/// Which of a call's `/dial-result` answers a ticket stands for. The step is in the ticket, so a repeated
/// delivery is the same step, and the next step cannot be taken by repeating the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The connection to the agent ended.
    Connect,
    /// The message was recorded, or not, at this attempt; counted from 0.
    Voicemail(u8),
}

/// Attempts at leaving a message: the first, and one more when nothing was heard.
pub const VOICEMAIL_ATTEMPTS: u8 = 2;

/// Why a ticket is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Not of this call, not of this kind, or altered.
    #[error("the ticket is not this call's")]
    Forged,
    /// Past its expiry.
    #[error("the ticket has expired")]
    Expired,
}

impl TicketKey {
    /// Derived from a secret that functions and agent share (the LiveKit API secret), so that there is not
    /// one more secret to deploy, and so that a ticket says nothing about it.
    pub fn derive(secret: &str) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes any key");
        mac.update(b"ringdown tickets 1");
        Self(mac.finalize().into_bytes().into())
    }

    /// The path segment of `/dial-result/{ticket}` for a step of a call.
    pub fn step(&self, call_id: &str, step: Step) -> String {
        let purpose = match step {
            Step::Connect => "connect".to_owned(),
            Step::Voicemail(attempt) => format!("voicemail {attempt}"),
        };
        self.mac(&purpose, call_id, 0)
    }

    /// The step of this call that `ticket` stands for.
    ///
    /// # Errors
    /// [`TicketError::Forged`] when it is none of this call's.
    pub fn check_step(&self, call_id: &str, ticket: &str) -> Result<Step, TicketError> {
        let mut steps = std::iter::once(Step::Connect).chain((0..VOICEMAIL_ATTEMPTS).map(Step::Voicemail));
        steps.find(|&step| same(&self.step(call_id, step), ticket).is_ok()).ok_or(TicketError::Forged)
    }

    /// The `token` parameter of a media stream, good for one use until `expires_at_s` (epoch seconds).
    pub fn media_stream(&self, call_id: &str, expires_at_s: u64) -> String {
        format!("{expires_at_s}.{}", self.mac("media-stream", call_id, expires_at_s))
    }

    /// Whether `ticket` is [`Self::media_stream`] of this call and still good. That it is used once only is
    /// for the caller to see to: the ticket itself is the key to remember until it expires.
    ///
    /// # Errors
    /// [`TicketError::Forged`] or [`TicketError::Expired`].
    pub fn check_media_stream(&self, call_id: &str, ticket: &str, now_s: u64) -> Result<(), TicketError> {
        good_until(ticket, now_s, |expires_at_s| self.media_stream(call_id, expires_at_s))
    }

    /// The ticket of an announcement of this call to an agent container, good until `expires_at_s` (epoch
    /// seconds).
    pub fn announcement(&self, call_id: &str, expires_at_s: u64) -> String {
        format!("{expires_at_s}.{}", self.mac("announcement", call_id, expires_at_s))
    }

    /// Whether `ticket` is [`Self::announcement`] of this call and still good.
    ///
    /// # Errors
    /// [`TicketError::Forged`] or [`TicketError::Expired`].
    pub fn check_announcement(&self, call_id: &str, ticket: &str, now_s: u64) -> Result<(), TicketError> {
        good_until(ticket, now_s, |expires_at_s| self.announcement(call_id, expires_at_s))
    }

    fn mac(&self, purpose: &str, call_id: &str, expires_at_s: u64) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes any key");
        mac.update(format!("{purpose}|{expires_at_s}|{call_id}").as_bytes());
        URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..MAC_LEN])
    }
}

/// Whether `ticket` is the one `made` for its own expiry, and that is still to come.
fn good_until(ticket: &str, now_s: u64, made: impl Fn(u64) -> String) -> Result<(), TicketError> {
    let (expires_at, _) = ticket.split_once('.').ok_or(TicketError::Forged)?;
    let expires_at_s = expires_at.parse().map_err(|_| TicketError::Forged)?;
    same(&made(expires_at_s), ticket)?;
    if now_s >= expires_at_s { Err(TicketError::Expired) } else { Ok(()) }
}

fn same(expected: &str, given: &str) -> Result<(), TicketError> {
    if expected.as_bytes().ct_eq(given.as_bytes()).into() { Ok(()) } else { Err(TicketError::Forged) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_ticket_opens_its_own_call_and_step_only() {
        let key = TicketKey::derive("secret");
        for step in [Step::Connect, Step::Voicemail(0), Step::Voicemail(1)] {
            let ticket = key.step("CA1", step);
            assert_eq!(key.check_step("CA1", &ticket), Ok(step));
            assert_eq!(key.check_step("CA2", &ticket), Err(TicketError::Forged));
            assert_eq!(TicketKey::derive("other").check_step("CA1", &ticket), Err(TicketError::Forged));
        }
        for odd in ["", "x", &key.step("CA1", Step::Voicemail(VOICEMAIL_ATTEMPTS))] {
            assert_eq!(key.check_step("CA1", odd), Err(TicketError::Forged));
        }
    }

    #[test]
    fn tickets_need_no_percent_encoding() {
        let ticket = TicketKey::derive("secret").step("v3:a/b+c", Step::Connect);
        assert!(ticket.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
    }

    #[test]
    fn a_media_stream_ticket_expires() {
        let key = TicketKey::derive("secret");
        let ticket = key.media_stream("CA1", 1000);
        assert_eq!(key.check_media_stream("CA1", &ticket, 999), Ok(()));
        assert_eq!(key.check_media_stream("CA1", &ticket, 1000), Err(TicketError::Expired));
        assert_eq!(key.check_media_stream("CA2", &ticket, 999), Err(TicketError::Forged));
    }

    #[test]
    fn an_announcement_is_of_one_call_and_expires() {
        let key = TicketKey::derive("secret");
        let ticket = key.announcement("CA1", 1000);
        assert_eq!(key.check_announcement("CA1", &ticket, 999), Ok(()));
        assert_eq!(key.check_announcement("CA1", &ticket, 1000), Err(TicketError::Expired));
        assert_eq!(key.check_announcement("CA2", &ticket, 999), Err(TicketError::Forged));
        let other_kind = key.media_stream("CA1", 1000);
        assert_eq!(key.check_announcement("CA1", &other_kind, 999), Err(TicketError::Forged));
        assert_eq!(key.check_media_stream("CA1", &ticket, 999), Err(TicketError::Forged));
    }

    #[test]
    fn an_expiry_cannot_be_extended() {
        let key = TicketKey::derive("secret");
        let ticket = key.media_stream("CA1", 1000).replace("1000.", "2000.");
        assert_eq!(key.check_media_stream("CA1", &ticket, 999), Err(TicketError::Forged));
        for odd in ["", ".", "x.y", "01000.x", "1000"] {
            assert_eq!(key.check_media_stream("CA1", odd, 999), Err(TicketError::Forged), "{odd}");
        }
    }

    #[test]
    fn a_step_ticket_is_no_media_stream_ticket() {
        let key = TicketKey::derive("secret");
        let forged = format!("1000.{}", key.step("CA1", Step::Connect));
        assert_eq!(key.check_media_stream("CA1", &forged, 1), Err(TicketError::Forged));
    }
}
