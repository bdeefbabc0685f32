//! Synthesis over HTTP: one request a sentence, one after the other.

use std::collections::{BTreeMap, VecDeque};

use futures_util::StreamExt;
use reqwest::Client;
use speech::{ContextId, Fault, Kind, TtsEvent, TtsHttp, Vendor};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::debug;

use super::{Command, Event, EventKind};
use crate::drivers::tasks::Tasks;
use crate::net::http;

/// Sentences of one utterance that may wait.
const TEXT_BOUND: usize = 256;

/// The task of one vendor.
pub(super) struct HttpTask {
    tts: TtsHttp,
    vendor: Vendor,
    client: Client,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    tasks: Tasks,
    utterances: BTreeMap<ContextId, (Option<mpsc::Sender<String>>, tokio::task::AbortHandle)>,
}

impl HttpTask {
    pub(super) fn new(
        tts: TtsHttp,
        vendor: Vendor,
        client: Client,
        commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        Self { tts, vendor, client, commands, events, tasks: Tasks::default(), utterances: BTreeMap::new() }
    }

    pub(super) async fn run(mut self) {
        let (client, vendor, warm_up) = (self.client.clone(), self.vendor, self.tts.warm_up());
        self.tasks.spawn(async move {
            if let Err(fault) = http::send(&client, vendor, warm_up, Kind::Tts.deadlines().first).await {
                debug!(%fault, "voice not warmed up");
            }
        });
        loop {
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => return,
                },
                () = self.tasks.watch() => {}
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Begin(context) => {
                let (texts, receiver) = mpsc::channel(TEXT_BOUND);
                let utterance = Utterance {
                    tts: self.tts.clone(),
                    vendor: self.vendor,
                    client: self.client.clone(),
                    context,
                    events: self.events.clone(),
                };
                let task = self.tasks.spawn(utterance.run(receiver));
                self.utterances.insert(context, (Some(texts), task));
            }
            Command::Text(context, text) => {
                if let Some((Some(texts), _)) = self.utterances.get(&context) {
                    // A sentence too many is found by the utterance's deadline.
                    let _ = texts.try_send(text);
                }
            }
            Command::End(context) => {
                if let Some((texts, _)) = self.utterances.get_mut(&context) {
                    *texts = None;
                }
            }
            Command::Cancel(context) => {
                if let Some((_, task)) = self.utterances.remove(&context) {
                    task.abort();
                }
            }
        }
        self.utterances.retain(|_, (_, task)| !task.is_finished());
    }
}

/// One utterance.
struct Utterance {
    tts: TtsHttp,
    vendor: Vendor,
    client: Client,
    context: ContextId,
    events: mpsc::Sender<Event>,
}

impl Utterance {
    async fn run(self, mut texts: mpsc::Receiver<String>) {
        while let Some(text) = texts.recv().await {
            let mut pieces: VecDeque<String> = cut(&text, self.tts.longest_text());
            while let Some(piece) = pieces.pop_front() {
                if let Err(fault) = self.speak(&piece).await {
                    return self.tell(EventKind::Failed(fault)).await;
                }
            }
        }
        self.tell(EventKind::Done).await;
    }

    async fn speak(&self, text: &str) -> Result<(), Fault> {
        let response =
            http::send(&self.client, self.vendor, self.tts.request(text), Kind::Tts.deadlines().first)
                .await?;
        let mut stream = self.tts.stream(self.context);
        let mut body = response.bytes_stream();
        loop {
            let piece = timeout(Kind::Tts.deadlines().between, body.next())
                .await
                .map_err(|_| Fault::timed_out(self.vendor, "next_audio"))?;
            let Some(bytes) = piece else { break };
            let lost =
                |error: reqwest::Error| Fault::disconnected(self.vendor, &error.without_url().to_string());
            self.hand_on(stream.push(&bytes.map_err(lost)?)?).await;
        }
        self.hand_on(stream.end()?).await;
        Ok(())
    }

    async fn hand_on(&self, events: Vec<TtsEvent>) {
        for event in events {
            match event {
                TtsEvent::Audio { sample_rate, samples, .. } => {
                    self.tell(EventKind::Audio { sample_rate, samples }).await;
                }
                TtsEvent::Alignment { chars, .. } => self.tell(EventKind::Chars(chars)).await,
                // The utterance is done when its last sentence is.
                _ => {}
            }
        }
    }

    async fn tell(&self, kind: EventKind) {
        // A closed channel means that the call is over.
        let _ = self.events.send(Event { context: self.context, kind }).await;
    }
}

/// Cuts between words where a text is longer than the vendor takes, in characters.
fn cut(text: &str, longest: usize) -> VecDeque<String> {
    let mut pieces = VecDeque::new();
    let mut piece = String::new();
    for word in text.split_inclusive(' ') {
        if !piece.is_empty() && piece.chars().count() + word.chars().count() > longest {
            pieces.push_back(std::mem::take(&mut piece));
        }
        piece.push_str(word);
    }
    if !piece.trim().is_empty() {
        pieces.push_back(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn long_texts_are_cut_between_words() {
        assert_eq!(cut("one two three", 8), ["one two ", "three"]);
        assert_eq!(cut("extraordinary", 5), ["extraordinary"], "a word stays whole");
        assert!(cut("  ", 5).is_empty());
    }
}
