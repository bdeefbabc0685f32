//! From audio to the caller: the ring's end of the voice.

use std::sync::atomic::Ordering::Relaxed;

use audio::{PlayoutEvent, SpeechId};
use dialogue::{SayEvent, SayId};
use tokio::time::Instant;

use super::task::{PROGRESS_EVERY, Voice};
use super::utterance::{Source, Utterance};
use crate::drivers::synthesis;

impl Voice {
    pub(super) async fn hush(&mut self, id: SayId) {
        let Some(at) = self.queue.iter().position(|u| u.id == id) else {
            // All of it is in the ring, or it is over already: then the ring has told or will tell its end.
            if self.leaving.contains(&id) {
                self.cut(id);
            }
            return;
        };
        let Some(utterance) = self.queue.remove(at) else { return };
        self.cancel(&utterance);
        if let Source::Vendor { at, .. } = utterance.source
            && !utterance.sounded
        {
            self.slow = Some(at);
        }
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

    pub(super) fn cancel(&self, utterance: &Utterance) {
        if let Source::Vendor { at, context } = utterance.source
            && let Some(synthesiser) = self.synthesisers.get(&at)
        {
            let _ = synthesiser.ask(synthesis::Command::Cancel(context));
        }
    }

    /// Moves audio into the ring, one utterance after the other.
    pub(super) async fn pump(&mut self) {
        while let Some(head) = self.queue.front_mut() {
            let id = head.id;
            if !head.waiting.is_empty() {
                let taken = self.setup.feed.append(speech_id(id), &head.waiting);
                head.waiting.drain(..taken);
                self.setup.sound.more.notify_one();
                if head.appended == 0 {
                    self.setup.sound.begins();
                }
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

    pub(super) async fn read_ring(&mut self) {
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
}

pub(super) fn speech_id(id: SayId) -> SpeechId {
    SpeechId(id.0)
}

pub(super) fn say_id(speech: SpeechId) -> SayId {
    SayId(speech.0)
}
