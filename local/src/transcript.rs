//! The live transcript of a call, from the agent's journal as it is written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use dialogue::{JournalLine, Message, Output};
use tokio::io::{AsyncBufReadExt, BufReader};

/// How often the journal is looked at.
const EVERY: Duration = Duration::from_millis(50);

/// The journal of a call.
#[must_use]
pub fn journal(dir: &Path, call_id: &str) -> PathBuf {
    dir.join(format!("{call_id}.jsonl"))
}

/// Follows `journal` and hands each line of the conversation to `say`. Runs until it is dropped.
pub(crate) async fn follow(journal: PathBuf, say: impl Fn(&str)) {
    let mut ticks = tokio::time::interval(EVERY);
    let file = loop {
        ticks.tick().await;
        if let Ok(file) = tokio::fs::File::open(&journal).await {
            break file;
        }
    };
    let mut reader = BufReader::new(file);
    let mut line = String::new();
    loop {
        match reader.read_line(&mut line).await {
            Ok(length) if length > 0 && line.ends_with('\n') => {
                if let Some(text) = spoken(&line) {
                    say(&text);
                }
                line.clear();
            }
            // The end for now, perhaps in the middle of a line.
            Ok(_) => {
                ticks.tick().await;
            }
            Err(error) => {
                tracing::warn!(%error, "the journal cannot be read");
                return;
            }
        }
    }
}

/// What a line of the journal says of the conversation.
fn spoken(line: &str) -> Option<String> {
    let JournalLine::Out { output: Output::Committed(item), .. } = serde_json::from_str(line).ok()? else {
        return None;
    };
    let cut = if item.interrupted { " —" } else { "" };
    match item.message {
        Message::User { text } => Some(format!("  caller │ {text}")),
        Message::Assistant { text } if !text.is_empty() => Some(format!("   agent │ {text}{cut}")),
        Message::ToolOutput { name, output, .. } => Some(format!("    tool │ {name}: {output}")),
        _ => None,
    }
}
