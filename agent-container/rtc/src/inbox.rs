//! What other participants send over the data channels.

use std::collections::HashMap;

use line::LineEvent;

use crate::call_state::CallState;
use crate::packet::{self, Content};
use crate::participant::Roster;

/// Newest reliable packet of each sender, by sid, so that none is taken twice.
pub(crate) type Sequences = HashMap<String, u32>;

/// Hands on keys of the caller and messages of anybody.
pub(crate) fn on_data(bytes: &[u8], roster: &Roster, state: &mut CallState) {
    let received = match packet::decode(bytes) {
        Ok(Some(received)) => received,
        Ok(None) => return,
        Err(error) => return state.complain(&format!("data packet: {error}")),
    };
    if received.sequence > 0 && roster.by_identity(&received.identity).is_some() {
        let newest = state.sequences.entry(received.sid).or_default();
        if received.sequence <= *newest {
            return;
        }
        *newest = received.sequence;
    }
    let is_caller = state.watch.caller().is_some_and(|caller| caller.identity == received.identity);
    match received.content {
        Content::Dtmf(digit) if is_caller => state.outbox.push(LineEvent::Dtmf(digit)),
        Content::Dtmf(_) => {}
        Content::Message { topic, payload } => {
            state.outbox.push_data(LineEvent::Data { identity: received.identity, topic, payload });
        }
    }
}
