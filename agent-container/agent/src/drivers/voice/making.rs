//! From words to audio: whose voice, and who is next when it fails.

use dialogue::{Failure, FailureKind, SayEvent, SayId};
use speech::{Attempt, ContextId, Delivered, Fault, Kind, Next};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::clips::ClipKey;
use super::task::Voice;
use super::utterance::{Source, Utterance, samples_ms};
use crate::drivers::failure::failure;
use crate::drivers::synthesis::{self, Event, EventKind, Synthesiser};

impl Voice {
    /// Gives the vendor what it has not got yet; chooses one first.
    pub(super) async fn synthesise(&mut self, id: SayId) {
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
        self.choose(id).await;
        self.send_texts(id);
    }

    /// Finds a vendor for an utterance that has words and none yet.
    async fn choose(&mut self, id: SayId) {
        let Some(utterance) = self.find(id) else { return };
        if utterance.source != Source::None || utterance.texts.is_empty() || utterance.retry_at.is_some() {
            return;
        }
        let (attempt, fallback) = (utterance.attempt.take(), utterance.fallback);
        let slow = self.slow.filter(|_| fallback);
        let Some(attempt) = attempt.or_else(|| self.attempt(slow)) else {
            return self.give_up(id, None).await;
        };
        let at = attempt.vendor();
        self.contexts += 1;
        let context = ContextId(self.contexts);
        let begun = self.synthesiser(at).ask(synthesis::Command::Begin(context));
        debug_assert!(begun, "a synthesiser that was just started takes commands");
        if let Some(utterance) = self.find(id) {
            utterance.attempt = Some(attempt);
            utterance.source = Source::Vendor { at, context };
            utterance.since = Instant::now();
        }
        self.probe();
    }

    /// Has vendors that are passed over say something behind the scenes: audio brings them back.
    fn probe(&self) {
        for at in self.setup.vendors.probes_due(Kind::Tts, &self.places) {
            let (config, client) = (self.setup.chain[at].clone(), self.setup.client.clone());
            let (vendors, place) = (self.setup.vendors.clone(), self.places[at].clone());
            // Not one of the call's tasks: it may outlive the call, and has its own deadline.
            tokio::spawn(async move {
                match super::rehearsal::probe(&config, &client).await {
                    Ok(()) => vendors.worked(Kind::Tts, &place),
                    Err(fault) => vendors.failed(Kind::Tts, &place, &fault),
                }
            });
        }
    }

    /// Takes a phrase from memory; `false` when it is not there.
    async fn recall(&mut self, id: SayId) -> bool {
        let Some(text) = self.find(id).map(|utterance| utterance.text()) else { return false };
        // Audio that is there needs no vendor that works.
        let kept = |voice| ClipKey::new(voice, &text).and_then(|key| self.setup.clips.get(&key));
        let Some(clip) = self.setup.chain.iter().find_map(kept) else { return false };
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
    fn remember(&mut self, id: SayId, at: usize) {
        let Some(utterance) = self.find(id) else { return };
        let text = utterance.text();
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

    /// The way of an utterance through the chain; nothing when there is no voice.
    pub(super) fn attempt(&self, avoided: Option<usize>) -> Option<Attempt> {
        self.setup.vendors.attempt(Kind::Tts, &self.places, avoided)
    }

    pub(super) fn synthesiser(&mut self, at: usize) -> &Synthesiser {
        self.synthesisers.entry(at).or_insert_with(|| {
            let config = self.setup.chain[at].clone();
            Synthesiser::start(&mut self.tasks, config, &self.setup.client, self.events_tx.clone())
        })
    }

    pub(super) async fn synthesised(&mut self, event: Event) {
        let of_context =
            |u: &&Utterance| matches!(u.source, Source::Vendor { context, .. } if context == event.context);
        let Some(id) = self.queue.iter().find(of_context).map(|u| u.id) else { return };
        match event.kind {
            EventKind::Audio { sample_rate, samples } => self.hear(id, sample_rate, &samples).await,
            EventKind::Chars(chars) => {
                if let Some(utterance) = self.find(id) {
                    utterance.spell(&chars);
                }
                self.tell_ready_words(id).await;
            }
            EventKind::Done => self.done(id).await,
            EventKind::Failed(fault) => self.failed(id, fault).await,
        }
    }

    /// The vendor has made all of it.
    async fn done(&mut self, id: SayId) {
        let Some(utterance) = self.find(id) else { return };
        let source = utterance.source;
        utterance.last_word();
        utterance.complete();
        self.tell_ready_words(id).await;
        if let Source::Vendor { at, .. } = source {
            self.setup.vendors.worked(Kind::Tts, &self.places[at]);
            self.remember(id, at);
        }
        if let Some(utterance) = self.find(id) {
            let duration_ms = samples_ms(utterance.appended + utterance.waiting.len());
            self.tell(id, SayEvent::Synthesised { duration_ms }).await;
        }
        self.pump().await;
    }

    async fn tell_ready_words(&mut self, id: SayId) {
        let words = self.find(id).map(Utterance::ready_words).unwrap_or_default();
        self.tell_words(id, words).await;
    }

    async fn tell_words(&mut self, id: SayId, words: Vec<dialogue::WordTime>) {
        if !words.is_empty() {
            self.tell(id, SayEvent::Words(words)).await;
        }
    }

    pub(super) async fn hear(&mut self, id: SayId, sample_rate: u32, samples: &[i16]) {
        let Some(utterance) = self.find(id) else { return };
        let first = utterance.hear(sample_rate, samples);
        // The ring first, the news after.
        self.pump().await;
        if first {
            self.tell(id, SayEvent::FirstByte).await;
        }
        self.tell_ready_words(id).await;
    }

    /// The vendor lost an utterance: another one says it, or what is left of it when the caller may have heard some.
    pub(super) async fn failed(&mut self, id: SayId, fault: Fault) {
        warn!(%fault, "synthesis failed");
        debug!(detail = fault.detail, "what the voice's vendor said");
        let Some(utterance) = self.queue.iter_mut().find(|u| u.id == id) else { return };
        let Source::Vendor { at, .. } = utterance.source else { return };
        self.setup.vendors.failed(Kind::Tts, &self.places[at], &fault);
        self.slow = Some(at);
        let delivered = if utterance.appended > 0 { Delivered::Some } else { Delivered::Nothing };
        let next = utterance.attempt.as_mut().map(|attempt| attempt.failed(&fault, delivered));
        match next {
            Some(Next::Other { .. }) => utterance.start_over(),
            Some(Next::Again { after, .. }) => {
                utterance.start_over();
                utterance.retry_at = Some(Instant::now() + after);
                return;
            }
            Some(Next::KeepPartial | Next::GiveUp) | None => return self.give_up(id, Some(&fault)).await,
        }
        self.synthesise(id).await;
    }

    /// The pause the vendor asked for is over.
    pub(super) async fn try_again(&mut self, id: SayId) {
        if let Some(utterance) = self.find(id) {
            utterance.retry_at = None;
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
}
