//! The voice's task: its state, its loop, its deadlines.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use audio::PlayoutFeed;
use dialogue::{Input, SayChunk, SayEvent, SayId};
use reqwest::Client;
use speech::{Fault, TtsConfig};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

use super::clips::Clips;
use super::playing::{say_id, speech_id};
use super::utterance::{Source, Utterance};
use crate::call::station::Sound;
use crate::drivers::synthesis::{Event, Synthesiser};
use crate::drivers::tasks::Tasks;
use crate::drivers::vendors::{Place, Vendors};

/// Synthesis events that may wait; a vendor's socket waits beyond it.
const EVENT_BOUND: usize = 64;
/// How often the position of what is played is reported.
pub(super) const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// How soon a full ring is tried again.
const RING_RETRY: Duration = Duration::from_millis(200);

/// What the dialogue asks of the voice.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// More to say.
    Say(SayChunk),
    /// Hold it.
    Pause(SayId),
    /// Go on with it.
    Resume(SayId),
    /// Stop it for good.
    Hush(SayId),
    /// Audio of a speech-to-speech session begins.
    LiveBegin(SayId),
    /// More of it.
    LiveAudio {
        /// The speech.
        id: SayId,
        /// Rate in Hz.
        sample_rate: u32,
        /// Mono.
        samples: Vec<i16>,
    },
    /// It has no more audio.
    LiveEnd(SayId),
}

/// What a voice is made of.
#[derive(Debug)]
pub struct VoiceSetup {
    /// Vendors in order.
    pub chain: Vec<TtsConfig>,
    /// Our end of the ring.
    pub feed: PlayoutFeed,
    /// Rung by the media thread when the ring has events.
    pub bell: Arc<Notify>,
    /// Rung by us when the ring got more to play.
    pub sound: Arc<Sound>,
    /// Counts speeches that are cut off.
    pub cuts: Arc<AtomicU64>,
    /// From the dialogue.
    pub commands: mpsc::Receiver<Command>,
    /// To the dialogue.
    pub inbox: mpsc::Sender<Input>,
    /// Which vendors work.
    pub vendors: Vendors,
    /// For vendors that speak over HTTP.
    pub client: Client,
    /// Phrases kept as audio.
    pub clips: Clips,
}

/// The agent's voice.
#[derive(Debug)]
pub struct Voice {
    pub(super) setup: VoiceSetup,
    pub(super) places: Vec<Place>,
    pub(super) tasks: Tasks,
    pub(super) synthesisers: BTreeMap<usize, Synthesiser>,
    pub(super) events_tx: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
    /// Utterances the ring has not taken whole, in order.
    pub(super) queue: VecDeque<Utterance>,
    /// Utterances the ring has whole, and hushed ones: their end is awaited.
    pub(super) leaving: Vec<SayId>,
    pub(super) contexts: u64,
    /// The vendor that failed last, or was given up before it made a sound.
    pub(super) slow: Option<usize>,
    pub(super) progress_at: Option<Instant>,
}

impl Voice {
    /// A voice; its first vendor is connected as soon as it runs.
    #[must_use]
    pub fn new(setup: VoiceSetup) -> Self {
        let (events_tx, events) = mpsc::channel(EVENT_BOUND);
        Self {
            places: Place::of_tts(&setup.chain),
            setup,
            tasks: Tasks::default(),
            synthesisers: BTreeMap::new(),
            events_tx,
            events,
            queue: VecDeque::new(),
            leaving: Vec::new(),
            contexts: 0,
            slow: None,
            progress_at: None,
        }
    }

    /// Runs until the commands end.
    pub async fn run(mut self) {
        if let Some(first) = self.attempt(None) {
            self.synthesiser(first.vendor());
        }
        let bell = Arc::clone(&self.setup.bell);
        loop {
            let deadline = self.deadline();
            tokio::select! {
                biased;
                command = self.setup.commands.recv() => match command {
                    Some(command) => self.command(command).await,
                    None => return,
                },
                () = bell.notified() => {}
                Some(event) = self.events.recv() => self.synthesised(event).await,
                () = sleep_until(deadline) => self.overdue().await,
                () = self.tasks.watch() => {}
            }
            self.pump().await;
            self.read_ring().await;
        }
    }

    async fn command(&mut self, command: Command) {
        match command {
            Command::Say(chunk) => self.say(chunk).await,
            Command::Pause(id) => self.setup.feed.pause(speech_id(id)),
            Command::Resume(id) => self.setup.feed.resume(speech_id(id)),
            Command::Hush(id) => self.hush(id).await,
            Command::LiveBegin(id) => {
                self.queue.push_back(Utterance::live(id));
            }
            Command::LiveAudio { id, sample_rate, samples } => self.hear(id, sample_rate, &samples).await,
            Command::LiveEnd(id) => {
                if let Some(utterance) = self.find(id) {
                    utterance.complete();
                }
            }
        }
    }

    async fn say(&mut self, chunk: SayChunk) {
        let id = chunk.id;
        if self.leaving.contains(&id) {
            return;
        }
        if self.find(id).is_none() {
            self.queue.push_back(Utterance::new(id, chunk.kind));
        }
        let Some(utterance) = self.find(id) else { return };
        if !chunk.text.trim().is_empty() {
            utterance.texts.push(chunk.text);
        }
        utterance.ended |= chunk.end;
        utterance.fallback |= chunk.fallback;
        self.synthesise(id).await;
    }

    fn deadline(&self) -> Instant {
        let vendors = self.queue.iter().filter_map(Utterance::deadline);
        let full = self.queue.front().filter(|u| !u.waiting.is_empty()).map(|_| Instant::now() + RING_RETRY);
        let far = Instant::now() + Duration::from_secs(3600);
        vendors.chain(full).chain(self.progress_at).min().unwrap_or(far)
    }

    async fn overdue(&mut self) {
        let now = Instant::now();
        if self.progress_at.is_some_and(|at| at <= now) {
            self.progress_at = Some(now + PROGRESS_EVERY);
            if let Some(at) = self.setup.feed.position() {
                self.tell(say_id(at.speech), SayEvent::Progress { position_ms: at.ms() }).await;
            }
        }
        let late = |u: &&Utterance| u.deadline().is_some_and(|at| at <= now);
        while let Some(utterance) = self.queue.iter().find(late) {
            let id = utterance.id;
            let Source::Vendor { at, .. } = utterance.source else {
                self.try_again(id).await;
                continue;
            };
            self.cancel(utterance);
            let stage = if utterance.sounded { "next_audio" } else { "first_audio" };
            let fault = Fault::timed_out(self.setup.chain[at].vendor.vendor(), stage);
            self.failed(id, fault).await;
        }
    }

    pub(super) fn find(&mut self, id: SayId) -> Option<&mut Utterance> {
        self.queue.iter_mut().find(|utterance| utterance.id == id)
    }

    pub(super) async fn tell(&mut self, id: SayId, event: SayEvent) {
        // A closed inbox means that the call is over.
        let _ = self.setup.inbox.send(Input::Say { id, event }).await;
    }
}
