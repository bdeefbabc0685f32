//! The voice's task.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use audio::{PlayoutEvent, PlayoutFeed, SpeechId};
use dialogue::{Failure, FailureKind, Input, SayChunk, SayEvent, SayId, SayKind};
use reqwest::Client;
use speech::{ContextId, Fault, TtsConfig};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use super::clips::{ClipKey, Clips};
use super::utterance::{Source, Utterance};
use crate::drivers::failure::failure;
use crate::drivers::synthesis::{self, Event, EventKind, Synthesiser};
use crate::drivers::tasks::Tasks;
use crate::drivers::vendors::{Kind, Vendors};

/// Synthesis events that may wait; a vendor's socket waits beyond it.
const EVENT_BOUND: usize = 64;
/// How often the position of what is played is reported.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
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
    pub sound: Arc<Notify>,
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
    setup: VoiceSetup,
    tasks: Tasks,
    synthesisers: BTreeMap<usize, Synthesiser>,
    events_tx: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
    /// Utterances the ring has not taken whole, in order.
    queue: VecDeque<Utterance>,
    /// Utterances the ring has whole, and hushed ones: their end is awaited.
    leaving: Vec<SayId>,
    contexts: u64,
    progress_at: Option<Instant>,
}

impl Voice {
    /// A voice; its first vendor is connected as soon as it runs.
    #[must_use]
    pub fn new(setup: VoiceSetup) -> Self {
        let (events_tx, events) = mpsc::channel(EVENT_BOUND);
        Self {
            setup,
            tasks: Tasks::default(),
            synthesisers: BTreeMap::new(),
            events_tx,
            events,
            queue: VecDeque::new(),
            leaving: Vec::new(),
            contexts: 0,
            progress_at: None,
        }
    }

