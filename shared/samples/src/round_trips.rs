//! Counts a table's round trips: requests that are under way at the same time are one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

use crate::table_network::Incident;

/// The round trips so far; clones count together.
#[derive(Debug, Clone, Default)]
pub struct RoundTrips(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    under_way: usize,
    round_trips: usize,
}

impl RoundTrips {
    /// How many there were since this was asked last.
    pub fn take(&self) -> usize {
        std::mem::take(&mut self.counts().round_trips)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> UnderWay {
        let mut counts = self.counts();
        if counts.under_way == 0 {
            counts.round_trips += 1;
        }
        counts.under_way += 1;
        UnderWay(self.clone())
    }
}

/// A request, until its answer is there or nobody waits for it any more.
struct UnderWay(RoundTrips);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.counts().under_way -= 1;
    }
}

impl Incident for RoundTrips {
    fn meet(&self, request: HttpRequest, network: &SharedHttpConnector) -> HttpConnectorFuture {
        let under_way = self.begin();
        let answer = network.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            drop(under_way);
            answer
        })
    }
}
