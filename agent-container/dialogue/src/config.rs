//! What a dialogue is made from, validated once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ConfigError, ToolSpec, TurnConfig};

/// All a dialogue needs to know; serialised into the journal's header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// System prompt, variables already filled in.
    pub instructions: String,
    /// First words of the agent, variables already filled in; empty: the caller begins.
    pub greeting: String,
    /// May the caller interrupt the greeting?
    pub greeting_interruptible: bool,
    /// Words the dialogue says of its own accord.
    pub phrases: Phrases,
    /// Tools of the agent, built-in ones included ([`crate::builtin`]).
    pub tools: Vec<ToolSpec>,
    /// Where the model may transfer callers to: name → E.164 number or `sip:` address.
    pub transfer_targets: BTreeMap<String, String>,
    /// What the road can do.
    pub road: Road,
    /// Who thinks and speaks.
    pub mind: Mind,
    /// Where a caller goes who cannot be served.
    pub rescue: Rescue,
    /// How turns are taken.
    pub turns: TurnConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            instructions: String::new(),
            greeting: String::new(),
            greeting_interruptible: true,
            phrases: Phrases::default(),
            tools: Vec::new(),
            transfer_targets: BTreeMap::new(),
            road: Road::default(),
            mind: Mind::Pipeline,
            rescue: Rescue::HangUp,
            turns: TurnConfig::phone_default(),
        }
    }
}

/// What the road can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Road {
    /// Playout can be held and go on (a room; not Media Streams, whose audio the carrier has buffered).
    pub pausable: bool,
    /// Calls can be transferred.
    pub transfer: bool,
}

impl Default for Road {
    fn default() -> Self {
        Self { pausable: true, transfer: true }
    }
}

/// Who thinks and speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mind {
    /// Recogniser, language model and voice.
    Pipeline,
    /// A speech-to-speech session.
    Live,
}

/// Where a caller goes who cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rescue {
    /// To a person.
    Transfer {
        /// E.164 number or `sip:` address.
        to: String,
    },
    /// To the answering machine.
    Voicemail,
    /// Nowhere: the agent says goodbye.
    HangUp,
}

/// Words the dialogue says of its own accord. An empty text is not spoken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Phrases {
    /// Bridges a wait; used in turn.
    pub fillers: Vec<String>,
    /// Something took too long.
    pub apology: String,
    /// The agent did not understand.
    pub not_heard: String,
    /// The caller says nothing; used in turn.
    pub silence_prompts: Vec<String>,
    /// The caller said nothing for too long.
    pub silence_goodbye: String,
    /// The call reached its maximum duration.
    pub max_call: String,
    /// Before a transfer.
    pub transfer: String,
    /// After a failed transfer.
    pub transfer_failed: String,
    /// Before the caller leaves a message.
    pub voicemail: String,
    /// Nothing helps.
    pub failed: String,
    /// The process is to end.
    pub drain: String,
    /// The agent ends the call and the model said nothing.
    pub goodbye: String,
}

impl Default for Phrases {
    fn default() -> Self {
        let s = str::to_owned;
        Self {
            fillers: vec![s("One moment, please."), s("Just a second."), s("I'm still on it.")],
            apology: s("I'm sorry, this is taking longer than it should."),
            not_heard: s("Sorry, I could not hear you. Could you say that again?"),
            silence_prompts: vec![s("Are you still there?")],
            silence_goodbye: s("I can't hear you any more, so I'll hang up now. Goodbye."),
            max_call: s("I'm sorry, we have reached the maximum length of a call. Goodbye."),
            transfer: s("I'll put you through."),
            transfer_failed: s("I'm sorry, nobody could take your call. How else can I help you?"),
            voicemail: s("Please leave a message after the tone."),
            failed: s("I'm sorry, I can't help you right now. Please call again later. Goodbye."),
            drain: s("I'm sorry, I have to end this call now. Please call again. Goodbye."),
            goodbye: s("Goodbye."),
        }
    }
}

impl Config {
    /// Checks every parameter once.
    ///
    /// # Errors
    ///
    /// The first field that makes no sense, by its full name.
    pub fn validate(&self) -> Result<(), ConfigError> {
        crate::validate::config(self)
    }
}
