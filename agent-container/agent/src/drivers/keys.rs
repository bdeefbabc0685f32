//! Pressing keys towards the other side, at a pace that switchboards follow.

use std::time::Duration;

use line::{Digit, LineCommand};
use tokio::sync::mpsc;
use tokio::time::sleep;

/// From one key to the next (livekit-agents: 0.3 s).
const GAP: Duration = Duration::from_millis(300);
/// What a `w` waits.
const WAIT: Duration = Duration::from_millis(500);

/// Presses `digits`; `w` waits, anything that is no key is passed over.
pub async fn press(digits: String, commands: mpsc::Sender<LineCommand>) {
    for key in digits.chars() {
        if key.eq_ignore_ascii_case(&'w') {
            sleep(WAIT).await;
            continue;
        }
        let Some(digit) = Digit::from_char(key) else { continue };
        if commands.send(LineCommand::SendDtmf(digit)).await.is_err() {
            return;
        }
        sleep(GAP).await;
    }
}
