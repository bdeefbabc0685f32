//! Which spellings of our public URL a carrier may have signed.
//!
//! String surgery only: any URL type would lower-case the host, drop ports or re-encode, and the MAC would
//! no longer match. Extra candidates are harmless, each one has to carry a valid MAC.

/// A URL taken apart without changing a byte of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parts<'a> {
    scheme: &'a str,
    /// With the closing `@`, or empty.
    userinfo: &'a str,
    host: &'a str,
    port: Option<&'a str>,
    /// Path and query.
    rest: &'a str,
}

/// Which carrier's inconsistencies to allow for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variants {
    /// A webhook of Twilio: with and without user info, without a port, with the default and the given one.
    Twilio,
    /// A WebSocket upgrade of Twilio: also `wss` and `https`, also with a `/` appended.
    TwilioUpgrade,
    /// SignalWire adds or removes only the default port and drops the user info.
    SignalWire,
}

/// Every spelling of `url` that may have been signed; empty when `url` is no absolute URL.
pub(crate) fn candidates(url: &str, variants: Variants) -> Vec<String> {
    let Some(parts) = Parts::split(url) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for scheme in schemes(parts.scheme, variants) {
        for userinfo in userinfos(parts.userinfo) {
            for port in ports(scheme, parts.port, variants) {
                for rest in rests(parts.rest, variants) {
                    let candidate = format!("{scheme}://{userinfo}{}{port}{rest}", parts.host);
                    if !out.contains(&candidate) {
                        out.push(candidate);
                    }
                }
            }
        }
    }
    out
}

impl<'a> Parts<'a> {
    fn split(url: &'a str) -> Option<Self> {
        let url = url.split('#').next().unwrap_or(url);
        let (scheme, tail) = url.split_once("://")?;
        let authority_end = tail.find(['/', '?']).unwrap_or(tail.len());
        let (authority, rest) = tail.split_at(authority_end);
        let host_start = authority.rfind('@').map_or(0, |at| at + 1);
        let (userinfo, host_port) = authority.split_at(host_start);
        let (host, port) = split_port(host_port);
        Some(Self { scheme, userinfo, host, port, rest })
    }
}

fn split_port(host_port: &str) -> (&str, Option<&str>) {
    let after_brackets = host_port.rfind(']').unwrap_or(0);
    match host_port[after_brackets..].rfind(':') {
        Some(colon) => {
            let colon = after_brackets + colon;
            (&host_port[..colon], Some(&host_port[colon + 1..]))
        }
        None => (host_port, None),
    }
}

fn schemes(scheme: &str, variants: Variants) -> Vec<&str> {
    match variants {
        Variants::TwilioUpgrade => {
            let mut all = vec![scheme];
            all.extend(["wss", "https"].into_iter().filter(|other| *other != scheme));
            all
        }
        Variants::Twilio | Variants::SignalWire => vec![scheme],
    }
}

fn userinfos(userinfo: &str) -> Vec<&str> {
    if userinfo.is_empty() { vec![""] } else { vec![userinfo, ""] }
}

fn ports(scheme: &str, given: Option<&str>, variants: Variants) -> Vec<String> {
    let default = default_port(scheme);
    let given_text = given.map(|port| format!(":{port}"));
    match variants {
        Variants::Twilio | Variants::TwilioUpgrade => {
            [String::new(), format!(":{default}")].into_iter().chain(given_text).collect()
        }
        Variants::SignalWire => match given_text {
            Some(port) if given != Some(default) => vec![port],
            _ => vec![String::new(), format!(":{default}")],
        },
    }
}

fn default_port(scheme: &str) -> &'static str {
    if scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("wss") { "443" } else { "80" }
}

fn rests(rest: &str, variants: Variants) -> Vec<String> {
    let mut all = vec![rest.to_owned()];
    if let Some((path, query)) = rest.split_once('?')
        && query.contains('\'')
    {
        all.push(format!("{path}?{}", query.replace('\'', "%27")));
    }
    if variants == Variants::TwilioUpgrade && !rest.contains('?') && !rest.ends_with('/') {
        all.push(format!("{rest}/"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, variants: Variants, expected: &[&str]) {
        assert_eq!(candidates(url, variants), expected);
    }

    #[test]
    fn a_plain_url_is_tried_with_and_without_the_default_port() {
        check("https://h/p?q=1", Variants::Twilio, &["https://h/p?q=1", "https://h:443/p?q=1"]);
        check("http://h", Variants::Twilio, &["http://h", "http://h:80"]);
    }

    #[test]
    fn fragments_never_enter() {
        check("https://h/p#rc=2&rp=ct", Variants::Twilio, &["https://h/p", "https://h:443/p"]);
    }

    #[test]
    fn ipv6_hosts_keep_their_brackets() {
        check(
            "https://[2001:db8::1]:8443/p",
            Variants::Twilio,
            &["https://[2001:db8::1]/p", "https://[2001:db8::1]:443/p", "https://[2001:db8::1]:8443/p"],
        );
        check("https://[::1]/", Variants::Twilio, &["https://[::1]/", "https://[::1]:443/"]);
    }

    #[test]
    fn user_info_ends_at_the_last_at_sign() {
        let all = candidates("https://a@b:c@h:443/x@y", Variants::Twilio);
        assert!(all.contains(&"https://a@b:c@h/x@y".to_owned()));
        assert!(all.contains(&"https://h/x@y".to_owned()));
    }

    #[test]
    fn upgrades_are_tried_as_wss_and_https_and_with_a_trailing_slash() {
        let all = candidates("https://h/s", Variants::TwilioUpgrade);
        for expected in ["https://h/s", "wss://h/s", "wss://h/s/", "wss://h:443/s/", "https://h:443/s"] {
            assert!(all.contains(&expected.to_owned()), "{expected} missing in {all:?}");
        }
    }

    #[test]
    fn signalwire_keeps_a_port_of_its_own() {
        check("https://h:8443/p", Variants::SignalWire, &["https://h:8443/p"]);
        check("https://h:443/p", Variants::SignalWire, &["https://h/p", "https://h:443/p"]);
    }

    #[test]
    fn no_absolute_url_has_no_candidates() {
        check("/incoming-call", Variants::Twilio, &[]);
    }
}
