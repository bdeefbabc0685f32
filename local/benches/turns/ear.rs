//! What the agent's ear made of the frames a caller sent: the same code on the same frames gives the same edges, so that the moment
//! a turn could end is known without asking the agent.

use anyhow::Result;
use audio::{Vad, VadConfig, VadEdge};
use mediastream::{Fact, Session};

use crate::stream_caller::{Call, Load, Turn};

/// The voice ended: the edge was known with this frame, and says how long the silence was by then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) frame: usize,
    pub(crate) silence_ms: u64,
}

/// The end of the voice in each of the call's turns that count; `None` where the ear heard none.
pub(crate) fn ends(load: &Load, call: &Call) -> Result<Vec<Option<End>>> {
    let edges = edges(load, call)?;
    let of_turn = |turn: &Turn| {
        let from = turn.first_frame;
        let to = call.sent.partition_point(|(at, _)| turn.replied.is_none_or(|replied| *at < replied));
        edges.iter().rfind(|end| (from..to).contains(&end.frame)).copied()
    };
    Ok(call.turns.iter().map(of_turn).collect())
}

fn edges(load: &Load, call: &Call) -> Result<Vec<End>> {
    let mut session = Session::new()?;
    session.receive(&load.start(&call.call_id)).map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
    session.admit();
    let mut vad = Vad::new(VadConfig::default());
    let mut edges = Vec::new();
    for (frame, (_, what)) in call.sent.iter().enumerate() {
        let message = load.media(&call.call_id, frame, *what);
        for fact in session.receive(&message).map_err(|refusal| anyhow::anyhow!("{refusal}"))? {
            let Fact::Heard(samples) = fact else { continue };
            if let Some(VadEdge::Ended { silence_ms }) = vad.hear(&samples) {
                edges.push(End { frame, silence_ms: silence_ms.into() });
            }
        }
    }
    Ok(edges)
}
