//! The order of descriptions and candidates between the server and our two peer connections. Pure.
//!
//! ```text
//!  publisher:   Offered ── answer without a UDP candidate ──▶ Holding ── candidate, or enough waited ──▶ Settled
//!                  └────── answer, candidate known ─────────────────────────────────────────────────────▶┘
//!  subscriber:  Idle ── offer ──▶ Answering (further offers wait) ── our answer is ready ──▶ Idle
//! ```

use std::collections::{HashMap, VecDeque};

use crate::sdp;

/// Offers of the server that may wait; each holds the whole state, but every id wants its answer.
const MAX_WAITING_OFFERS: usize = 32;
/// Candidates kept per connection until its description is there; a server has a handful.
const MAX_EARLY_CANDIDATES: usize = 32;

/// One of the two peer connections of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// Ours to offer: what we send.
    Publisher,
    /// The server's to offer: what we hear.
    Subscriber,
}

/// A description by the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Description {
    pub(crate) id: u32,
    pub(crate) sdp: String,
    pub(crate) mid_to_track: HashMap<String, String>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// The server's offer for the subscriber connection.
    Offer(Description),
    /// The server's answer to our publisher offer.
    Answer(Description),
    /// A candidate of the server, `candidate:…`.
    Candidate(Role, String),
    /// Our answer to the offer of this id was made.
    Answered { id: u32, sdp: String },
    /// The offer of this id could not be used.
    OfferFailed { id: u32 },
    /// [`Output::HoldAnswer`] was long enough ago.
    HeldLongEnough,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    /// Say [`Input::HeldLongEnough`] after the hold time.
    HoldAnswer,
    /// Give the answer to the publisher connection.
    ApplyAnswer { sdp: String },
    /// Give the offer to the subscriber connection, which then makes an answer.
    ApplyOffer { id: u32, sdp: String },
    /// Send our answer to the server.
    SendAnswer { id: u32, sdp: String },
    /// Give a candidate to a connection.
    AddCandidate(Role, String),
    /// Track sid → mid of everything the server sends from now on.
    Tracks(HashMap<String, String>),
}

#[derive(Debug, Default)]
enum Publisher {
    #[default]
    Offered,
    Holding(Description),
    Settled,
}

/// The state of one session's negotiation.
#[derive(Debug, Default)]
pub(crate) struct Negotiation {
    publisher: Publisher,
    /// Id of the offer our subscriber connection is answering.
    answering: Option<u32>,
    waiting: VecDeque<Description>,
    subscriber_described: bool,
    early: Vec<(Role, String)>,
    outputs: VecDeque<Output>,
}

impl Negotiation {
    /// Takes what happened; read [`Negotiation::poll`] until it gives nothing.
    pub(crate) fn handle(&mut self, input: Input) {
        match input {
            Input::Offer(offer) => self.offer(offer),
            Input::Answer(answer) => self.answer(answer),
            Input::Candidate(role, candidate) => self.candidate(role, candidate),
            Input::Answered { id, sdp } => self.answered(id, Some(sdp)),
            Input::OfferFailed { id } => self.answered(id, None),
            Input::HeldLongEnough => self.release_answer(),
        }
    }

    /// The next thing to do.
    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn offer(&mut self, offer: Description) {
        if self.answering.is_some() {
            if self.waiting.len() < MAX_WAITING_OFFERS {
                self.waiting.push_back(offer);
            }
            return;
        }
        self.answering = Some(offer.id);
        self.outputs.push_back(Output::Tracks(tracks(&offer)));
        let sdp = self.describe(Role::Subscriber, offer.sdp);
        self.subscriber_described = true;
        self.outputs.push_back(Output::ApplyOffer { id: offer.id, sdp });
    }

    fn answered(&mut self, id: u32, sdp: Option<String>) {
        if self.answering != Some(id) {
            return;
        }
        self.answering = None;
        self.outputs.extend(sdp.map(|sdp| Output::SendAnswer { id, sdp }));
        if let Some(next) = self.waiting.pop_front() {
            self.offer(next);
        }
    }

    fn answer(&mut self, answer: Description) {
        if !matches!(self.publisher, Publisher::Offered) {
            return;
        }
        self.publisher = Publisher::Holding(answer);
        if self.early.iter().any(|(role, _)| *role == Role::Publisher) {
            self.release_answer();
        } else {
            self.outputs.push_back(Output::HoldAnswer);
        }
    }

    fn release_answer(&mut self) {
        if !matches!(self.publisher, Publisher::Holding(_)) {
            return;
        }
        let Publisher::Holding(answer) = std::mem::replace(&mut self.publisher, Publisher::Settled) else {
            return;
        };
        let sdp = self.describe(Role::Publisher, answer.sdp);
        self.outputs.push_back(Output::ApplyAnswer { sdp });
    }

    fn candidate(&mut self, role: Role, candidate: String) {
        if !sdp::is_udp(&candidate) {
            return;
        }
        let described = match role {
            Role::Publisher => matches!(self.publisher, Publisher::Settled),
            Role::Subscriber => self.subscriber_described,
        };
        if described {
            self.outputs.push_back(Output::AddCandidate(role, candidate));
            return;
        }
        if self.early.len() < MAX_EARLY_CANDIDATES {
            self.early.push((role, candidate));
        }
        if role == Role::Publisher && matches!(self.publisher, Publisher::Holding(_)) {
            self.release_answer();
        }
    }

