//! The table behind its verbs: requests, deadlines, outcomes.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, KeysAndAttributes, TransactWriteItem};

use crate::error::StoreError;
use crate::item::{self, Item, s};
use crate::keys::{self, Key};

/// The table. Cheap to clone; one for a process.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) client: Client,
    pub(crate) table: String,
    pub(crate) deadline: Duration,
}

/// Deadline of one [`Store::apply`] with all its attempts, unless set otherwise: a webhook has to be
/// answered within 3 s.
const DEADLINE: Duration = Duration::from_millis(2500);

/// How a transaction ended.
pub(crate) enum Outcome {
    /// All of it happened.
    Committed,
    /// None of it happened; one reason for each item, in order.
    Cancelled(Vec<CancellationReason>),
    /// None of it happened: somebody else was at the same items, or the table is too busy.
    Busy(StoreError),
}

/// First wait before a transaction is tried again.
const FIRST_WAIT: Duration = Duration::from_millis(4);
/// Longest wait before a transaction is tried again.
const LONGEST_WAIT: Duration = Duration::from_millis(256);

impl Store {
    /// A store on `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into(), deadline: DEADLINE }
    }

    /// The same store with another deadline for one [`Store::apply`], all its attempts included.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// The table's name.
    #[must_use]
    pub fn table_name(&self) -> &str {
        &self.table
    }

    /// Reads one item, as it is now.
    pub(crate) async fn get(&self, key: Key) -> Result<Option<Item>, StoreError> {
        self.client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(item::key_of(key)))
            .consistent_read(true)
            .send()
            .await
            .map(|output| output.item)
            .map_err(|error| StoreError::from_sdk(&error))
    }

    /// Reads up to 100 items at once, as they are now; those that do not exist are left out.
    pub(crate) async fn get_all(&self, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        let mut wanted: Vec<Item> = keys.iter().cloned().map(item::key_of).collect();
        let mut attempt = 0;
        while !wanted.is_empty() {
            let request = KeysAndAttributes::builder()
                .set_keys(Some(wanted))
                .consistent_read(true)
                .build()
                .map_err(StoreError::unbuilt)?;
            let output = self
                .client
                .batch_get_item()
                .request_items(&self.table, request)
                .send()
                .await
                .map_err(|error| StoreError::from_sdk(&error))?;
            found.extend(output.responses.into_iter().flatten().flat_map(|(_, items)| items));
            wanted = output.unprocessed_keys.into_iter().flatten().flat_map(|(_, k)| k.keys).collect();
            if !wanted.is_empty() {
                wait(attempt, &self.table).await;
                attempt += 1;
                if attempt == 6 {
                    return Err(StoreError::Throttled);
                }
            }
        }
        Ok(found)
    }

    /// Reads the items of one partition whose sort keys begin with `prefix`, as they are now.
    pub(crate) async fn query(&self, pk: &str, prefix: &str) -> Result<Vec<Item>, StoreError> {
        let mut request = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .expression_attribute_values(":pk", s(pk));
        request = match prefix {
            "" => request.key_condition_expression("pk = :pk"),
            _ => request
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", s(prefix)),
        };
        let mut pages = request.into_paginator().items().send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(|error| StoreError::from_sdk(&error))?);
        }
        Ok(items)
    }

    /// Reads one partition of the index between two sort keys, a moment late as indexes are.
    pub(crate) async fn list(&self, range: Range<'_>) -> Result<Vec<Item>, StoreError> {
        let mut request = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::GSI1)
            .scan_index_forward(!range.newest_first)
            .expression_attribute_values(":pk", s(range.pk));
        request = match range.between {
            None => request.key_condition_expression("gsi1pk = :pk"),
            Some((from, to)) => request
                .key_condition_expression("gsi1pk = :pk AND gsi1sk BETWEEN :from AND :to")
                .expression_attribute_values(":from", s(from))
                .expression_attribute_values(":to", s(to)),
        };
        let page = i32::try_from(range.limit.min(1000)).unwrap_or(1000);
        let mut pages = request.limit(page).into_paginator().items().send();
        let mut items = Vec::new();
        while items.len() < range.limit {
            let Some(item) = pages.next().await else { break };
            items.push(item.map_err(|error| StoreError::from_sdk(&error))?);
        }
        Ok(items)
    }

    /// Writes items in one transaction. The SDK's own attempts carry one token, so that an answer lost
    /// on the way does not make it happen twice.
    pub(crate) async fn transact(&self, items: Vec<TransactWriteItem>) -> Result<Outcome, StoreError> {
        let sent = self.client.transact_write_items().set_transact_items(Some(items)).send().await;
        let error = match sent {
            Ok(_) => return Ok(Outcome::Committed),
            Err(error) => error,
        };
        if let SdkError::ServiceError(context) = &error
            && let TransactWriteItemsError::TransactionCanceledException(cancelled) = context.err()
        {
            return sort_out(cancelled.cancellation_reasons().to_vec());
        }
        match StoreError::from_sdk(&error) {
            busy @ (StoreError::Contended | StoreError::Throttled) => Ok(Outcome::Busy(busy)),
            lasting => Err(lasting),
        }
    }
}

/// A stretch of the index.
pub(crate) struct Range<'a> {
    pub(crate) pk: &'a str,
    pub(crate) between: Option<(String, String)>,
    pub(crate) newest_first: bool,
    pub(crate) limit: usize,
}

/// A failed condition is a fact worth knowing; without one, the table was only busy, or we are wrong.
fn sort_out(reasons: Vec<CancellationReason>) -> Result<Outcome, StoreError> {
    let codes = || reasons.iter().map(|reason| reason.code().unwrap_or("None"));
    if codes().any(|code| code == "ConditionalCheckFailed") {
        return Ok(Outcome::Cancelled(reasons));
    }
    let Some(told) = reasons.iter().find(|reason| reason.code().is_some_and(|code| code != "None")) else {
        return Err(StoreError::Service("a cancelled transaction without a reason".to_owned()));
    };
    match StoreError::from_code(told.code(), told.message()) {
        busy @ (StoreError::Contended | StoreError::Throttled) => Ok(Outcome::Busy(busy)),
        lasting => Err(lasting),
    }
}

/// Whether a reason is a failed condition.
pub(crate) fn is_failed_condition(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}

/// Waits before attempt number `attempt + 1`: doubling, and spread by `who` so that those who met once
/// do not meet again, without any randomness.
pub(crate) async fn wait(attempt: u32, who: &str) {
    let doubled = FIRST_WAIT.saturating_mul(1 << attempt.min(10)).min(LONGEST_WAIT);
    let hash = who.bytes().fold(attempt, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let spread = 512 + hash.wrapping_mul(2_654_435_761) % 1024;
    tokio::time::sleep(doubled * spread / 1024).await;
}

/// Values of an expression, by their placeholders.
pub(crate) fn values<const N: usize>(
    pairs: [(&str, AttributeValue); N],
) -> Option<std::collections::HashMap<String, AttributeValue>> {
    Some(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
