//! The little that is read from, and written into, the server's session descriptions as text.

/// One audio section of a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AudioSection {
    /// `a=mid`.
    pub(crate) mid: String,
    /// Track part of `a=msid`; LiveKit puts the track's sid there.
    pub(crate) track: Option<String>,
    /// Whether the describing side sends (`sendonly`, `sendrecv`, or nothing: RFC 8866, section 6.7).
    pub(crate) sends: bool,
}

/// The audio sections that carry a mid and are not rejected (port 0).
pub(crate) fn audio_sections(sdp: &str) -> Vec<AudioSection> {
    // What stands before the first `m=` belongs to the session.
    sdp.split("\nm=").skip(1).filter_map(audio_section).collect()
}

fn audio_section(section: &str) -> Option<AudioSection> {
    let mut lines = section.lines();
    let mut media = lines.next()?.split(' ');
    if media.next() != Some("audio") || media.next() == Some("0") {
        return None;
    }
    let (mut mid, mut track, mut sends) = (None, None, true);
    // The end of the last line went with the split.
    for line in lines.map(|line| line.trim_end_matches('\r')) {
        if let Some(value) = line.strip_prefix("a=mid:") {
            mid = Some(value.to_owned());
        } else if let Some(value) = line.strip_prefix("a=msid:") {
            track = value.split(' ').nth(1).map(str::to_owned);
        } else if matches!(line, "a=recvonly" | "a=inactive") {
            sends = false;
        }
    }
    Some(AudioSection { mid: mid?, track, sends })
}

/// The description with ICE candidates (`candidate:…`, as trickled) put where str0m reads them: it
/// looks for remote candidates every 50 ms only, so those that come with the description save a wait.
pub(crate) fn with_candidates<'a>(sdp: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    let Some(at) = sdp.find("a=ice-ufrag:") else { return sdp.to_owned() };
    let mut out = sdp[..at].to_owned();
    for candidate in candidates {
        out.push_str("a=");
        out.push_str(candidate);
        out.push_str("\r\n");
    }
    out.push_str(&sdp[at..]);
    out
}

/// Whether a candidate is for UDP: the only transport this client has.
pub(crate) fn is_udp(candidate: &str) -> bool {
    // candidate:<foundation> <component> <transport> … (RFC 8839, section 5.1)
    candidate.split(' ').nth(2).is_some_and(|transport| transport.eq_ignore_ascii_case("udp"))
}

#[cfg(test)]
mod tests {
    use super::{AudioSection, audio_sections, is_udp, with_candidates};

    const OFFER: &str = "v=0\r\na=fingerprint:sha-256 00\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n\
        a=ice-ufrag:u\r\na=mid:0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=msid:PA_x|TR_a TR_a\r\na=sendrecv\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:2\r\na=recvonly\r\nm=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=mid:3\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:4\r\na=msid:PA_x TR_v\r\n";

    #[test]
    fn tracks_are_found_by_their_sections_and_direction() {
        let section = |mid: &str, track: Option<&str>, sends| AudioSection {
            mid: mid.into(),
            track: track.map(Into::into),
            sends,
        };
        assert_eq!(audio_sections(OFFER), [section("1", Some("TR_a"), true), section("2", None, false)]);
        assert_eq!(audio_sections("garbage"), []);
    }

    #[test]
    fn candidates_come_before_the_first_credentials() {
        let sdp = with_candidates(OFFER, ["candidate:1 1 udp 1 10.0.0.1 7882 typ host"].into_iter());
        assert!(
            sdp.contains("\r\na=candidate:1 1 udp 1 10.0.0.1 7882 typ host\r\na=ice-ufrag:u\r\n"),
            "{sdp}"
        );
        assert_eq!(with_candidates("garbage", std::iter::empty()), "garbage");
    }

    #[test]
    fn only_udp_candidates_are_used() {
        assert!(is_udp("candidate:1 1 udp 2130706431 127.0.0.1 7882 typ host"));
        assert!(is_udp("candidate:1 1 UDP 2130706431 127.0.0.1 7882 typ host"));
        assert!(!is_udp("candidate:1 1 tcp 1671430143 127.0.0.1 7881 typ host tcptype passive"));
        assert!(!is_udp(""));
    }
}
