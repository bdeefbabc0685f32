//! Hanging up: the telephone is asked first, then the hook is called.

use std::time::Duration;

use line::LineEnd;
use tokio::time::Instant;

use crate::call_state::CallState;
use crate::packet;
use crate::room::END_CALL_WAIT;
use crate::session::{Step, over, send};

/// How long the hook may take to end the caller's leg before we leave anyway.
const HOOK_WAIT: Duration = Duration::from_secs(3);

/// How far our hanging up has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Not,
    /// The SIP participant was asked; the hook's turn is at this time.
    AskedTelephone(Instant),
    /// The hook was called; we leave at this time.
    CalledHook(Instant),
}

/// Asks the telephone, where there is one: that spares a request to the server's API, and the room goes by itself.
pub(crate) async fn hang_up(state: &mut CallState) -> Step {
    if state.ending != Ending::Not {
        return Step::Continue(());
    }
    let telephone = state.watch.is_telephone().then(|| state.watch.caller()).flatten();
    let Some(telephone) = telephone else { return call_hook(state) };
    let timeout_ms = u32::try_from(END_CALL_WAIT.as_millis()).unwrap_or(u32::MAX);
    let request =
        packet::end_call(format!("{:016x}", rand::random::<u64>()), &telephone.identity, timeout_ms);
    send(request, true, &state.call).await;
    state.ending = Ending::AskedTelephone(Instant::now() + END_CALL_WAIT);
    Step::Continue(())
}

/// Lets the hook end the caller's leg; without one there is nothing to wait for.
pub(crate) fn call_hook(state: &mut CallState) -> Step {
    let Some(hook) = state.hang_up.take() else { return over(LineEnd::WeLeft) };
    tokio::spawn(hook());
    state.ending = Ending::CalledHook(Instant::now() + HOOK_WAIT);
    Step::Continue(())
}
