//! What a callback adds to what is known of a call. Pure.

use carrier::form::Form;
use carrier::webhook::{self, BadForm, Recording};
use domain::{CallId, Fact, Provider, VoicemailEvent, WallTime, Write};

/// Number of the attempt under which recording callbacks are filed: none of the verb's own, which count
/// from 0.
const BY_CALLBACK: u32 = 9;

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decision {
    pub(crate) call: CallId,
    /// Nothing for callbacks that say nothing new.
    pub(crate) writes: Vec<Write>,
}

/// Decides about a callback.
pub(crate) fn decide(provider: Provider, form: &Form, now: WallTime) -> Result<Decision, BadForm> {
    if webhook::is_recording(form) {
        return webhook::recording(provider, form).map(|recording| recorded(provider, recording, now));
    }
    if webhook::is_machine_detection(form) {
        // Whoever answered, person, machine or unknown, hears the same agent, who listens for itself.
        let call = webhook::machine_detection(provider, form)?;
        return Ok(Decision { call, writes: Vec::new() });
    }
    let status = webhook::status(provider, form)?;
    let fact = Fact::status(now, provider, status.leg);
    let writes = vec![Write::AddFact { call: status.call.clone(), fact }];
    Ok(Decision { call: status.call, writes })
}

/// A message counts when it is there. It does not end the call: the verb's own result and the carrier do.
fn recorded(provider: Provider, recording: Recording, now: WallTime) -> Decision {
    let Recording { call, id, duration_s, status, .. } = recording;
    let is_there = status.as_deref().is_none_or(|word| word.eq_ignore_ascii_case("completed"));
    let mut writes = Vec::new();
    if is_there && id.is_some() && duration_s != Some(0) {
        let message = VoicemailEvent { recording: id, duration_s, again: true };
        let fact = Fact::voicemail(now, provider, BY_CALLBACK, message);
        writes.push(Write::AddFact { call: call.clone(), fact });
    }
    Decision { call, writes }
}
