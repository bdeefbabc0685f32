//! Who answered an outbound call: a person, a machine that records, a menu, a mailbox that takes nothing more.
//!
//! ```text
//!  answered ─▶ first sound ─┬─ short, then silent, no words yet ──────────────▶ human
//!                           ├─ words of a machine ─▶ voicemail, menu, unavailable
//!                           ├─ silent after words of nobody in particular ────▶ human, or voicemail when long
//!                           ├─ a beep ────────────────────────────────────────▶ voicemail
//!                           └─ nothing for 10 s, or no verdict in 20 s ───────▶ uncertain
//!  voicemail ─▶ beep, or 2 s of silence ─▶ the message
//! ```
//!
//! Conversation.md 3.13 has the sources: livekit's gates of time (`voice/amd/classifier.py`), jambonz's words and
//! tones. Words are judged by what machines are known to say, so the same sounds give the same verdict.

use serde::{Deserialize, Serialize};

use crate::CallTime;

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answerer {
    /// A person: greet them.
    Human,
    /// A machine that records: leave a message.
    Voicemail,
    /// A menu: press keys.
    Menu,
    /// A machine that takes no message.
    Unavailable,
    /// Nobody can say.
    Uncertain,
}

/// What is heard of the other side after the answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Sound {
    /// A voice begins. Ring-back and other tones are not voices.
    Began,
    /// The voice has been silent for so long.
    Ended {
        /// Silence so far, milliseconds.
        silence_ms: u64,
    },
    /// All words recognised of the greeting so far, final or not.
    Words(String),
    /// A single tone ended: a recording has begun.
    Beep,
}

/// Something decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Who answered, by which rule. Comes once.
    Answered(Answerer, &'static str),
    /// The recording runs: say the message. Comes once, after [`Answerer::Voicemail`].
    LeaveMessage,
}

/// Longest greeting of a person who has not been understood yet (livekit: 2.5 s).
const SHORT_MS: u64 = 2500;
/// Silence that ends a person's greeting (livekit: 0.5 s).
const HUMAN_SILENCE_MS: u64 = 500;
/// Silence that ends a machine's greeting (livekit: 1.5 s).
const MACHINE_SILENCE_MS: u64 = 1500;
/// A voice must have begun by then (livekit: 10 s).
const NO_SPEECH_MS: u64 = 10_000;
/// There is a verdict by then (livekit: 20 s).
const VERDICT_MS: u64 = 20_000;
/// Longest a person speaks before listening. Longer ones that say nothing of a machine are taken for one.
const PERSON_MS: u64 = 5000;
/// Silence after which a recording runs that gave no tone (jambonz: 2.0 s).
const NO_BEEP_MS: u64 = 2000;

/// What machines say, in lower case; the first list that has something decides.
const PHRASES: [(Answerer, &[&str]); 3] = [
    (
        Answerer::Unavailable,
        &[
            "mailbox is full",
            "cannot accept",
            "can not accept any",
            "not in service",
            "has been disconnected",
            "memory is full",
            "has not been set up",
            "cannot be completed",
        ],
    ),
    (
        Answerer::Voicemail,
        &[
            "leave a message",
            "leave your message",
            "leave me a message",
            "after the tone",
            "after the beep",
            "at the tone",
            "at the beep",
            "voicemail",
            "voice mail",
            "record your message",
            "come to the phone",
            "answering machine",
            "forwarded to",
        ],
    ),
    (
        Answerer::Menu,
        &[
            "press one",
            "press 1",
            "press two",
            "press 2",
            "press zero",
            "press 0",
            "for sales",
            "menu options",
            "para español",
            "please choose from",
            "to speak to",
        ],
    ),
];

/// Decides who answered. Feed it every [`Sound`], and [`wake`](Self::wake) it at its deadline.
#[derive(Debug, Clone)]
pub struct AnsweringMachine {
    answered: CallTime,
    /// The voice's first sound, and its last so far.
    began: Option<CallTime>,
    silent_since: Option<CallTime>,
    words: String,
    verdict: Option<Answerer>,
    message_left: bool,
}

impl AnsweringMachine {
    /// The call was answered, and the road carries sound.
    #[must_use]
    pub fn new(answered: CallTime) -> Self {
        Self {
            answered,
            began: None,
            silent_since: None,
            words: String::new(),
            verdict: None,
            message_left: false,
        }
    }

