//! The caller's words as sound, by espeak-ng.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use audio::Resampler;
use servers::{SAMPLE_RATE, Tool};
use tokio::process::Command;

/// A voice that is not the simulated agent's, so that a listener can tell them apart.
const VOICE: &str = "en-gb+f3";

/// A level below which a sample of espeak's is silence.
const QUIET: i16 = 60;

/// `text` spoken, 8 kHz mono, without silence around it.
///
/// # Errors
/// When espeak-ng is missing or fails.
pub async fn speak(text: &str) -> Result<Vec<i16>> {
    Ok(trimmed(&synthesised(text, VOICE, 160).await?).to_vec())
}

/// `text` in a voice of espeak-ng at a pace in words a minute, 8 kHz mono, with the silence around it.
///
/// # Errors
/// When espeak-ng is missing or fails.
pub async fn synthesised(text: &str, voice: &str, words_per_minute: u32) -> Result<Vec<i16>> {
    let output = Command::new(Tool::EspeakNg.path()?)
        .args(["-v", voice, "-s", &words_per_minute.to_string(), "--stdout", "--", text])
        .stdin(Stdio::null())
        .output()
        .await
        .context("espeak-ng does not start")?;
    ensure!(output.status.success(), "espeak-ng: {}", String::from_utf8_lossy(&output.stderr));
    let mut reader = hound::WavReader::new(output.stdout.as_slice()).context("espeak-ng gave no WAV")?;
    let rate = reader.spec().sample_rate;
    // The length in its header is wrong when it writes to a pipe: it ends where it ends.
    let samples: Vec<i16> = reader.samples::<i16>().map_while(Result::ok).collect();
    let mut spoken = Vec::new();
    let mut resampler = Resampler::new(rate, SAMPLE_RATE)?;
    resampler.push(&samples, &mut spoken);
    resampler.finish(&mut spoken);
    Ok(spoken)
}

/// The samples of a WAV file, 8 kHz mono.
///
/// # Errors
/// When the file is no WAV of 16-bit samples.
pub fn read(path: &Path) -> Result<Vec<i16>> {
    let mut reader =
        hound::WavReader::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let spec = reader.spec();
    let channels = usize::from(spec.channels.max(1));
    let samples: Vec<i16> = reader.samples::<i16>().step_by(channels).collect::<Result<_, _>>()?;
    let mut converted = Vec::new();
    let mut resampler = Resampler::new(spec.sample_rate, SAMPLE_RATE)?;
    resampler.push(&samples, &mut converted);
    resampler.finish(&mut converted);
    Ok(converted)
}

fn trimmed(samples: &[i16]) -> &[i16] {
    let loud = |sample: &i16| sample.unsigned_abs() > QUIET.unsigned_abs();
    let start = samples.iter().position(loud).unwrap_or(0);
    let end = samples.iter().rposition(loud).map_or(samples.len(), |last| last + 1);
    &samples[start..end.max(start)]
}