    /// Runs until the commands end.
    pub async fn run(mut self) {
        if let Some(&first) = self.order().first() {
            self.synthesiser(first);
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
                let mut utterance = Utterance::new(id, SayKind::Reply);
                utterance.source = Source::Live;
                self.queue.push_back(utterance);
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

    /// Gives the vendor what it has not got yet; chooses one first.
    async fn synthesise(&mut self, id: SayId) {
        let Some(utterance) = self.find(id) else { return };
        if utterance.ended && utterance.texts.is_empty() {
            utterance.complete();
            return;
        }
        if utterance.is_phrase() && utterance.source == Source::None {
            // Phrases come whole and at once; some were said before.
            if !utterance.ended || self.recall(id).await {
                return;
            }
        }
        let Some(utterance) = self.find(id) else { return };
        if utterance.source == Source::None && !utterance.texts.is_empty() {
            let (failed, fallback) = (utterance.failed.clone(), utterance.fallback);
            let Some(at) = self.choose(&failed, fallback) else { return self.give_up(id, None).await };
            self.contexts += 1;
            let context = ContextId(self.contexts);
            let begun = self.synthesiser(at).ask(synthesis::Command::Begin(context));
            let Some(utterance) = self.find(id) else { return };
            utterance.source = Source::Vendor { at, context };
            utterance.since = Instant::now();
            debug_assert!(begun, "a synthesiser that was just started takes commands");
        }
        self.send_texts(id);
    }

    /// Takes a phrase from memory; `false` when it is not there.
    async fn recall(&mut self, id: SayId) -> bool {
        let Some(utterance) = self.find(id) else { return false };
        let (text, failed, fallback) = (utterance.text(), utterance.failed.clone(), utterance.fallback);
        let Some(at) = self.choose(&failed, fallback) else { return false };
        let key = ClipKey::new(&self.setup.chain[at], &text);
        let Some(clip) = key.and_then(|key| self.setup.clips.get(&key)) else { return false };
        if let Some(utterance) = self.find(id) {
            utterance.waiting.extend_from_slice(&clip.samples);
            utterance.complete();
        }
        self.pump().await;
        self.tell(id, SayEvent::FirstByte).await;
        self.tell_words(id, clip.words.clone()).await;
        self.tell(id, SayEvent::Synthesised { duration_ms: samples_ms(clip.samples.len()) }).await;
        true
    }

    /// Keeps a phrase that was synthesised whole.
    fn remember(&mut self, id: SayId) {
        let Some(utterance) = self.find(id) else { return };
        let (text, Source::Vendor { at, .. }) = (utterance.text(), utterance.source) else { return };
        let clip = utterance.take_recording();
        if let (Some(clip), Some(key)) = (clip, ClipKey::new(&self.setup.chain[at], &text)) {
            self.setup.clips.put(key, clip);
        }
    }

    fn send_texts(&mut self, id: SayId) {
        let Some(utterance) = self.queue.iter_mut().find(|u| u.id == id) else { return };
        let Source::Vendor { at, context } = utterance.source else { return };
        let Some(synthesiser) = self.synthesisers.get(&at) else { return };
        // A stuck synthesiser is found by the utterance's deadline.
        for text in &utterance.texts[utterance.sent..] {
            let _ = synthesiser.ask(synthesis::Command::Text(context, text.clone()));
        }
        utterance.sent = utterance.texts.len();
        if utterance.ended {
            let _ = synthesiser.ask(synthesis::Command::End(context));
        }
    }

    /// The first vendor that works and has not failed this utterance.
    fn choose(&self, failed: &[usize], fallback: bool) -> Option<usize> {
        let order = self.order();
        let skip = usize::from(fallback && order.len() > 1 && failed.is_empty());
        order.into_iter().skip(skip).find(|at| !failed.contains(at))
    }

    fn order(&self) -> Vec<usize> {
        self.setup.vendors.order(Kind::Tts, self.setup.chain.iter().map(|config| config.vendor.vendor()))
    }

    fn synthesiser(&mut self, at: usize) -> &Synthesiser {
        self.synthesisers.entry(at).or_insert_with(|| {
            let config = self.setup.chain[at].clone();
            Synthesiser::start(&mut self.tasks, config, &self.setup.client, self.events_tx.clone())
        })
    }

    async fn synthesised(&mut self, event: Event) {
        let of_context =
            |u: &&Utterance| matches!(u.source, Source::Vendor { context, .. } if context == event.context);
        let Some(id) = self.queue.iter().find(of_context).map(|u| u.id) else { return };
        match event.kind {
            EventKind::Audio { sample_rate, samples } => self.hear(id, sample_rate, &samples).await,
            EventKind::Chars(chars) => {
                let words = self.find(id).map(|u| u.spell(&chars)).unwrap_or_default();
                self.tell_words(id, words).await;
            }
            EventKind::Done => {
                let last = self.find(id).and_then(Utterance::last_word);
                self.tell_words(id, last.into_iter().collect()).await;
                self.remember(id);
                if let Some(utterance) = self.find(id) {
                    utterance.complete();
                    let duration_ms = samples_ms(utterance.appended + utterance.waiting.len());
                    self.tell(id, SayEvent::Synthesised { duration_ms }).await;
                }
                self.pump().await;
            }
            EventKind::Failed(fault) => self.failed(id, fault).await,
        }
    }

    async fn tell_words(&mut self, id: SayId, words: Vec<dialogue::WordTime>) {
        if !words.is_empty() {
            self.tell(id, SayEvent::Words(words)).await;
        }
    }

    async fn hear(&mut self, id: SayId, sample_rate: u32, samples: &[i16]) {
        let Some(utterance) = self.find(id) else { return };
        let first = utterance.hear(sample_rate, samples);
        let source = utterance.source;
        // The ring first, the news after.
        self.pump().await;
        if !first {
            return;
        }
        if let Source::Vendor { at, .. } = source {
            self.setup.vendors.worked(Kind::Tts, self.setup.chain[at].vendor.vendor());
        }
        self.tell(id, SayEvent::FirstByte).await;
    }

    /// The vendor lost an utterance: begin again at the next one, unless the caller heard some of it.
    async fn failed(&mut self, id: SayId, fault: Fault) {
        warn!(%fault, "synthesis failed");
        debug!(detail = fault.detail, "what the voice's vendor said");
        self.setup.vendors.failed(Kind::Tts, &fault);
        let Some(utterance) = self.find(id) else { return };
        if let Source::Vendor { at, .. } = utterance.source {
            utterance.failed.push(at);
        }
        if utterance.appended > 0 {
            return self.give_up(id, Some(&fault)).await;
        }
        utterance.start_over();
        let (failed, fallback) = (utterance.failed.clone(), utterance.fallback);
        if self.choose(&failed, fallback).is_none() {
            return self.give_up(id, Some(&fault)).await;
        }
        self.synthesise(id).await;
    }

    async fn give_up(&mut self, id: SayId, fault: Option<&Fault>) {
        if let Some(utterance) = self.find(id) {
            utterance.complete();
        }
        let failure = fault.map_or_else(
            || Failure::new(FailureKind::Refused, "no voice configured, or none works"),
            failure,
        );
        self.tell(id, SayEvent::SynthesisFailed(failure)).await;
    }

    async fn hush(&mut self, id: SayId) {
        let Some(at) = self.queue.iter().position(|u| u.id == id) else {
            // All of it is in the ring, or it is over already: then the ring has told or will tell its end.
            if self.leaving.contains(&id) {
                self.cut(id);
            }
            return;
        };
        let Some(utterance) = self.queue.remove(at) else { return };
        self.cancel(&utterance);
        if utterance.appended == 0 {
            // A pause of it must not outlive it.
            self.setup.feed.resume(speech_id(id));
            return self.tell(id, SayEvent::Finished { position_ms: 0 }).await;
        }
        self.cut(id);
        self.leaving.push(id);
    }

    fn cut(&mut self, id: SayId) {
        self.setup.feed.flush(speech_id(id));
        self.setup.cuts.fetch_add(1, Relaxed);
    }

    fn cancel(&self, utterance: &Utterance) {
        if let Source::Vendor { at, context } = utterance.source
            && let Some(synthesiser) = self.synthesisers.get(&at)
        {
            let _ = synthesiser.ask(synthesis::Command::Cancel(context));
        }
    }

    /// Moves audio into the ring, one utterance after the other.
    async fn pump(&mut self) {
        while let Some(head) = self.queue.front_mut() {
            let id = head.id;
            if !head.waiting.is_empty() {
                let taken = self.setup.feed.append(speech_id(id), &head.waiting);
                head.waiting.drain(..taken);
                self.setup.sound.notify_one();
                head.appended += taken;
            }
            if !head.waiting.is_empty() || head.source != Source::Complete {
                return;
            }
            let silent = head.appended == 0;
            self.queue.pop_front();
            if silent {
                self.tell(id, SayEvent::Finished { position_ms: 0 }).await;
            } else {
                self.setup.feed.finish(speech_id(id));
                self.leaving.push(id);
            }
        }
    }

    async fn read_ring(&mut self) {
        while let Some(event) = self.setup.feed.poll_event() {
            match event {
                PlayoutEvent::Started(_) => self.progress_at = Some(Instant::now() + PROGRESS_EVERY),
                PlayoutEvent::Audible(at) => self.tell(say_id(at.speech), SayEvent::Started).await,
                PlayoutEvent::Finished(at) | PlayoutEvent::Flushed(at) => {
                    let id = say_id(at.speech);
                    self.leaving.retain(|&leaving| leaving != id);
                    self.progress_at = None;
                    self.tell(id, SayEvent::Finished { position_ms: at.ms() }).await;
                }
            }
        }
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
            self.cancel(utterance);
            let Source::Vendor { at, .. } = utterance.source else { return };
            let stage = if utterance.sounded { "next_audio" } else { "first_audio" };
            let fault = Fault::timed_out(self.setup.chain[at].vendor.vendor(), stage);
            let id = utterance.id;
            self.failed(id, fault).await;
        }
    }

    fn find(&mut self, id: SayId) -> Option<&mut Utterance> {
        self.queue.iter_mut().find(|utterance| utterance.id == id)
    }

    async fn tell(&mut self, id: SayId, event: SayEvent) {
        // A closed inbox means that the call is over.
        let _ = self.setup.inbox.send(Input::Say { id, event }).await;
    }
}

fn speech_id(id: SayId) -> SpeechId {
    SpeechId(id.0)
}

fn say_id(speech: SpeechId) -> SayId {
    SayId(speech.0)
}

/// Milliseconds of audio at the pipeline's rate.
fn samples_ms(samples: usize) -> u64 {
    samples as u64 * 1000 / u64::from(line::PIPELINE_HZ)
}
