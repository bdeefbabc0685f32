//! One session in the room: from a join until its connection is lost or the call is over.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use line::{LineCommand, LineEnd, LineEvent};
use tokio::time::{Instant, sleep_until};

use crate::call::{Action, News};
use crate::call_state::CallState;
use crate::connection::Connection;
use crate::ending::{Ending, call_hook, hang_up};
use crate::inbox::on_data;
use crate::media::MediaCall;
use crate::negotiation::{Input, Negotiation, Output, Role};
use crate::options::Codec;
use crate::packet;
use crate::participant::Roster;
use crate::signalling::{JoinError, Joined, LeaveReason, Signal, Signalling};

/// Name of our stream and track.
const STREAM: &str = "agent";
/// Id of the only offer we ever make in a session.
const OFFER_ID: u32 = 1;
/// How long an answer waits for a UDP candidate. The candidates follow within a few milliseconds;
/// str0m would find a late one 50 ms later.
const HOLD_ANSWER: Duration = Duration::from_millis(100);
/// A server that ends the session closes the connections too, and its reason may come after: this long
/// it is waited for.
const AWAIT_REASON: Duration = Duration::from_millis(250);
/// A telephone that is answered subscribes to our track within 0.2 s; a server that does not tell of it is
/// not waited for longer than this.
const HEARD_WITHIN: Duration = Duration::from_millis(500);
/// How a session ended.
#[derive(Debug)]
pub(crate) enum SessionEnd {
    /// The call is over.
    Over(LineEnd),
    /// The call may go on over another connection.
    Lost(String),
}

/// Whether a session goes on.
pub(crate) type Step = ControlFlow<SessionEnd>;

/// Where and how to join.
pub(crate) struct Target<'a> {
    pub(crate) url: &'a str,
    pub(crate) address: IpAddr,
    pub(crate) codec: Codec,
    pub(crate) within: Duration,
    /// Number of the session.
    pub(crate) session: u32,
}

/// A joined session.
pub(crate) struct Session {
    signalling: Signalling,
    negotiation: Negotiation,
    roster: Roster,
    room_sid: String,
    cid: String,
    track_sid: Option<String>,
    tracks: HashMap<String, String>,
    listening_to: Option<String>,
    publisher_up: bool,
    /// Somebody subscribes to our track.
    heard: bool,
    /// When it counts as heard in any case.
    heard_by: Option<Instant>,
    established: bool,
    established_by: Instant,
    release_answer_at: Option<Instant>,
    /// A connection is down, and why; when the session is given up for it.
    down: Option<(Instant, String)>,
}

impl Session {
    /// Joins and publishes.
    pub(crate) async fn join(
        target: &Target<'_>,
        token: &str,
        call: &MediaCall,
        attributes: &BTreeMap<String, String>,
    ) -> Result<Self, JoinError> {
        let established_by = Instant::now() + target.within;
        let cid = format!("a{:016x}", rand::random::<u64>());
        let transient = |error: std::io::Error| JoinError::Transient(error.to_string());
        let (publisher, offer) =
            Connection::publisher(target.address, target.session, target.codec, STREAM, &cid)
                .map_err(transient)?;
        let subscriber = Connection::subscriber(target.address, target.session).map_err(transient)?;
        let (signalling, joined) = Signalling::join(target.url, token, target.within).await?;
        signalling.add_audio_track(&cid, STREAM).await;
        signalling.offer(OFFER_ID, offer).await;
        call.act(Action::Attach(Box::new(publisher))).await;
        call.act(Action::Attach(Box::new(subscriber))).await;
        if !attributes.is_empty() {
            signalling.set_attributes(attributes).await;
        }
        let Joined { room_sid, me, others } = joined;
        Ok(Self {
            signalling,
            negotiation: Negotiation::default(),
            roster: Roster::new(me, others),
            room_sid,
            cid,
            track_sid: None,
            tracks: HashMap::new(),
            listening_to: None,
            publisher_up: false,
            heard: false,
            heard_by: None,
            established: false,
            established_by,
            release_answer_at: None,
            down: None,
        })
    }

    /// Runs until the end of the session, and says goodbye where somebody is left to hear it.
    pub(crate) async fn run(mut self, state: &mut CallState) -> SessionEnd {
        let mut step = self.check_duplicate();
        if step.is_continue() {
            step = self.look_for_caller(state).await;
        }
        while step.is_continue()
            && let Some(command) = state.deferred.pop_front()
        {
            step = self.on_command(Some(command), state).await;
        }
        let end = loop {
            if let ControlFlow::Break(end) = step {
                break end;
            }
            step = self.next_step(state).await;
        };
        match &end {
            SessionEnd::Over(_) => self.signalling.leave().await,
            // Nobody waits for a socket that is gone.
            SessionEnd::Lost(_) => drop(tokio::spawn(self.signalling.close())),
        }
        end
    }

