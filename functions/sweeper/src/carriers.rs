//! What the carriers say about calls whose events were lost.

use carrier::rest::Outcome;
use carrier_api::{Accounts, CarrierApi};
use domain::{CallRecord, Provider, WallTime, Write};
use telemetry::field;

use crate::decide::{provider_of, told_by_carrier};

/// Whom one can ask, and how.
#[derive(Debug)]
pub(crate) struct Carriers {
    pub(crate) accounts: Accounts,
    pub(crate) api: CarrierApi,
}

/// The questions of one run. A carrier that gave no answer once is not asked again: hundreds of calls would
/// wait for it, each as long.
#[derive(Debug)]
pub(crate) struct Questions<'a> {
    carriers: &'a Carriers,
    silent: Vec<Provider>,
}

/// What the carrier says about a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Word {
    /// It is over: to be stored.
    Over(Vec<Write>),
    /// It goes on.
    GoesOn,
    /// Nothing, or that it knows no such call.
    None,
}

impl Carriers {
    /// The questions of a new run.
    pub(crate) fn questions(&self) -> Questions<'_> {
        Questions { carriers: self, silent: Vec::new() }
    }
}

impl Questions<'_> {
    /// Asks the carrier of a call.
    pub(crate) async fn ask(&mut self, record: &CallRecord, now: WallTime) -> Word {
        let provider = record.provider.unwrap_or_else(|| provider_of(&record.call_id));
        let api = self.carriers.accounts.at(provider).filter(|_| !self.silent.contains(&provider));
        let Some(Ok(request)) = api.map(|api| api.fetch_call(record.call_id.as_str())) else {
            return Word::None;
        };
        match self.carriers.api.send(&request).await {
            Outcome::Done(Some(call)) => match told_by_carrier(record, &call.status, call.duration_s, now) {
                Some(writes) => Word::Over(writes),
                None => Word::GoesOn,
            },
            Outcome::NotFound => Word::None,
            outcome => {
                tracing::error!(
                    { field::PROVIDER } = provider.as_str(),
                    { field::ERROR } = ?outcome,
                    "the carrier does not say how calls stand"
                );
                self.silent.push(provider);
                Word::None
            }
        }
    }
}
