//! Where the sound of a recording is: Twilio and SignalWire hand it out under its own path, Telnyx answers with a link
//! that needs no proof and is good for ten minutes.

use serde::Deserialize;

use crate::rest::{Method, RestRequest};

/// Most characters of a link: the proof in it has some hundred.
const MAX_LINK: usize = 4096;

/// How a recording is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingRequest {
    /// The answer is the sound, as WAV.
    Sound(RestRequest),
    /// The answer says where the sound is; [`sound_at`] reads it.
    Link(RestRequest),
}

#[derive(Deserialize)]
struct Resource {
    status: Option<String>,
    media_url: Option<String>,
}

/// The request for the sound that a recording's description names; nothing while there is none, as when it is still
/// recorded. The link is followed without our credentials, and only as safely as it was asked for: by https, unless the
/// API itself is asked by http, as in tests.
pub fn sound_at(asked: &RestRequest, description: &[u8]) -> Option<RestRequest> {
    let resource: Resource = serde_json::from_slice(description).ok()?;
    let done = resource.status.is_none_or(|status| status == "completed");
    let safe = |url: &String| {
        let schemes: &[&str] =
            if asked.url.starts_with("http://") { &["https://", "http://"] } else { &["https://"] };
        url.len() <= MAX_LINK && schemes.iter().any(|scheme| url.starts_with(scheme))
    };
    let url = resource.media_url.filter(|url| done && safe(url))?;
    Some(RestRequest { method: Method::Get, url, authorization: None, body: None })
}

/// Whether a text is the id of a recording: `RE` and 32 hexadecimal digits at Twilio, a UUID at the others.
pub fn is_recording_id(id: &str) -> bool {
    let hex = |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit());
    let uuid = || {
        let parts: Vec<&str> = id.split('-').collect();
        parts.len() == 5 && parts.iter().zip([8, 4, 4, 4, 12]).all(|(part, length)| hex(part, length))
    };
    id.strip_prefix("RE").is_some_and(|digits| hex(digits, 32)) || uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base_url: &str, description: &str, expected: Option<&str>) {
        let url = format!("{base_url}/v2/texml/Accounts/f5/Recordings/x.json");
        let asked =
            RestRequest { method: Method::Get, url, authorization: Some("Bearer K".to_owned()), body: None };
        let found = sound_at(&asked, description.as_bytes());
        assert_eq!(found.as_ref().map(|request| request.url.as_str()), expected, "{description}");
        assert!(found.is_none_or(|request| request.authorization.is_none()));
    }

    #[test]
    fn a_link_is_followed_when_there_is_sound_and_never_less_safely() {
        let telnyx = |description: &str, expected: Option<&str>| {
            check("https://api.telnyx.com", description, expected)
        };
        let link = "https://s3.test/1.wav?X-Amz-Signature=1";
        let completed = format!(r#"{{"status":"completed","media_url":"{link}","duration":"12"}}"#);
        telnyx(&completed, Some(link));
        telnyx(&completed.replace("completed", "in-progress"), None);
        telnyx(r#"{"status":"completed"}"#, None);
        telnyx(r#"{"status":"completed","media_url":null}"#, None);
        telnyx(r#"{"media_url":"https://s3.test/1.wav"}"#, Some("https://s3.test/1.wav"));
        telnyx(r#"{"media_url":"http://s3.test/1.wav"}"#, None);
        telnyx(r#"{"media_url":"file:///etc/passwd"}"#, None);
        telnyx("<html>", None);
        telnyx(&format!(r#"{{"media_url":"https://h/{}"}}"#, "x".repeat(MAX_LINK)), None);
        check(
            "http://127.0.0.1:1",
            r#"{"media_url":"http://127.0.0.1:1/1.wav"}"#,
            Some("http://127.0.0.1:1/1.wav"),
        );
    }

    #[test]
    fn ids_of_recordings_are_known() {
        let check = |id: &str, fine| assert_eq!(is_recording_id(id), fine, "{id}");
        check("RE0123456789abcdef0123456789abcdef", true);
        check("35094891-3290-4142-b2c2-b2eda57534cf", true);
        check("RE0123456789abcdef0123456789abcde", false);
        check("35094891-3290-4142-b2c2-b2eda57534c/", false);
        check("filename", false);
        check("", false);
    }

    #[test]
    fn a_link_does_not_show_its_proof() {
        let url = "https://s3.test/1.wav?X-Amz-Signature=hush".to_owned();
        let request = RestRequest { method: Method::Get, url, authorization: None, body: None };
        assert!(!format!("{request:?}").contains("hush"));
    }
}