    /// Leaves at once.
    pub(crate) async fn leave(self) {
        self.signalling.leave().await;
    }

    async fn next_step(&mut self, state: &mut CallState) -> Step {
        let timer = self.next_timer(state.ending);
        tokio::select! {
            signal = self.signalling.next() => self.on_signal(signal, state).await,
            news = state.call.news.recv(), if state.outbox.has_room() => match news {
                Some((_, News::Panicked)) | None => over(LineEnd::ConnectionLost),
                Some((session, news)) if session == state.session => self.on_news(news, state).await,
                // Of a session that is over.
                Some(_) => Step::Continue(()),
            },
            command = state.commands.recv() => self.on_command(command, state).await,
            () = state.outbox.flush(), if !state.outbox.is_empty() => Step::Continue(()),
            () = sleep_until(timer.unwrap_or_else(Instant::now)), if timer.is_some() => self.on_timer(state).await,
        }
    }

    fn next_timer(&self, ending: Ending) -> Option<Instant> {
        let ending = match ending {
            Ending::Not => None,
            Ending::AskedTelephone(at) | Ending::CalledHook(at) => Some(at),
        };
        let established_by = (!self.established).then_some(self.established_by);
        let down = self.down.as_ref().map(|down| down.0);
        [self.release_answer_at, established_by, ending, down, self.heard_by].into_iter().flatten().min()
    }

    async fn on_timer(&mut self, state: &mut CallState) -> Step {
        let now = Instant::now();
        if self.release_answer_at.is_some_and(|at| at <= now) {
            self.release_answer_at = None;
            self.negotiate(Input::HeldLongEnough, state).await;
        }
        match state.ending {
            Ending::AskedTelephone(at) if at <= now => return call_hook(state),
            Ending::CalledHook(at) if at <= now => return over(LineEnd::WeLeft),
            _ => {}
        }
        if let Some((_, reason)) = self.down.take_if(|down| down.0 <= now) {
            return lost(&reason);
        }
        if !self.established && self.established_by <= now {
            return lost("no media connection in time");
        }
        if self.heard_by.is_some_and(|at| at <= now) {
            tracing::warn!("the server does not say that the caller hears us");
            self.heard = true;
            return self.look_for_caller(state).await;
        }
        Step::Continue(())
    }

    async fn on_signal(&mut self, signal: Signal, state: &mut CallState) -> Step {
        match signal {
            Signal::Offer(offer) => self.negotiate(Input::Offer(offer), state).await,
            Signal::Answer(answer) => self.negotiate(Input::Answer(answer), state).await,
            Signal::Candidate(role, candidate) => {
                self.negotiate(Input::Candidate(role, candidate), state).await
            }
            Signal::Published { cid, sid } => self.on_published(&cid, sid, state),
            Signal::Participants(participants) => {
                participants.into_iter().for_each(|participant| self.roster.update(participant));
                if let ControlFlow::Break(end) = self.check_duplicate() {
                    return Step::Break(end);
                }
            }
            Signal::Mute { sid, muted } if Some(&sid) == self.track_sid.as_ref() => {
                tracing::info!(muted, "our track was muted, or the mute was taken back");
                state.call.act(Action::Mute(muted)).await;
                self.signalling.mute(sid, muted).await;
            }
            Signal::Mute { .. } => {}
            Signal::Heard { sid } => self.heard |= Some(&sid) == self.track_sid.as_ref(),
            Signal::Unpublished { sid } if Some(&sid) == self.track_sid.as_ref() => {
                return lost("our track was taken out of the room");
            }
            Signal::Unpublished { .. } => {}
            Signal::Refused { reason } => tracing::warn!(%reason, "the server refused a request"),
            Signal::Malformed { reason } => state.complain(&reason),
            Signal::Token(token) => state.token = token,
            Signal::Leave { reason, may_return } => return on_leave(reason, may_return, state.ending),
            Signal::Closed(reason) => return lost(&reason),
        }
        self.look_for_caller(state).await
    }

    async fn on_news(&mut self, news: News, state: &mut CallState) -> Step {
        match news {
            News::Answer { offer_id, sdp } => {
                self.negotiate(Input::Answered { id: offer_id, sdp }, state).await
            }
            News::OfferFailed { offer_id, reason } => {
                state.complain(&reason);
                self.negotiate(Input::OfferFailed { id: offer_id }, state).await
            }
            News::Up(Role::Publisher) => {
                self.publisher_up = true;
                self.check_established(state);
            }
            News::Up(Role::Subscriber) | News::ChannelOpen => {}
            News::Down(role, reason) => {
                let reason = format!("{role:?} connection: {reason}");
                self.down.get_or_insert((Instant::now() + AWAIT_REASON, reason));
            }
            News::Data(bytes) => on_data(&bytes, &self.roster, state),
            News::Panicked => {}
        }
        Step::Continue(())
    }

