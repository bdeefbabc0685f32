//! One context: speaks what it is given, in order, at the set pace.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::SERVICE;
use super::settings::Settings;
use crate::behaviour::Behaviour;
use crate::cancel::Answer;
use crate::outlet::{Gone, Outlet};
use crate::sound::Format;
use crate::world::World;

/// Bytes more than a round tenth of a second, so that chunks end inside frames and samples, as the vendor's do.
const ODD: usize = 7;

/// What a context is told to do.
pub(crate) enum Job {
    Speak(String),
    /// Whether everything was wanted.
    End {
        complete: bool,
    },
}

/// Speaks for one context until its end, then tells the session.
pub(crate) struct Speaker {
    pub(crate) world: Arc<World>,
    pub(crate) id: Option<String>,
    pub(crate) settings: Settings,
    pub(crate) behaviour: Behaviour,
    pub(crate) speed: f32,
    pub(crate) outlet: Outlet,
    pub(crate) gone: mpsc::Sender<Option<String>>,
}

impl Speaker {
    pub(crate) async fn run(self, mut jobs: mpsc::Receiver<Job>, answer: Answer) {
        let mut first = true;
        while let Some(job) = jobs.recv().await {
            let done = match job {
                Job::Speak(text) => self.speak(&text, std::mem::take(&mut first)).await,
                Job::End { complete } => {
                    let _ = self.outlet.send(&self.message(json!({"audio": null, "isFinal": true}))).await;
                    let _ = self.gone.send(self.id.clone()).await;
                    return if complete { answer.complete() } else { answer.fail() };
                }
            };
            if let Err(Gone) = done {
                break;
            }
        }
        let _ = self.gone.send(self.id.clone()).await;
    }

    /// Only the first text of a context waits the whole delay; for the rest the vendor is warm.
    async fn speak(&self, text: &str, first: bool) -> Result<(), Gone> {
        let delay = Duration::from_millis(self.behaviour.first_ms());
        let begun = Instant::now() + if first { delay } else { delay / 2 };
        let spoken = Spoken::new(&self.world, text, self.settings.format, self.speed).await;
        for chunk in spoken.chunks() {
            tokio::time::sleep_until(
                begun + Duration::from_millis(chunk.start_ms).div_f64(self.behaviour.rate()),
            )
            .await;
            let alignment = match (self.settings.sync_alignment, chunk.start_ms) {
                (true, _) => spoken.alignment(chunk.start_ms..chunk.end_ms),
                (false, 0) => spoken.alignment(0..u64::MAX),
                (false, _) => Value::Null,
            };
            let message = json!({"audio": STANDARD.encode(chunk.audio), "isFinal": null,
                "alignment": alignment, "normalizedAlignment": alignment});
            self.outlet.send(&self.message(message)).await?;
        }
        Ok(())
    }

    fn message(&self, mut message: Value) -> Value {
        if let Some(id) = &self.id {
            message["contextId"] = id.clone().into();
        }
        if self.behaviour.quirks() { other_spelling(message) } else { message }
    }
}

/// The vendor's other names for the same fields.
fn other_spelling(message: Value) -> Value {
    const NAMES: [(&str, &str); 4] = [
        ("contextId", "context_id"),
        ("isFinal", "is_final"),
        ("charStartTimesMs", "charsStartTimesMs"),
        ("charDurationsMs", "charsDurationsMs"),
    ];
    let Value::Object(fields) = message else { return message };
    let renamed = fields.into_iter().map(|(name, value)| {
        let other = NAMES.iter().find(|(usual, _)| *usual == name).map(|(_, other)| (*other).to_owned());
        (other.unwrap_or(name), other_spelling(value))
    });
    Value::Object(renamed.collect())
}

/// A text as audio with the times of its characters.
pub(crate) struct Spoken {
    chars: Vec<String>,
    audio: Vec<u8>,
    bytes_per_second: usize,
}

/// A piece of the audio.
pub(crate) struct Chunk<'a> {
    pub(crate) audio: &'a [u8],
    pub(crate) start_ms: u64,
    pub(crate) end_ms: u64,
}

impl Spoken {
    /// Text that cannot be spoken is silence; the reason is logged.
    pub(crate) async fn new(world: &World, text: &str, format: Format, speed: f32) -> Self {
        let samples = world.voice.speak(text, format.sample_rate, speed).await.unwrap_or_else(|error| {
            tracing::error!(service = ?SERVICE, %error, "cannot speak");
            [].into()
        });
        Self {
            chars: text.chars().map(String::from).collect(),
            audio: format.encode(&samples),
            bytes_per_second: format.bytes_per_second(),
        }
    }

    pub(crate) fn chunks(&self) -> impl Iterator<Item = Chunk<'_>> {
        let size = self.bytes_per_second / 10 + ODD;
        let time = |bytes: usize| (bytes * 1000 / self.bytes_per_second) as u64;
        self.audio.chunks(size).enumerate().map(move |(n, audio)| Chunk {
            audio,
            start_ms: time(n * size),
            end_ms: time(n * size + audio.len()),
        })
    }

    /// Characters that begin in this stretch, times relative to its start.
    pub(crate) fn alignment(&self, stretch: Range<u64>) -> Value {
        let total_ms = (self.audio.len() * 1000 / self.bytes_per_second) as u64;
        let count = self.chars.len().max(1) as u64;
        let starts = (0..count).map(|n| total_ms * n / count);
        let inside: Vec<_> =
            self.chars.iter().zip(starts).filter(|(_, start)| stretch.contains(start)).collect();
        json!({
            "chars": inside.iter().map(|(c, _)| c).collect::<Vec<_>>(),
            "charStartTimesMs": inside.iter().map(|(_, start)| start - stretch.start).collect::<Vec<_>>(),
            "charDurationsMs": vec![total_ms / count; inside.len()],
        })
    }
}
