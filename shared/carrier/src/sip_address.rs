//! The SIP address a carrier is told to dial.

use crate::form::encode_value;

/// Longest address before its headers, exclusive (Twilio's `<Sip>`).
pub const MAX_ADDRESS: usize = 255;

/// Longest header part, exclusive (Twilio error 21227).
pub const MAX_HEADERS: usize = 1024;

/// How the carrier reaches the SIP host. Always spelled out, because the defaults differ by carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// TCP: what LiveKit recommends, no loss of large INVITEs.
    #[default]
    Tcp,
    /// UDP: for phones on the same machine.
    Udp,
    /// TLS.
    Tls,
}

/// Why an address cannot be dialled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SipAddressError {
    /// [`MAX_ADDRESS`] or longer.
    #[error("the SIP address is {0} characters long, {MAX_ADDRESS} or more")]
    TooLong(usize),
    /// A character that would end the user or host part.
    #[error("the SIP user or host has a character that is not allowed")]
    BadCharacter,
    /// The host cannot lead to a LiveKit project.
    #[error("{0} is not the SIP host of a LiveKit project")]
    NotAProject(String),
}

/// `sip:<user>@<host>;transport=…?<headers>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipAddress<'a> {
    /// The room's name on the webhook's road.
    pub user: &'a str,
    /// Host, with a port if it has one.
    pub host: &'a str,
    /// How to reach it.
    pub transport: Transport,
    /// `x-…` headers in the order of their worth: the last are left out when they do not fit.
    pub headers: &'a [(&'static str, String)],
}

impl SipAddress<'_> {
    /// The address as it stands in `<Sip>`, before XML escaping.
    ///
    /// # Errors
    /// When user and host alone are too long or contain what would end them.
    pub fn render(&self) -> Result<String, SipAddressError> {
        let plain = |part: &str, extra: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
        };
        if !plain(self.user, "-_+.") || !plain(self.host, "-.:[]") {
            return Err(SipAddressError::BadCharacter);
        }
        let mut out = format!("sip:{}@{};transport={}", self.user, self.host, self.transport.name());
        if out.len() >= MAX_ADDRESS {
            return Err(SipAddressError::TooLong(out.len()));
        }
        out.push_str(&self.header_part());
        Ok(out)
    }

    fn header_part(&self) -> String {
        let mut part = String::new();
        for (name, value) in self.headers {
            let joint = if part.is_empty() { '?' } else { '&' };
            let header = format!("{joint}{name}={}", encode_value(value));
            if part.len() + header.len() >= MAX_HEADERS {
                break;
            }
            part.push_str(&header);
        }
        part
    }
}

impl Transport {
    /// The value of the URI parameter.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Tls => "tls",
        }
    }

    /// The transport called `name`, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Tcp, Self::Udp, Self::Tls].into_iter().find(|transport| transport.name() == name)
    }
}

/// Whether calls to `host` can reach a LiveKit project at all.
///
/// # Errors
/// For the bare `sip.livekit.cloud`, which names no project, and for Twilio's own termination side.
pub fn check_host(host: &str) -> Result<(), SipAddressError> {
    let name = host.split(':').next().unwrap_or(host).to_ascii_lowercase();
    if name.is_empty() || name == "sip.livekit.cloud" || name.ends_with(".pstn.twilio.com") {
        return Err(SipAddressError::NotAProject(host.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address<'a>(user: &'a str, host: &'a str, headers: &'a [(&'static str, String)]) -> SipAddress<'a> {
        SipAddress { user, host, transport: Transport::Tcp, headers }
    }

    #[test]
    fn headers_are_encoded_and_joined() {
        let headers = [("x-ringdown-call", "v3:a=".to_owned()), ("x-ringdown-to", "+1555".to_owned())];
        assert_eq!(
            address("call-CA1", "p.sip.livekit.cloud", &headers).render().unwrap(),
            "sip:call-CA1@p.sip.livekit.cloud;transport=tcp?x-ringdown-call=v3%3Aa%3D&x-ringdown-to=%2B1555"
        );
    }

    #[test]
    fn headers_that_do_not_fit_are_left_out_from_the_first_that_does_not() {
        let headers =
            [("x-a", "1".to_owned()), ("x-b", "b".repeat(2000)), ("x-c", "never before x-b".to_owned())];
        assert_eq!(address("u", "h", &headers).render().unwrap(), "sip:u@h;transport=tcp?x-a=1");
    }

    #[test]
    fn an_address_that_is_too_long_is_an_error() {
        let user = "c".repeat(300);
        assert!(matches!(address(&user, "h", &[]).render(), Err(SipAddressError::TooLong(_))));
    }

    #[test]
    fn a_user_part_cannot_smuggle_another_host() {
        for user in ["a@evil.example", "a;b", "a?x-h=1", "", "a b", "<a>"] {
            assert_eq!(address(user, "h", &[]).render(), Err(SipAddressError::BadCharacter), "{user}");
        }
    }

    #[test]
    fn hosts_that_name_no_project_are_refused() {
        for host in ["sip.livekit.cloud", "SIP.livekit.cloud:5060", "x.pstn.twilio.com", ""] {
            assert!(check_host(host).is_err(), "{host}");
        }
        for host in ["p.sip.livekit.cloud", "127.0.0.1:5060", "sip.example.com"] {
            assert!(check_host(host).is_ok(), "{host}");
        }
    }
}