    async fn on_command(&mut self, command: Option<LineCommand>, state: &mut CallState) -> Step {
        match command {
            Some(LineCommand::SendDtmf(digit)) => send(packet::dtmf(digit), true, &state.call).await,
            Some(LineCommand::SendData { topic, payload, reliable }) => {
                send(packet::message(topic, payload), reliable, &state.call).await;
            }
            Some(LineCommand::SetAttributes(attributes)) => {
                self.signalling.set_attributes(&attributes).await;
                state.attributes.extend(attributes);
            }
            Some(LineCommand::HangUp) => return hang_up(state).await,
            Some(LineCommand::Leave) | None => return over(LineEnd::WeLeft),
        }
        Step::Continue(())
    }

    fn on_published(&mut self, cid: &str, sid: String, state: &mut CallState) {
        if cid != self.cid {
            return;
        }
        self.track_sid = Some(sid);
        // A caller rings until then, so it is told before our media is up.
        if !std::mem::replace(&mut state.published, true) {
            state.outbox.push(LineEvent::Published);
        }
        self.check_established(state);
    }

    fn check_established(&mut self, state: &mut CallState) {
        if self.established || !self.publisher_up || self.track_sid.is_none() {
            return;
        }
        self.established = true;
        state.room_sid = Some(self.room_sid.clone());
        state.established += 1;
        if state.established > 1 {
            state.outbox.push(LineEvent::Restored);
        }
    }

    async fn negotiate(&mut self, input: Input, state: &mut CallState) {
        self.negotiation.handle(input);
        while let Some(output) = self.negotiation.poll() {
            match output {
                Output::HoldAnswer => self.release_answer_at = Some(Instant::now() + HOLD_ANSWER),
                Output::ApplyAnswer { sdp } => {
                    self.release_answer_at = None;
                    state.call.act(Action::ApplyAnswer { sdp }).await;
                }
                Output::Tracks(tracks) => {
                    self.tracks = tracks;
                    self.listen(state).await;
                }
                Output::ApplyOffer { id, sdp } => state.call.act(Action::ApplyOffer { id, sdp }).await,
                Output::SendAnswer { id, sdp } => self.signalling.answer(id, sdp).await,
                Output::AddCandidate(role, candidate) => {
                    state.call.act(Action::AddCandidate(role, candidate)).await;
                }
            }
        }
    }

    fn check_duplicate(&self) -> Step {
        if self.roster.has_elder_agent() { over(LineEnd::Duplicate) } else { Step::Continue(()) }
    }

    /// Tells what changed about the caller, and listens to their newest track.
    async fn look_for_caller(&mut self, state: &mut CallState) -> Step {
        self.listen(state).await;
        let observed = state.watch.observe(&self.roster, self.listening_to.is_some(), self.heard);
        self.heard_by =
            observed.unheard.then(|| self.heard_by.unwrap_or_else(|| Instant::now() + HEARD_WITHIN));
        // Who comes with this observation may have brought a track.
        self.listen(state).await;
        observed.events.into_iter().for_each(|event| state.outbox.push(event));
        if !observed.gone {
            return Step::Continue(());
        }
        let same_room = state.room_sid.as_ref().is_none_or(|sid| *sid == self.room_sid);
        match state.ending {
            Ending::Not if same_room => over(LineEnd::CallerLeft),
            Ending::Not => over(LineEnd::ConnectionLost),
            _ => over(LineEnd::WeLeft),
        }
    }

    async fn listen(&mut self, state: &mut CallState) {
        let caller = state.watch.caller().and_then(|caller| self.roster.by_identity(&caller.identity));
        // The newest track is the last one: after a quick unpublish and publish both may be listed.
        let track = caller
            .and_then(|caller| caller.audio_tracks.iter().rev().find(|sid| self.tracks.contains_key(*sid)));
        if track == self.listening_to.as_ref() {
            return;
        }
        self.listening_to = track.cloned();
        state.stream += 1;
        let mid = track.and_then(|sid| self.tracks.get(sid)).cloned();
        state.call.act(Action::Listen { mid, stream: state.stream }).await;
    }
}

pub(crate) fn over(end: LineEnd) -> Step {
    Step::Break(SessionEnd::Over(end))
}

fn lost(reason: &str) -> Step {
    Step::Break(SessionEnd::Lost(reason.to_owned()))
}

fn on_leave(reason: LeaveReason, may_return: bool, ending: Ending) -> Step {
    match reason {
        _ if ending != Ending::Not => over(LineEnd::WeLeft),
        LeaveReason::DuplicateIdentity => over(LineEnd::Duplicate),
        LeaveReason::Removed if !may_return => over(LineEnd::Removed),
        LeaveReason::Removed | LeaveReason::Trouble => lost("the server closed the session"),
    }
}

pub(crate) async fn send(bytes: Vec<u8>, reliable: bool, call: &MediaCall) {
    call.act(Action::Send { bytes, reliable }).await;
}