    /// The description with the candidates that came before it.
    fn describe(&mut self, role: Role, sdp: String) -> String {
        let (now, later) = std::mem::take(&mut self.early).into_iter().partition(|(of, _)| *of == role);
        self.early = later;
        let now: Vec<(Role, String)> = now;
        sdp::with_candidates(&sdp, now.iter().map(|(_, candidate)| candidate.as_str()))
    }
}

/// Track sid → mid: what the server says, else what its description shows (the map leaves out tracks
/// that could not be bound yet).
fn tracks(offer: &Description) -> HashMap<String, String> {
    let sending = sdp::audio_sections(&offer.sdp).into_iter().filter(|section| section.sends);
    let named = sending.filter_map(|section| {
        let track = offer.mid_to_track.get(&section.mid).cloned().or(section.track)?;
        Some((track, section.mid))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::{Description, Input, Negotiation, Output, Role};

    const UDP: &str = "candidate:1 1 udp 1 127.0.0.1 7882 typ host";
    const TCP: &str = "candidate:2 1 tcp 1 127.0.0.1 7881 typ host tcptype passive";
    const SDP: &str = "v=0\r\nm=application 9\r\na=ice-ufrag:u\r\n";

    fn description(id: u32) -> Description {
        Description { id, sdp: SDP.into(), ..Description::default() }
    }

    /// Inputs in, a line per output out.
    fn check(inputs: Vec<Input>, expected: &[&str]) {
        let mut negotiation = Negotiation::default();
        let mut seen = Vec::new();
        for input in inputs {
            negotiation.handle(input);
            while let Some(output) = negotiation.poll() {
                seen.push(line(&output));
            }
        }
        assert_eq!(seen, expected);
    }

    fn line(output: &Output) -> String {
        let with = |sdp: &str| sdp.matches("a=candidate").count();
        match output {
            Output::HoldAnswer => "hold".into(),
            Output::ApplyAnswer { sdp } => format!("apply answer, {} candidates", with(sdp)),
            Output::ApplyOffer { id, sdp } => format!("apply offer {id}, {} candidates", with(sdp)),
            Output::SendAnswer { id, .. } => format!("send answer {id}"),
            Output::AddCandidate(role, _) => format!("candidate {role:?}"),
            Output::Tracks(tracks) => {
                let mut tracks: Vec<_> = tracks.iter().map(|(track, mid)| format!("{track}@{mid}")).collect();
                tracks.sort();
                format!("tracks [{}]", tracks.join(" "))
            }
        }
    }

    #[test]
    fn an_answer_waits_for_a_udp_candidate() {
        check(
            vec![
                Input::Answer(description(1)),
                Input::Candidate(Role::Publisher, TCP.into()),
                Input::Candidate(Role::Publisher, UDP.into()),
                Input::Candidate(Role::Publisher, UDP.into()),
                Input::HeldLongEnough,
            ],
            &["hold", "apply answer, 1 candidates", "candidate Publisher"],
        );
    }

    #[test]
    fn an_answer_after_its_candidate_is_applied_at_once() {
        check(
            vec![Input::Candidate(Role::Publisher, UDP.into()), Input::Answer(description(1))],
            &["apply answer, 1 candidates"],
        );
    }

    #[test]
    fn an_answer_is_not_held_for_ever_and_not_taken_twice() {
        check(
            vec![
                Input::HeldLongEnough,
                Input::Answer(description(1)),
                Input::HeldLongEnough,
                Input::HeldLongEnough,
                Input::Answer(description(1)),
            ],
            &["hold", "apply answer, 0 candidates"],
        );
    }

    #[test]
    fn offers_are_answered_one_at_a_time_in_order() {
        check(
            vec![
                Input::Offer(description(1)),
                Input::Candidate(Role::Subscriber, UDP.into()),
                Input::Offer(description(2)),
                Input::Offer(description(3)),
                Input::Answered { id: 7, sdp: SDP.into() },
                Input::Answered { id: 1, sdp: SDP.into() },
                Input::OfferFailed { id: 2 },
                Input::Answered { id: 3, sdp: SDP.into() },
            ],
            &[
                "tracks []",
                "apply offer 1, 0 candidates",
                "candidate Subscriber",
                "send answer 1",
                "tracks []",
                "apply offer 2, 0 candidates",
                "tracks []",
                "apply offer 3, 0 candidates",
                "send answer 3",
            ],
        );
    }

    #[test]
    fn tracks_come_from_the_map_and_else_from_the_description() {
        let audio = |mid: u32, track: &str, way: &str| {
            format!(
                "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:{mid}\r\na=msid:PA|{track} {track}\r\na={way}\r\n"
            )
        };
        let sdp = format!(
            "{SDP}{}{}{}",
            audio(1, "TR_old", "sendrecv"),
            audio(2, "TR_b", "sendonly"),
            audio(3, "TR_c", "recvonly")
        );
        let mid_to_track = [("1".to_owned(), "TR_a".to_owned())].into();
        check(
            vec![Input::Offer(Description { id: 4, sdp, mid_to_track })],
            &["tracks [TR_a@1 TR_b@2]", "apply offer 4, 0 candidates"],
        );
    }
}
