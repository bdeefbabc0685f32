//! A seat in a room without audio: what the server sends there is here within milliseconds.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use line::{Frame, Source, Station};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::{Instant, sleep, timeout_at};

use crate::call::{Action, News};
use crate::connection::Connection;
use crate::media::{Media, MediaCall};
use crate::negotiation::{Input, Negotiation, Output};
use crate::options::Codec;
use crate::packet::{self, Content};
use crate::room::{local_address, spread};
use crate::signalling::{JoinError, Signal, Signalling};

/// Messages that may wait; newer ones are dropped, since a message that waits is too late.
const EVENT_BOUND: usize = 64;
/// One attempt to join, until data can arrive.
const SEATED_WITHIN: Duration = Duration::from_secs(5);
/// Pauses between attempts: doubled each time up to the longest, and spread over the containers.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How to get to a lobby.
pub struct LobbyOptions {
    /// Address of livekit-server, `ws://` or `wss://`.
    pub url: String,
    /// Makes an access token; asked for a fresh one at each attempt.
    pub token: Box<dyn Fn() -> String + Send + Sync>,
    /// Messages of other topics are ignored.
    pub topic: String,
}

impl fmt::Debug for LobbyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LobbyOptions")
            .field("url", &self.url)
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

/// What happens in a lobby.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LobbyEvent {
    /// Messages arrive from now on.
    Seated,
    /// They do not any more; the seat is taken again as soon as it can be had.
    Lost,
    /// A message of our topic by the server itself. What participants send is ignored.
    Message(Vec<u8>),
}

/// A seat, kept until it is dropped, however often the connection is lost.
#[derive(Debug)]
pub struct Lobby {
    /// What happens. Facts are never dropped; messages are when 64 wait.
    pub events: mpsc::Receiver<LobbyEvent>,
}

impl Lobby {
    /// Takes a seat in the background; inside a tokio runtime.
    #[must_use]
    pub fn sit(media: &Media, options: LobbyOptions) -> Self {
        let (tell, events) = mpsc::channel(EVENT_BOUND);
        tokio::spawn(run(media.clone(), options, tell));
        Self { events }
    }
}

/// Nobody is heard and nothing is said.
struct Nobody;

impl Station for Nobody {
    fn hear(&mut self, _: &Frame, _: Source) {}

    fn speak(&mut self, _: &mut Frame) -> bool {
        false
    }
}

async fn run(media: Media, options: LobbyOptions, tell: mpsc::Sender<LobbyEvent>) {
    let call = match media.open(Box::new(Nobody), Codec::Pcmu, Arc::default()).await {
        Ok(call) => call,
        Err(error) => return tracing::error!(%error, "no lobby"),
    };
    let mut seat = Seat { media, options, tell, call, number: 0 };
    let mut pause = FIRST_PAUSE;
    while !seat.tell.is_closed() {
        match seat.sit().await {
            Ok(()) => pause = FIRST_PAUSE,
            Err(error) => {
                tracing::warn!(%error, "no seat in the lobby");
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        seat.call.act(Action::Detach).await;
        tokio::select! {
            () = sleep(spread(pause)) => {}
            () = seat.tell.closed() => {}
        }
    }
    seat.call.close().await;
}

struct Seat {
    media: Media,
    options: LobbyOptions,
    tell: mpsc::Sender<LobbyEvent>,
    call: MediaCall,
    /// Number of the session, so that news of an old one can be told apart.
    number: u32,
}

impl Seat {
    /// One session. `Ok`: it was good for a while.
    async fn sit(&mut self) -> Result<(), JoinError> {
        self.number += 1;
        let seated_by = Instant::now() + SEATED_WITHIN;
        let address = local_address(&self.options.url, self.media.address, SEATED_WITHIN).await?;
        let transient = |error: std::io::Error| JoinError::Transient(error.to_string());
        let subscriber = Connection::subscriber(address, self.number).map_err(transient)?;
        let token = (self.options.token)();
        let (mut signalling, _) = Signalling::join(&self.options.url, &token, SEATED_WITHIN).await?;
        self.call.act(Action::Attach(Box::new(subscriber))).await;
        let mut negotiation = Negotiation::default();
        match timeout_at(seated_by, self.listen(&mut signalling, &mut negotiation, true)).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => {
                signalling.close().await;
                return Err(JoinError::Transient(why));
            }
            Err(_) => {
                signalling.leave().await;
                return Err(JoinError::Transient("no data connection in time".into()));
            }
        }
        let _ = self.tell.send(LobbyEvent::Seated).await;
        match self.listen(&mut signalling, &mut negotiation, false).await {
            Ok(()) => signalling.leave().await,
            Err(why) => {
                tracing::warn!(why, "seat in the lobby lost");
                signalling.close().await;
                let _ = self.tell.send(LobbyEvent::Lost).await;
            }
        }
        Ok(())
    }

    /// Until the server can send us messages, or (`until_seated` is false) until nobody listens any more. An error is why
    /// the seat is lost.
    async fn listen(
        &mut self,
        signalling: &mut Signalling,
        negotiation: &mut Negotiation,
        until_seated: bool,
    ) -> Result<(), String> {
        loop {
            let input = tokio::select! {
                signal = signalling.next() => match signal {
                    Signal::Offer(offer) => Input::Offer(offer),
                    Signal::Candidate(role, candidate) => Input::Candidate(role, candidate),
                    Signal::Leave { reason, .. } => return Err(format!("{reason:?}")),
                    Signal::Closed(why) => return Err(why),
                    _ => continue,
                },
                news = self.call.news.recv() => match news {
                    Some((number, news)) if number == self.number => match news {
                        News::Answer { offer_id, sdp } => Input::Answered { id: offer_id, sdp },
                        News::OfferFailed { offer_id, .. } => Input::OfferFailed { id: offer_id },
                        News::ChannelOpen if until_seated => return Ok(()),
                        News::Down(_, why) => return Err(why),
                        News::Data(bytes) => {
                            self.hand_on(&bytes);
                            continue;
                        }
                        News::Up(_) | News::ChannelOpen | News::Panicked => continue,
                    },
                    Some(_) => continue,
                    None => return Err("the media thread is gone".into()),
                },
                () = self.tell.closed() => return Ok(()),
            };
            self.negotiate(signalling, negotiation, input).await;
        }
    }

    async fn negotiate(&self, signalling: &Signalling, negotiation: &mut Negotiation, input: Input) {
        negotiation.handle(input);
        while let Some(output) = negotiation.poll() {
            match output {
                Output::ApplyOffer { id, sdp } => self.call.act(Action::ApplyOffer { id, sdp }).await,
                Output::SendAnswer { id, sdp } => signalling.answer(id, sdp).await,
                Output::AddCandidate(role, candidate) => {
                    self.call.act(Action::AddCandidate(role, candidate)).await;
                }
                // There is nothing we publish and no track to hear.
                Output::HoldAnswer | Output::ApplyAnswer { .. } | Output::Tracks(_) => {}
            }
        }
    }

    /// The server sends without an identity; what has one is a participant's.
    fn hand_on(&self, bytes: &[u8]) {
        let Ok(Some(received)) = packet::decode(bytes) else { return };
        let Content::Message { topic, payload } = received.content else { return };
        if topic != self.options.topic {
            return;
        }
        if !received.identity.is_empty() || !received.sid.is_empty() {
            return tracing::warn!(
                identity = received.identity,
                "a participant speaks in the server's place"
            );
        }
        if let Err(TrySendError::Full(_)) = self.tell.try_send(LobbyEvent::Message(payload)) {
            tracing::warn!("a message in the lobby was dropped");
        }
    }
}
