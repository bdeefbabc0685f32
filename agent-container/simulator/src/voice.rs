//! The simulated voice: espeak-ng, once per text and speed.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail, ensure};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::sound;

/// Texts remembered at each rate; then all are forgotten.
const REMEMBERED: usize = 1000;
/// Longest text spoken at once; longer ones are an error of the client.
const LONGEST_CHARS: usize = 10_000;

type Spoken = HashMap<(String, u32, u32), Arc<[i16]>>;

/// Speaks.
#[derive(Debug, Default)]
pub(crate) struct Voice {
    words_per_minute: u32,
    spoken: Mutex<Spoken>,
}

impl Voice {
    /// # Errors
    /// When espeak-ng is missing.
    pub(crate) async fn new(words_per_minute: u32) -> anyhow::Result<Self> {
        let voice = Self { words_per_minute, spoken: Mutex::default() };
        voice.speak("ready", 16_000, 1.0).await.context(
            "the simulated voice needs espeak-ng: `sudo apt-get install espeak-ng`, or your system's package of it",
        )?;
        Ok(voice)
    }

    /// The text spoken at this rate (hertz) and speed (1 is usual).
    pub(crate) async fn speak(&self, text: &str, sample_rate: u32, speed: f32) -> anyhow::Result<Arc<[i16]>> {
        let text = text.trim();
        ensure!(text.chars().count() <= LONGEST_CHARS, "text of more than {LONGEST_CHARS} characters");
        let pace = (self.words_per_minute as f32 * speed).clamp(80.0, 450.0) as u32;
        let key = (text.to_owned(), pace, sample_rate);
        if let Some(samples) = self.remembered().get(&key) {
            return Ok(samples.clone());
        }
        let samples: Arc<[i16]> = if text.chars().any(char::is_alphanumeric) {
            espeak(text, pace, sample_rate).await?
        } else {
            Vec::new()
        }
        .into();
        let mut spoken = self.remembered();
        if spoken.len() >= REMEMBERED {
            spoken.clear();
        }
        spoken.insert(key, samples.clone());
        Ok(samples)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Spoken> {
        self.spoken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The text goes in by stdin: it may begin with a dash.
async fn espeak(text: &str, pace: u32, sample_rate: u32) -> anyhow::Result<Vec<i16>> {
    let mut child = Command::new("espeak-ng")
        .args(["--stdin", "--stdout", "-b", "1", "-v", "en-us", "-s", &pace.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("espeak-ng does not start")?;
    let mut stdin = child.stdin.take().context("espeak-ng without stdin")?;
    stdin.write_all(text.as_bytes()).await?;
    drop(stdin);
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        bail!("espeak-ng failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let (rate, samples) = sound::read_wav(&output.stdout).context("espeak-ng wrote no WAV")?;
    Ok(tokio::task::spawn_blocking(move || sound::resample(&samples, rate, sample_rate)).await??)
}
