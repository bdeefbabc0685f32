//! What callers say and what models answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Lines of the caller and replies of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// The caller's lines, one an utterance.
    pub lines: Vec<String>,
    /// What the ears return after the last line.
    pub after_last: AfterLast,
    /// The model's replies; the first that matches is used.
    pub replies: Vec<Reply>,
}

/// What follows the last line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterLast {
    /// The first again.
    #[default]
    Repeat,
    /// Nothing: speech is heard to begin and end, without words.
    Silence,
}

/// One reply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reply {
    /// Words that must occur in the last thing the caller said, whatever the case and punctuation. Empty matches
    /// always.
    pub when: String,
    /// The words of the reply; may be empty beside tools.
    pub say: String,
    /// Tools to ask for; those the request does not offer are left out.
    pub tools: Vec<ScriptedTool>,
    /// The words after the tools have answered; `{result}` is replaced by the last answer.
    pub then: String,
}

/// A tool call of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScriptedTool {
    /// Name.
    pub name: String,
    /// Arguments.
    #[serde(default)]
    pub arguments: Value,
}

impl Default for Script {
    fn default() -> Self {
        let lines = [
            "Hello, I would like to book a table.",
            "For four people, tomorrow at seven.",
            "Thank you, goodbye.",
        ];
        let reply = |when: &str, say: &str| Reply { when: when.into(), say: say.into(), ..Reply::default() };
        Self {
            lines: lines.map(String::from).to_vec(),
            after_last: AfterLast::Repeat,
            replies: vec![
                reply("book a table", "With pleasure. For how many people, and at what time?"),
                reply("for four people", "A table for four, tomorrow at seven. That is booked for you."),
                reply("goodbye", "Thank you for calling. Goodbye."),
            ],
        }
    }
}

impl Script {
    /// The line of the n-th utterance, counted from 0.
    pub(crate) fn line(&self, n: usize) -> Option<&str> {
        let n = match self.after_last {
            AfterLast::Repeat if !self.lines.is_empty() => n % self.lines.len(),
            _ => n,
        };
        self.lines.get(n).map(String::as_str)
    }

    /// The reply to what the caller said last.
    pub(crate) fn reply(&self, said: &str) -> Option<&Reply> {
        let said = plain(said);
        self.replies.iter().find(|reply| said.contains(&plain(&reply.when)))
    }
}

/// Letters and digits in lower case, one space between words.
fn plain(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}
