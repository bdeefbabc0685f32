//! What the simulated models say.

use std::time::Duration;

use crate::script::{Script, ScriptedTool};

/// A reply: words, then tools.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) tools: Vec<ScriptedTool>,
}

/// What the request says, whatever its protocol.
#[derive(Clone, Debug, Default)]
pub(crate) struct Question {
    /// The caller's last words.
    pub(crate) said: Option<String>,
    /// The answer of a tool, when that came after the caller's last words.
    pub(crate) tool_result: Option<String>,
    /// Names of the tools on offer.
    pub(crate) offered: Vec<String>,
}

/// The scripted reply, or one that makes sense anyway.
pub(crate) fn answer(script: &Script, question: &Question) -> Answer {
    let said = question.said.as_deref().unwrap_or_default().trim();
    let scripted = if said.is_empty() { None } else { script.reply(said) };
    if let Some(result) = &question.tool_result {
        let then = scripted.map(|reply| reply.then.as_str()).filter(|then| !then.is_empty());
        let text = then.unwrap_or("That is done. Is there anything else?").replace("{result}", result);
        return Answer { text, tools: Vec::new() };
    }
    match scripted {
        Some(reply) => {
            let offered = |tool: &&ScriptedTool| question.offered.contains(&tool.name);
            Answer { text: reply.say.clone(), tools: reply.tools.iter().filter(offered).cloned().collect() }
        }
        None if said.is_empty() => Answer { text: "Hello, how can I help you?".into(), tools: Vec::new() },
        None => Answer { text: format!("You said: {said} How can I help you with that?"), tools: Vec::new() },
    }
}

/// Tokens of a text: words with the space before them, long ones in two.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for (n, word) in text.split_whitespace().enumerate() {
        let space = if n == 0 { "" } else { " " };
        let chars: Vec<char> = word.chars().collect();
        let (head, tail) = chars.split_at(if chars.len() > 6 { chars.len() / 2 } else { chars.len() });
        tokens.push(space.chars().chain(head.iter().copied()).collect());
        if !tail.is_empty() {
            tokens.push(tail.iter().collect());
        }
    }
    tokens
}

/// Time between tokens.
pub(crate) fn token_time(per_second: f64) -> Duration {
    Duration::from_secs_f64(1.0 / per_second)
}