    /// The verdict, once there is one.
    #[must_use]
    pub fn verdict(&self) -> Option<Answerer> {
        self.verdict
    }

    /// Takes a sound; what follows from it, in order.
    pub fn hear(&mut self, now: CallTime, sound: &Sound) -> Vec<Finding> {
        match sound {
            Sound::Began => {
                self.began.get_or_insert(now);
                self.silent_since = None;
            }
            Sound::Ended { silence_ms } => {
                let since = now.as_ms().saturating_sub(*silence_ms);
                self.silent_since = Some(CallTime::from_ms(since));
            }
            Sound::Words(words) => self.words = words.to_lowercase(),
            Sound::Beep => return self.beep(),
        }
        self.wake(now).into_iter().collect()
    }

    /// When to wake it at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<CallTime> {
        match (self.verdict, self.silent_since) {
            (Some(Answerer::Voicemail), Some(since)) if !self.message_left => Some(since + NO_BEEP_MS),
            (Some(_), _) => None,
            (None, since) => {
                let first = if self.began.is_none() { NO_SPEECH_MS } else { VERDICT_MS };
                let quiet = since.map(|since| since + self.gate_ms());
                Some(quiet.map_or(self.answered + first, |quiet| quiet.min(self.answered + VERDICT_MS)))
            }
        }
    }

    /// Time has passed.
    pub fn wake(&mut self, now: CallTime) -> Option<Finding> {
        let silence_ms = self.silent_since.map_or(0, |since| now.since(since));
        if self.verdict == Some(Answerer::Voicemail) && !self.message_left && silence_ms >= NO_BEEP_MS {
            return self.leave_message();
        }
        if self.verdict.is_some() {
            return None;
        }
        let (answerer, rule) = self.judge(now, silence_ms)?;
        self.verdict = Some(answerer);
        Some(Finding::Answered(answerer, rule))
    }

    fn judge(&self, now: CallTime, silence_ms: u64) -> Option<(Answerer, &'static str)> {
        let waited_ms = now.since(self.answered);
        let said = |phrases: &[&str]| phrases.iter().any(|phrase| self.words.contains(phrase));
        if let Some((answerer, _)) = PHRASES.iter().find(|(_, phrases)| said(phrases)) {
            return Some((*answerer, "phrase"));
        }
        if waited_ms >= VERDICT_MS {
            return Some((Answerer::Uncertain, "no_verdict"));
        }
        let Some(began) = self.began else {
            return (waited_ms >= NO_SPEECH_MS).then_some((Answerer::Uncertain, "no_speech"));
        };
        if self.silent_since.is_none() || silence_ms < self.gate_ms() {
            return None;
        }
        let spoke_ms = self.silent_since.map_or(0, |since| since.since(began));
        Some(match (spoke_ms, self.words.is_empty()) {
            (..=SHORT_MS, true) => (Answerer::Human, "short_greeting"),
            (..=PERSON_MS, _) => (Answerer::Human, "greeting"),
            _ => (Answerer::Voicemail, "long_greeting"),
        })
    }

    /// Silence that ends this greeting. A person waits for an answer at once, so theirs is the shorter.
    fn gate_ms(&self) -> u64 {
        let spoke_ms = match (self.began, self.silent_since) {
            (Some(began), Some(since)) => since.since(began),
            _ => 0,
        };
        if spoke_ms <= PERSON_MS { HUMAN_SILENCE_MS } else { MACHINE_SILENCE_MS }
    }

    /// Only recordings give a tone; it is the moment for the message.
    fn beep(&mut self) -> Vec<Finding> {
        let first = self.verdict.is_none().then_some(Finding::Answered(Answerer::Voicemail, "beep"));
        if *self.verdict.get_or_insert(Answerer::Voicemail) != Answerer::Voicemail {
            return Vec::new();
        }
        first.into_iter().chain(self.leave_message()).collect()
    }

    fn leave_message(&mut self) -> Option<Finding> {
        (!std::mem::replace(&mut self.message_left, true)).then_some(Finding::LeaveMessage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A voice that begins at `from` and speaks for `ms`; its words come a third of a second after each half. The
    /// voice activity detector reports the end after 250 ms of silence.
    fn speech(from: u64, ms: u64, words: &str) -> Vec<(u64, Sound)> {
        let half: String = words.chars().take(words.chars().count() / 2).collect();
        let heard = |text: &str| Sound::Words(text.to_owned());
        let mut sounds = vec![(from, Sound::Began), (from + ms + 250, Sound::Ended { silence_ms: 250 })];
        if !words.is_empty() {
            sounds.extend([(from + ms / 2 + 330, heard(&half)), (from + ms + 330, heard(words))]);
        }
        sounds.sort_by_key(|(at, _)| *at);
        sounds
    }

    /// Runs a call in virtual time. Gives what was found, and when.
    fn run(sounds: &[(u64, Sound)]) -> Vec<(u64, Finding)> {
        let mut machine = AnsweringMachine::new(CallTime::ZERO);
        let mut found = Vec::new();
        let mut sounds = sounds.iter().peekable();
        for _ in 0..1000 {
            let next = sounds.peek().map(|(at, _)| *at);
            let wake = machine.deadline().map(CallTime::as_ms);
            match (next, wake) {
                (Some(at), wake) if wake.is_none_or(|wake| at <= wake) => {
                    let (at, sound) = sounds.next().expect("peeked");
                    found.extend(machine.hear(CallTime::from_ms(*at), sound).into_iter().map(|f| (*at, f)));
                }
                (_, Some(wake)) => {
                    found.extend(machine.wake(CallTime::from_ms(wake)).map(|finding| (wake, finding)));
                }
                (_, None) => return found,
            }
        }
        panic!("never at rest: {found:?}")
    }

    /// The verdict comes at `at`, and a message is begun at `message`.
    fn check(name: &str, sounds: &[(u64, Sound)], answerer: Answerer, at: u64, message: Option<u64>) {
        let found = run(sounds);
        let verdicts: Vec<_> = found.iter().filter(|(_, f)| matches!(f, Finding::Answered(..))).collect();
        let [(when, Finding::Answered(who, _))] = verdicts[..] else { panic!("{name}: {found:?}") };
        assert_eq!((*who, *when), (answerer, at), "{name}: {found:?}");
        assert!(*when <= VERDICT_MS, "{name}");
        let messages: Vec<u64> =
            found.iter().filter(|(_, f)| *f == Finding::LeaveMessage).map(|(at, _)| *at).collect();
        assert_eq!(messages, message.into_iter().collect::<Vec<_>>(), "{name}: {found:?}");
    }

    #[test]
    fn p04_answering_machine_matrix() {
        use Answerer::{Human, Menu, Unavailable, Uncertain, Voicemail};
        check("hello, not understood yet", &speech(800, 600, ""), Human, 1900, None);
        check("hello?", &speech(800, 600, "Hello?"), Human, 1900, None);
        let company = "Good morning, Miller and Sons, this is Anna speaking, how can I help you?";
        check("a person with a long greeting", &speech(900, 4000, company), Human, 5400, None);
        let greeting =
            "You have reached Anna Miller. I cannot come to the phone right now. Please leave a message.";
        let mut voicemail = speech(900, 6000, greeting);
        voicemail.push((8200, Sound::Beep));
        check("voicemail with a beep", &voicemail, Voicemail, 7230, Some(8200));
        let silent = speech(900, 6000, greeting);
        check("voicemail without a beep", &silent, Voicemail, 7230, Some(8900));
        let full = speech(900, 3000, "The mailbox is full and takes no messages. Goodbye.");
        check("mailbox full", &full, Unavailable, 2730, None);
        let menu = "Welcome to the clinic. For appointments, press one. For billing, press two.";
        check("menu", &speech(900, 5000, menu), Menu, 6230, None);
        check("silence, or ring-back alone", &[], Uncertain, 10_000, None);
        check("somebody who never stops", &[(500, Sound::Began)], Uncertain, 20_000, None);
        check("a beep alone", &[(1500, Sound::Beep)], Voicemail, 1500, Some(1500));
        let story = "This is a recording of somebody who says nothing at all that any list would know";
        check("a long recording", &speech(900, 9000, story), Voicemail, 11_400, Some(11_900));
    }

    #[test]
    fn a_person_is_greeted_within_a_second_of_falling_silent() {
        for ms in [200, 600, 1500, 2500, 4000, PERSON_MS] {
            let found = run(&speech(700, ms, "Hello, who is there?"));
            let [(at, Finding::Answered(Answerer::Human, _))] = found[..] else { panic!("{ms}: {found:?}") };
            assert!(at - (700 + ms) <= 1000, "{ms}: {at}");
        }
    }
}
