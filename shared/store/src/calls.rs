//! Calls: what an incoming one needs, one by its id, lists.

use domain::{
    CallId, CallRecord, Callback, Caller, E164, Heartbeat, NumberConfig, RateLimit, RateScope, Session,
    WallTime,
};

use crate::error::StoreError;
use crate::item::{self, Item};
use crate::keys;
use crate::store::{Range, Store};
use crate::stored_call::{StoredCall, has_slot};

/// Whose call it is that came in.
#[derive(Debug, Clone)]
pub struct Query<'a> {
    /// The call.
    pub call: &'a CallId,
    /// Who calls.
    pub caller: &'a Caller,
    /// The number called; nothing when what was called is no number.
    pub number: Option<&'a E164>,
}

/// All that has to be known to answer an incoming call.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming {
    /// What the number is configured to do; nothing when it is not ours.
    pub number: Option<NumberConfig>,
    /// The call, when it was heard of before. With a plan: its webhook is being repeated.
    pub call: Option<StoredCall>,
    /// Places taken by calls.
    pub active_calls: u32,
    /// The containers that live.
    pub workers: Vec<Heartbeat>,
    /// This caller's calls to this number in the current minute.
    pub calls_by_caller: u32,
    /// All calls to this number in the current minute.
    pub calls_to_number: u32,
}

impl Incoming {
    /// Places of all containers that live.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.workers.iter().fold(0, |sum, worker| sum.saturating_add(worker.capacity))
    }
}

/// A line of a list of calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The record, a moment old as lists are.
    pub record: CallRecord,
    /// Whether the call occupies one of the agents' places.
    pub has_slot: bool,
}

impl Store {
    /// Loads all that has to be known to answer an incoming call, in one round trip: two requests side
    /// by side.
    ///
    /// # Errors
    /// When the table does not answer in time, or refuses.
    pub async fn incoming(&self, query: &Query<'_>, now: WallTime) -> Result<Incoming, StoreError> {
        let rates = query.number.map(|number| Rates::of(query.caller, number, now));
        let mut wanted = vec![keys::call(query.call), keys::places()];
        wanted.extend(query.number.map(keys::number));
        wanted.extend(rates.iter().flat_map(|rates| [keys::rate(&rates.caller), keys::rate(&rates.number)]));
        let (items, workers) = tokio::join!(self.get_all(&wanted), self.workers(now));
        let items = items?;
        let find = |key: keys::Key| {
            items.iter().find(|item| {
                item::text(item, keys::PK) == Some(key.pk.as_str())
                    && item::text(item, keys::SK) == Some(key.sk.as_str())
            })
        };
        let count = |key: keys::Key, name: &str| find(key).map_or(0, |item| counter(item, name));
        let call = find(keys::call(query.call));
        let number = query.number.and_then(|number| find(keys::number(number)));
        Ok(Incoming {
            number: number.map(|item| item::from_json(item, "doc")).transpose()?,
            call: call.map(|item| StoredCall::from_item(query.call, item, now)).transpose()?.flatten(),
            active_calls: count(keys::places(), "taken"),
            workers: workers?,
            calls_by_caller: rates.as_ref().map_or(0, |rates| count(keys::rate(&rates.caller), "calls")),
            calls_to_number: rates.as_ref().map_or(0, |rates| count(keys::rate(&rates.number), "calls")),
        })
    }

    /// Loads a call.
    ///
    /// # Errors
    /// When the table does not answer in time, or refuses.
    pub async fn call(&self, call: &CallId, now: WallTime) -> Result<Option<StoredCall>, StoreError> {
        let item = self.get(keys::call(call)).await?;
        Ok(item.map(|item| StoredCall::from_item(call, &item, now)).transpose()?.flatten())
    }

    /// The sessions of agents in a call's room.
    ///
    /// # Errors
    /// When the table does not answer in time, or refuses.
    pub async fn sessions(&self, call: &CallId) -> Result<Vec<Session>, StoreError> {
        let items = self.query(&keys::call(call).pk, keys::SESSION_PREFIX).await?;
        items.iter().map(|item| item::from_json(item, "doc")).collect()
    }

    /// Callbacks due before `before`, the earliest first, at most `limit`.
    ///
    /// # Errors
    /// When the table does not answer in time, or refuses.
    pub async fn callbacks(&self, before: WallTime, limit: usize) -> Result<Vec<Callback>, StoreError> {
        let between = Some((keys::opened_from(WallTime::from_millis(0)), keys::opened_from(before)));
        let range = Range { pk: keys::CALLBACKS, between, newest_first: false, limit };
        self.list(range).await?.iter().map(|item| item::from_json(item, "doc")).collect()
    }

    /// Calls that are not over and were opened before `before`, the oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the table does not answer in time, or refuses.
    pub async fn open_calls(&self, before: WallTime, limit: usize) -> Result<Vec<Listed>, StoreError> {
        let between = Some((keys::opened_from(WallTime::from_millis(0)), keys::opened_from(before)));
        let range = Range { pk: keys::OPEN_CALLS, between, newest_first: false, limit };
        listed(&self.list(range).await?)
    }

    /// Calls opened from `from` until before `until`, the newest first, at most `limit`; those that are
    /// not over come first.
    ///
    /// # Errors
    /// When the table does not answer in time, or refuses.
    pub async fn calls(
        &self,
        from: WallTime,
        until: WallTime,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let mut found = Vec::new();
        let mut lists = vec![keys::OPEN_CALLS.to_owned()];
        let (first_day, last_day) = (from.as_secs() / 86_400, until.as_secs() / 86_400);
        let days = (first_day..=last_day).rev();
        lists.extend(days.map(|day| keys::closed_calls(WallTime::from_secs(day * 86_400))));
        for pk in lists {
            let between = Some((keys::opened_from(from), keys::opened_from(until)));
            let range = Range { pk: &pk, between, newest_first: true, limit: limit - found.len() };
            found.extend(listed(&self.list(range).await?)?);
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }
}

fn listed(items: &[Item]) -> Result<Vec<Listed>, StoreError> {
    items
        .iter()
        .map(|item| Ok(Listed { record: item::from_json(item, "record")?, has_slot: has_slot(item) }))
        .collect()
}

/// A counter that may not exist, or have been disturbed by hand.
pub(crate) fn counter(item: &Item, name: &str) -> u32 {
    item::number(item, name).and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}

/// The counters an incoming call is held against. Their limits do not matter for reading.
struct Rates {
    caller: RateLimit,
    number: RateLimit,
}

impl Rates {
    fn of(caller: &Caller, number: &E164, now: WallTime) -> Self {
        let by_caller = RateScope::Caller { caller: caller.clone(), number: number.clone() };
        let to_number = RateScope::Number { number: number.clone() };
        Self {
            caller: RateLimit::per_minute(by_caller, 0, now),
            number: RateLimit::per_minute(to_number, 0, now),
        }
    }
}
