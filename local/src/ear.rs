//! Listens to a call while it goes on, as the person with the phone would.

use std::time::Duration;

use anyhow::Result;
use audio::analysis::rms_dbfs;
use servers::{Phone, SAMPLE_RATE};
use tokio::time::Instant;

/// Louder than this is the agent's voice. livekit-sip sends digital silence, a voice is at -30 to -15 dBFS.
pub(crate) const VOICE_DBFS: f64 = -45.0;

/// Pauses inside an utterance are shorter: a person waits as long before taking the turn.
const TURN_GAP: Duration = Duration::from_millis(900);

/// How often the ear is asked.
const EVERY: Duration = Duration::from_millis(20);

/// 20 ms of the phone's samples.
const BLOCK: usize = SAMPLE_RATE as usize / 50;

/// What was heard from one moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A voice, and then silence.
    Utterance,
    /// Nothing.
    Nothing,
    /// The call ended.
    CallEnded,
}

/// Waits until the agent has spoken and is silent again, looking at what arrived after sample `from`.
pub(crate) async fn listen(phone: &Phone, from: usize, limit: Duration) -> Result<Heard> {
    let deadline = Instant::now() + limit;
    let quiet_blocks = TURN_GAP.as_millis() as usize / 20;
    let mut levels = Vec::new();
    loop {
        let heard = phone.heard_from(from + levels.len() * BLOCK)?;
        levels.extend(heard.chunks_exact(BLOCK).map(|block| rms_dbfs(block) > VOICE_DBFS));
        let spoke = levels.iter().rposition(|&voice| voice);
        if spoke.is_some_and(|last| levels.len() - last > quiet_blocks) {
            return Ok(Heard::Utterance);
        }
        if phone.progress().closed.is_some() {
            return Ok(if spoke.is_some() { Heard::Utterance } else { Heard::CallEnded });
        }
        // A voice that began in time is listened to until it ends.
        if Instant::now() >= deadline && spoke.is_none() {
            return Ok(Heard::Nothing);
        }
        tokio::time::sleep(EVERY).await;
    }
}
