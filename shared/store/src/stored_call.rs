//! A call as it lies in the table: one item that holds its facts, and the record they add up to.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{CallId, CallRecord, Fact, Facts, WallTime};

use crate::error::StoreError;
use crate::item::{self, Item, n, s};
use crate::keys;

/// A call is kept for this many days after it was opened.
pub const CALL_RETENTION_DAYS: u64 = 90;
/// Facts beyond this many are kept only when they change the record: a sender gone wild must not fill
/// the item (400 KB). A call of an hour with transfers and voicemail has fewer than 60.
const MAX_EVIDENCE: usize = 512;

/// A call as it lies in the table.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredCall {
    /// What the facts add up to.
    pub record: CallRecord,
    /// All that is known.
    pub facts: Facts,
    /// What the function that opened the call noted for itself; nothing when only callbacks came so far.
    pub plan: Option<String>,
    /// Whether the call occupies one of the agents' places.
    pub has_slot: bool,
    /// Counts the changes of the item.
    pub(crate) revision: u64,
}

/// What is known before a fact is added.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    pub(crate) facts: Facts,
    pub(crate) plan: Option<String>,
    pub(crate) has_slot: bool,
    pub(crate) revision: u64,
}

impl Draft {
    /// Adds a fact. `true` when the item has to be written again.
    pub(crate) fn learn(&mut self, call: &CallId, fact: Fact) -> bool {
        if self.facts.len() < MAX_EVIDENCE {
            return self.facts.insert(fact);
        }
        let mut with = self.facts.clone();
        let is_news = with.insert(fact) && CallRecord::of(call, &with) != CallRecord::of(call, &self.facts);
        if is_news {
            self.facts = with;
        }
        is_news
    }

    /// The call this draft became; nothing when no fact is known.
    pub(crate) fn finish(self, call: &CallId) -> Option<StoredCall> {
        let record = CallRecord::of(call, &self.facts)?;
        let Self { facts, plan, has_slot, revision } = self;
        Some(StoredCall { record, facts, plan, has_slot, revision })
    }
}

impl StoredCall {
    /// The call as a draft of its next revision.
    pub(crate) fn draft(&self) -> Draft {
        Draft {
            facts: self.facts.clone(),
            plan: self.plan.clone(),
            has_slot: self.has_slot,
            revision: self.revision,
        }
    }

    /// Reads an item; nothing when it has expired. The record is folded anew: facts are the truth.
    pub(crate) fn from_item(call: &CallId, item: &Item, now: WallTime) -> Result<Option<Self>, StoreError> {
        if !item::is_live(item, now) {
            return Ok(None);
        }
        let draft = Draft {
            facts: item::from_json(item, "facts")?,
            plan: item::text(item, "plan").map(str::to_owned),
            has_slot: has_slot(item),
            revision: item::number(item, "revision").unwrap_or_default(),
        };
        draft.finish(call).map(Some).ok_or_else(|| StoreError::corrupt("facts", "none"))
    }

    /// The item of the next revision.
    pub(crate) fn to_item(&self) -> Result<Item, StoreError> {
        let record = &self.record;
        let id = &record.call_id;
        let list = match record.is_over() {
            true => keys::closed_calls(record.opened_at),
            false => keys::OPEN_CALLS.to_owned(),
        };
        let expires_at = record.opened_at.plus_secs(CALL_RETENTION_DAYS * 86_400);
        let mut item: HashMap<String, AttributeValue> = item::key_of(keys::call(id));
        item.insert(keys::GSI1PK.to_owned(), s(list));
        item.insert(keys::GSI1SK.to_owned(), s(keys::opened(record.opened_at, id)));
        item.insert(keys::EXPIRES_AT.to_owned(), item::ttl(expires_at));
        item.insert("facts".to_owned(), item::json(&self.facts)?);
        item.insert("record".to_owned(), item::json(record)?);
        item.insert("slot".to_owned(), AttributeValue::Bool(self.has_slot));
        item.insert("revision".to_owned(), n(self.revision + 1));
        if let Some(plan) = &self.plan {
            item.insert("plan".to_owned(), s(plan));
        }
        Ok(item)
    }
}

/// Reads whether the call of an item, or of its copy in the index, has a place.
pub(crate) fn has_slot(item: &Item) -> bool {
    matches!(item.get("slot"), Some(AttributeValue::Bool(true)))
}
