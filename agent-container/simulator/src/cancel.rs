//! Counts an answer as open while it is made, then as completed or cancelled.

use std::sync::Arc;

use crate::Service;
use crate::world::World;

/// An answer under way; dropped without [`Self::complete`] it counts as cancelled.
pub(crate) struct Answer {
    world: Arc<World>,
    service: Service,
    over: bool,
}

impl Answer {
    pub(crate) fn begin(world: &Arc<World>, service: Service) -> Self {
        Self { world: world.clone(), service, over: false }
    }

    pub(crate) fn complete(mut self) {
        self.over = true;
        self.world.ledger.count(self.service, |counts| counts.completed += 1);
    }

    /// Ended by our own fault, not by the client.
    pub(crate) fn fail(mut self) {
        self.over = true;
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if !self.over {
            self.world.ledger.count(self.service, |counts| counts.cancelled += 1);
        }
    }
}

/// A connection or request that is open.
pub(crate) struct Open {
    world: Arc<World>,
    service: Service,
}

impl Open {
    pub(crate) fn begin(world: &Arc<World>, service: Service) -> Self {
        world.ledger.count(service, |counts| counts.open += 1);
        Self { world: world.clone(), service }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.world.ledger.count(self.service, |counts| counts.open = counts.open.saturating_sub(1));
    }
}
