//! Our own clients, over real sockets, against the simulator.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod faults;
mod hearing;
mod realtime;
mod speaking;
mod thinking;
mod wire;

use simulator::{Config, Reply, Script, ScriptedTool, Simulator};
use speech::{Endpoint, Vendor};

pub(crate) const LINES: [&str; 2] =
    ["Hello, I would like to book a table.", "For four people, tomorrow at seven."];

/// A simulator with two lines of a caller and a model with a tool, in a hurry.
pub(crate) async fn start() -> Simulator {
    let reply = |when: &str, say: &str| Reply { when: when.into(), say: say.into(), ..Reply::default() };
    let tool = ScriptedTool { name: "find_table".into(), arguments: serde_json::json!({"people": 4}) };
    let find = Reply {
        tools: vec![tool],
        then: "I found {result} for you.".into(),
        ..reply("find me one", "One moment.")
    };
    let book = reply("book a table", "With pleasure. For how many people, and at what time?");
    let script =
        Script { lines: LINES.map(String::from).to_vec(), replies: vec![book, find], ..Script::default() };
    Simulator::start(Config { script, ..Config::default() }).await.unwrap()
}

/// The vendor's endpoint; `settings` change how this one connection behaves.
pub(crate) fn endpoint(simulator: &Simulator, vendor: Vendor, settings: &str) -> Endpoint {
    let addresses = &simulator.addresses;
    let address = match vendor {
        Vendor::Deepgram => &addresses.deepgram,
        Vendor::OpenAi => &addresses.openai,
        Vendor::ElevenLabs => &addresses.elevenlabs,
        Vendor::AssemblyAi => &addresses.assemblyai,
        Vendor::Anthropic => &addresses.anthropic,
        Vendor::Groq => &addresses.groq,
    };
    Endpoint::new(address.clone(), format!("key?{settings}"))
}

/// Letters and digits in lower case.
pub(crate) fn plain(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Whether samples are speech and not silence.
pub(crate) fn loud(samples: &[i16]) -> bool {
    samples.iter().any(|sample| *sample > 2000)
}
