//! Text to audio at a vendor, one task per vendor of the chain and call, whatever its protocol.

mod http;
mod socket;

use reqwest::Client;
use speech::{ContextId, Fault, SpokenChar, Tts, TtsConfig};
use tokio::sync::mpsc;

use super::tasks::Tasks;

/// Commands that may wait. A task that leaves so many unread is stuck, and its call is given up.
const COMMAND_BOUND: usize = 256;

/// What a synthesiser is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A new utterance.
    Begin(ContextId),
    /// More of its words: whole clauses, spoken at once.
    Text(ContextId, String),
    /// It has no more words.
    End(ContextId),
    /// Nothing more of it, not even what is under way.
    Cancel(ContextId),
}

/// What a synthesiser answers. Nothing comes for a context after it was cancelled, done or failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The utterance.
    pub context: ContextId,
    /// What happened to it.
    pub kind: EventKind,
}

/// What happened to an utterance.
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// More samples.
    Audio {
        /// Their rate in Hz.
        sample_rate: u32,
        /// Mono.
        samples: Vec<i16>,
    },
    /// When its characters sound, continuing the last.
    Chars(Vec<SpokenChar>),
    /// All of it was delivered.
    Done,
    /// The vendor lost it.
    Failed(Fault),
}

/// A running synthesiser.
#[derive(Debug, Clone)]
pub struct Synthesiser(mpsc::Sender<Command>);

impl Synthesiser {
    /// Starts one; it connects at once, so that the first words find the connection open.
    #[must_use]
    pub fn start(tasks: &mut Tasks, config: TtsConfig, client: &Client, events: mpsc::Sender<Event>) -> Self {
        let (commands, receiver) = mpsc::channel(COMMAND_BOUND);
        let vendor = config.vendor.vendor();
        match Tts::new(config.clone()) {
            Tts::Socket(_) => tasks.spawn(socket::SocketTask::new(config, vendor, receiver, events).run()),
            Tts::Http(tts) => {
                tasks.spawn(http::HttpTask::new(tts, vendor, client.clone(), receiver, events).run())
            }
        };
        Self(commands)
    }

    /// Asks for something; `false` when the task is stuck or gone.
    #[must_use]
    pub fn ask(&self, command: Command) -> bool {
        self.0.try_send(command).is_ok()
    }
}
