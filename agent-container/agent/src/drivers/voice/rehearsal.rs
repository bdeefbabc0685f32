//! Phrases synthesised before anybody calls.

use std::time::Duration;

use dialogue::{SayId, SayKind};
use reqwest::Client;
use speech::{ContextId, Fault, TtsConfig};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::debug;

use super::clips::{ClipKey, Clips};
use super::utterance::Utterance;
use crate::drivers::synthesis::{Command, EventKind, Synthesiser};
use crate::drivers::tasks::Tasks;

/// One phrase.
const WITHIN: Duration = Duration::from_secs(15);
/// What a vendor says to show that it works again: short, because it is paid by the character.
const PROBE: &str = "Hello.";
/// Events that may wait.
const EVENT_BOUND: usize = 64;

/// Synthesises a phrase and keeps it; a vendor that fails now is asked again by the first call.
pub async fn rehearse(config: &TtsConfig, client: &Client, texts: &[String], clips: &Clips) {
    let Some(key) = ClipKey::new(config, &texts.join(" ")) else { return };
    if clips.get(&key).is_some() || texts.is_empty() {
        return;
    }
    let mut phrase = Utterance::new(SayId(0), SayKind::Greeting);
    match timeout(WITHIN, synthesise(config, client, texts, &mut phrase)).await {
        Ok(Ok(())) => {
            if let Some(clip) = phrase.take_recording() {
                clips.put(key, clip);
            }
        }
        Ok(Err(_)) | Err(_) => debug!(vendor = %config.vendor.vendor(), "phrase not rehearsed"),
    }
}

/// Whether a vendor makes audio now.
///
/// # Errors
/// Why not.
pub(super) async fn probe(config: &TtsConfig, client: &Client) -> Result<(), Fault> {
    let mut phrase = Utterance::new(SayId(0), SayKind::Notice);
    let vendor = config.vendor.vendor();
    match timeout(WITHIN, synthesise(config, client, &[PROBE.to_owned()], &mut phrase)).await {
        Ok(done) => done,
        Err(_) => Err(Fault::timed_out(vendor, "probe")),
    }
}

/// The vendor's fault when it failed.
async fn synthesise(
    config: &TtsConfig,
    client: &Client,
    texts: &[String],
    phrase: &mut Utterance,
) -> Result<(), Fault> {
    let gone = || Fault::disconnected(config.vendor.vendor(), "the synthesiser is gone");
    let mut tasks = Tasks::default();
    let (events_tx, mut events) = mpsc::channel(EVENT_BOUND);
    let vendor = Synthesiser::start(&mut tasks, config.clone(), client, events_tx);
    let context = ContextId(1);
    let texts = texts.iter().map(|text| Command::Text(context, text.clone()));
    for command in [Command::Begin(context)].into_iter().chain(texts).chain([Command::End(context)]) {
        vendor.ask(command).then_some(()).ok_or_else(gone)?;
    }
    loop {
        match events.recv().await.ok_or_else(gone)?.kind {
            EventKind::Audio { sample_rate, samples } => {
                phrase.hear(sample_rate, &samples);
            }
            EventKind::Chars(chars) => phrase.spell(&chars),
            EventKind::Done => {
                phrase.last_word();
                phrase.complete();
                phrase.ready_words();
                return Ok(());
            }
            EventKind::Failed(fault) => return Err(fault),
        }
    }
}
