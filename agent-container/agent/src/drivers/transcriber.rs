//! Speech to text by whole utterances: one HTTP request for each, when the caller falls silent, and some on the way when
//! the voice does not end.

use std::time::Duration;

use reqwest::Client;
use speech::{Asked, Fault, SttFile, Utterance, Vendor};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::recogniser::{Command, Ended, Recogniser, next_command};
use crate::net::http;

/// One transcription (vendors.md: Whisper's usual time is 0.2 to 2 s).
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Utterances under way at once; a caller cannot say more in the time they take.
const UNDER_WAY: usize = 8;

/// An utterance and what came of it.
type Answer = (Utterance, Result<(u16, Vec<u8>), Fault>);

/// Requests of one session that are under way.
#[derive(Debug)]
struct Desk {
    client: Client,
    vendor: Vendor,
    answers: mpsc::Sender<Answer>,
    finals: usize,
    so_far: usize,
}

impl Desk {
    fn ask(&mut self, utterance: Option<Utterance>) {
        let Some(utterance) = utterance else { return };
        *self.under_way(utterance.asked) += 1;
        tokio::spawn(ask(self.client.clone(), self.vendor, utterance, self.answers.clone()));
    }

    fn answered(&mut self, asked: Asked) {
        *self.under_way(asked) -= 1;
    }

    fn under_way(&mut self, asked: Asked) -> &mut usize {
        match asked {
            Asked::Final => &mut self.finals,
            Asked::SoFar => &mut self.so_far,
        }
    }
}

impl Recogniser {
    /// Hears until the call ends or the vendor fails.
    pub(super) async fn serve_files(&mut self, mut session: SttFile, vendor: Vendor) -> Ended {
        let (answers_tx, mut answers) = mpsc::channel::<Answer>(UNDER_WAY);
        let mut desk =
            Desk { client: self.client.clone(), vendor, answers: answers_tx, finals: 0, so_far: 0 };
        desk.ask(self.take_over(&mut session));
        loop {
            tokio::select! {
                frame = self.frames.recv() => match frame {
                    Some(frame) => session.audio(&self.gather(frame)),
                    None => return Ended::Call,
                },
                command = next_command(&mut self.commands) => {
                    // What was said before the question belongs to it.
                    session.audio(&self.waiting());
                    match self.follow(command) {
                        Command::SpeechStarted => {
                            let events = session.speech_started();
                            self.hand_on(&events, vendor).await;
                        }
                        Command::SpeechEnded => desk.ask(session.speech_ended()),
                        Command::Flush => desk.ask(session.finalize()),
                        // One at a time: the next one has these words, too.
                        Command::SoFar if desk.so_far > 0 => {}
                        Command::SoFar => desk.ask(session.so_far()),
                        Command::Restart => return Ended::Restart,
                    }
                }
                Some((utterance, answer)) = answers.recv() => {
                    let decoded = answer.and_then(|(status, body)| session.decode(&utterance, status, &[], &body));
                    let events = match decoded {
                        Ok(events) => events,
                        Err(fault) => return Ended::Fault(fault),
                    };
                    desk.answered(utterance.asked);
                    self.hand_on(&events, vendor).await;
                    if utterance.asked == Asked::Final {
                        self.kept.settle(utterance.end_ms);
                        self.unheard = self.speaking || desk.finals > 0;
                    }
                }
            }
        }
    }

    /// What the vendor before made no words of: an utterance, or the begin of one.
    fn take_over(&mut self, session: &mut SttFile) -> Option<Utterance> {
        let kept = self.kept.restart();
        if self.unheard {
            session.speech_started();
        }
        session.audio(&kept);
        if self.speaking { None } else { session.speech_ended() }
    }
}

async fn ask(client: Client, vendor: Vendor, utterance: Utterance, answers: mpsc::Sender<Answer>) {
    let asking = async {
        let response = http::send(&client, vendor, utterance.request.clone(), ANSWER_WITHIN).await?;
        let status = response.status().as_u16();
        Ok((status, http::read(vendor, response, SttFile::LARGEST).await?))
    };
    let answer = match timeout(ANSWER_WITHIN, asking).await {
        Ok(answer) => answer,
        Err(_) => Err(Fault::timed_out(vendor, "transcription")),
    };
    // A closed channel: the vendor was left, and the audio goes to the next one.
    let _ = answers.send((utterance, answer)).await;
}
