//! Speech to text by whole utterances: one HTTP request for each, when the caller falls silent.

use std::time::Duration;

use reqwest::Client;
use speech::{Fault, SttEvent, SttFile, Vendor};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::recogniser::{Command, Ended, Recogniser, next_command};
use crate::net::http;

/// One transcription (vendors.md: Whisper's usual time is 0.2 to 2 s).
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Utterances under way at once; a caller cannot say more in the time they take.
const UNDER_WAY: usize = 8;

/// An utterance and what came of it.
type Answer = (speech::Utterance, Result<(u16, Vec<u8>), Fault>);

impl Recogniser {
    /// Hears until the call ends or the vendor fails.
    pub(super) async fn serve_files(&mut self, mut session: SttFile, vendor: Vendor) -> Ended {
        let (answers_tx, mut answers) = mpsc::channel::<Answer>(UNDER_WAY);
        session.audio(&self.kept.restart());
        loop {
            tokio::select! {
                frame = self.frames.recv() => match frame {
                    Some(frame) => session.audio(&self.gather(frame)),
                    None => return Ended::Call,
                },
                command = next_command(&mut self.commands) => match command {
                    Command::SpeechStarted => {
                        let events = session.speech_started();
                        self.report(&events, vendor).await;
                    }
                    Command::SpeechEnded | Command::Flush => {
                        if let Some(utterance) = session.finalize() {
                            tokio::spawn(ask(self.client.clone(), vendor, utterance, answers_tx.clone()));
                        }
                    }
                    Command::Restart => return Ended::Restart,
                },
                Some((utterance, answer)) = answers.recv() => {
                    let decoded = answer.and_then(|(status, body)| session.decode(&utterance, status, &[], &body));
                    match decoded {
                        Ok(events) => {
                            self.kept.settle(utterance.end_ms);
                            self.report(&events, vendor).await;
                        }
                        Err(fault) => return Ended::Fault(fault),
                    }
                }
            }
        }
    }

    async fn report(&mut self, events: &[SttEvent], vendor: Vendor) {
        self.hand_on(events, vendor).await;
    }
}

async fn ask(client: Client, vendor: Vendor, utterance: speech::Utterance, answers: mpsc::Sender<Answer>) {
    let asking = async {
        let response = http::send(&client, vendor, utterance.request.clone(), ANSWER_WITHIN).await?;
        let status = response.status().as_u16();
        let body = response
            .bytes()
            .await
            .map_err(|error| Fault::disconnected(vendor, &error.without_url().to_string()))?;
        Ok((status, body.to_vec()))
    };
    let answer = match timeout(ANSWER_WITHIN, asking).await {
        Ok(answer) => answer,
        Err(_) => Err(Fault::timed_out(vendor, "transcription")),
    };
    // A closed channel: the vendor was left, and the audio goes to the next one.
    let _ = answers.send((utterance, answer)).await;
}
