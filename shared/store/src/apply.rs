//! A list of writes becomes one conditional transaction.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::CancellationReason;
use domain::{CallId, Invalid, WallTime, Write};

use crate::applied::{Applied, CallChange, Refusal};
use crate::batch::{Batch, OnFailure, Op, Planned};
use crate::error::StoreError;
use crate::item;
use crate::keys;
use crate::store::{Outcome, Store, is_failed_condition, wait};
use crate::stored_call::StoredCall;

/// Attempts at one transaction. With the waits between them they outlast the usual deadline.
const ATTEMPTS: u32 = 16;

/// Calls as last seen; nothing for those that do not exist.
pub(crate) type Known = BTreeMap<CallId, Seen>;

/// A call as last seen.
#[derive(Debug, Clone)]
pub(crate) enum Seen {
    /// It does not exist.
    Absent,
    /// It exists.
    Here(Box<StoredCall>),
    /// Its item has expired and waits to be dropped.
    Forgotten,
}

impl Store {
    /// Stores all of `writes`, or nothing, in one conditional transaction.
    ///
    /// One round trip when a call is opened, two when facts are added to one; more only under
    /// contention. Safe to repeat.
    ///
    /// # Errors
    /// When the table does not answer in time, or refuses. After [`StoreError::Timeout`] the writes may
    /// or may not be stored; repeating them is right.
    pub async fn apply(&self, writes: Vec<Write>, now: WallTime) -> Result<Applied, StoreError> {
        let batch = Batch::of(writes)?;
        let stored = tokio::time::timeout(self.deadline, self.apply_batch(batch, now)).await;
        stored.unwrap_or(Err(StoreError::Timeout))
    }

    async fn apply_batch(&self, mut batch: Batch, now: WallTime) -> Result<Applied, StoreError> {
        let mut known = self.see(batch.calls_to_read(), now).await?;
        let mut busy = StoreError::Contended;
        for attempt in 0..ATTEMPTS {
            let (ops, changes) = match batch.plan(&known)? {
                Planned::Refused(refusal) => return Ok(Applied::Refused(refusal)),
                Planned::Ops { ops, changes } => (ops, changes),
            };
            if ops.is_empty() {
                return Ok(Applied::Done(changes));
            }
            match self.commit(ops, &mut batch, &mut known, now).await? {
                Step::Committed => return Ok(Applied::Done(changes)),
                Step::Refused(refusal) => return Ok(Applied::Refused(refusal)),
                Step::Again => {}
                Step::Busy(error) => {
                    busy = error;
                    wait(attempt, batch.name()).await;
                }
            }
        }
        Err(busy)
    }

    async fn commit(
        &self,
        ops: Vec<Op>,
        batch: &mut Batch,
        known: &mut Known,
        now: WallTime,
    ) -> Result<Step, StoreError> {
        let (mut items, mut handlers) = (Vec::new(), Vec::new());
        for op in ops {
            items.push(op.item(&self.table)?);
            handlers.push(op.on_failure);
        }
        match self.transact(items).await? {
            Outcome::Committed => Ok(Step::Committed),
            Outcome::Busy(error) => Ok(Step::Busy(error)),
            Outcome::Cancelled(reasons) => {
                let failed = handlers.into_iter().zip(reasons).filter(|(_, r)| is_failed_condition(r));
                learn(failed.collect(), batch, known, now)
            }
        }
    }

    /// Reads calls as they are now.
    async fn see(&self, calls: Vec<CallId>, now: WallTime) -> Result<Known, StoreError> {
        let wanted: Vec<_> = calls.iter().map(keys::call).collect();
        let items = self.get_all(&wanted).await?;
        let mut known: Known = calls.into_iter().map(|call| (call, Seen::Absent)).collect();
        for (call, seen) in &mut known {
            let key = keys::call(call);
            if let Some(item) = items.iter().find(|item| item::text(item, keys::PK) == Some(key.pk.as_str()))
            {
                *seen = see_item(call, item, now)?;
            }
        }
        Ok(known)
    }
}

/// What one attempt came to.
enum Step {
    Committed,
    Refused(Refusal),
    Again,
    Busy(StoreError),
}

fn see_item(call: &CallId, item: &item::Item, now: WallTime) -> Result<Seen, StoreError> {
    Ok(match StoredCall::from_item(call, item, now)? {
        Some(stored) => Seen::Here(Box::new(stored)),
        None => Seen::Forgotten,
    })
}

/// Draws the consequences of failed conditions. A call that changed is looked at anew before any
/// refusal counts: a webhook delivered twice must hear "already open", not "full".
fn learn(
    failed: Vec<(OnFailure, CancellationReason)>,
    batch: &mut Batch,
    known: &mut Known,
    now: WallTime,
) -> Result<Step, StoreError> {
    let (mut refusal, mut calls_changed) = (None, false);
    for (handler, reason) in failed {
        match handler {
            OnFailure::LookAgain(call) => {
                let seen = match &reason.item {
                    Some(item) => see_item(&call, item, now)?,
                    None => Seen::Absent,
                };
                known.insert(call, seen);
                calls_changed = true;
            }
            OnFailure::Refuse(because) => refusal = refusal.or(Some(because)),
            OnFailure::Answered(key) => {
                let response = reason.item.as_ref().and_then(|item| item::text(item, "response"));
                let response = response.unwrap_or_default().to_owned();
                refusal = Some(Refusal::AlreadySeen { key, response });
            }
            OnFailure::PassOver(index) => batch.pass_over(index),
        }
    }
    Ok(match refusal {
        Some(refusal) if !calls_changed => Step::Refused(refusal),
        _ => Step::Again,
    })
}

/// A list of writes that no transaction can hold.
pub(crate) fn impossible(why: &str) -> StoreError {
    StoreError::Invalid(Invalid::new("writes", why))
}

impl CallChange {
    pub(crate) fn nothing(stored: &StoredCall) -> Self {
        Self {
            before: Some(stored.record.clone()),
            after: stored.record.clone(),
            new_facts: 0,
            gave_slot_back: false,
        }
    }
}
