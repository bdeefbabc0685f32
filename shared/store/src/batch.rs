//! Writes, grouped by the item they touch, and the operations they come to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use domain::{
    AgentId, CallId, Callback, Fact, Heartbeat, IdempotencyKey, RateLimit, Session, WallTime, WorkerId, Write,
};

use crate::applied::{CallChange, Refusal};
use crate::apply::{Known, Seen, impossible};
use crate::error::StoreError;
use crate::item::{self, Item, n, s};
use crate::keys::{self, Key};
use crate::store::values;
use crate::stored_call::StoredCall;

/// Most operations of one transaction (DynamoDB's limit).
const MAX_OPS: usize = 100;
/// A heartbeat is dropped this many seconds after it was made; it counts for less.
const HEARTBEAT_TTL_S: u64 = 300;
/// A counter of a rate is dropped this many seconds after its window.
const RATE_TTL_S: u64 = 120;

/// Writes, grouped by item.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    calls: BTreeMap<CallId, CallWrites>,
    agents: BTreeSet<AgentId>,
    rates: Vec<RateLimit>,
    others: Vec<Option<Other>>,
}

/// What one call is to undergo.
#[derive(Debug, Default, Clone)]
struct CallWrites {
    open: Option<String>,
    facts: Vec<Fact>,
    take: Option<u32>,
    release: bool,
}

/// Writes of items of their own.
#[derive(Debug)]
enum Other {
    Seen { key: IdempotencyKey, response: String, expires_at: WallTime },
    Heartbeat(Heartbeat),
    Goodbye(WorkerId),
    Session(Session),
    Callback(Callback),
}

/// What the writes come to.
pub(crate) enum Planned {
    Refused(Refusal),
    Ops { ops: Vec<Op>, changes: Vec<CallChange> },
}

/// One operation of a transaction.
pub(crate) struct Op {
    verb: Verb,
    condition: Option<&'static str>,
    names: &'static [(&'static str, &'static str)],
    values: Option<HashMap<String, AttributeValue>>,
    pub(crate) on_failure: OnFailure,
}

enum Verb {
    Check(Key),
    Put(Item),
    Update(Key, &'static str),
    Delete(Key),
}

/// What a failed condition means.
#[derive(Debug, Clone)]
pub(crate) enum OnFailure {
    /// The call is not as it was seen.
    LookAgain(CallId),
    /// Nothing may be stored.
    Refuse(Refusal),
    /// The request was answered before.
    Answered(IdempotencyKey),
    /// It was stored before: leave out number so-and-so of the other writes.
    PassOver(usize),
}

impl Batch {
    /// Groups writes.
    pub(crate) fn of(writes: Vec<Write>) -> Result<Self, StoreError> {
        let mut batch = Self::default();
        for write in writes {
            batch.add(write);
        }
        match batch.calls.len() + batch.agents.len() + 1 + batch.rates.len() + batch.others.len() {
            0..=MAX_OPS => Ok(batch),
            _ => Err(impossible("are more than one transaction takes")),
        }
    }

    fn add(&mut self, write: Write) {
        match write {
            Write::OpenCall { call, plan } => self.call(call).open = Some(plan),
            Write::AddFact { call, fact } => self.call(call).facts.push(fact),
            Write::TakeSlot { call, limit } => self.call(call).take = Some(limit),
            Write::ReleaseSlot { call } => self.call(call).release = true,
            Write::NeedAgent { agent } => drop(self.agents.insert(agent)),
            Write::CountRate(rate) => {
                let key = keys::rate(&rate);
                if !self.rates.iter().any(|known| keys::rate(known) == key) {
                    self.rates.push(rate);
                }
            }
            Write::MarkSeen { key, response, expires_at } => {
                self.others.push(Some(Other::Seen { key, response, expires_at }));
            }
            Write::PutHeartbeat(heartbeat) => self.others.push(Some(Other::Heartbeat(heartbeat))),
            Write::RemoveHeartbeat { worker } => self.others.push(Some(Other::Goodbye(worker))),
            Write::PutSession(session) => self.others.push(Some(Other::Session(session))),
            Write::ScheduleCallback(callback) => self.others.push(Some(Other::Callback(callback))),
        }
    }

    fn call(&mut self, call: CallId) -> &mut CallWrites {
        self.calls.entry(call).or_default()
    }

    /// The calls that have to be read first. A call to be opened is taken to be new, which saves a
    /// round trip and is right but for repeated webhooks and early callbacks.
    pub(crate) fn calls_to_read(&self) -> Vec<CallId> {
        self.calls.iter().filter(|(_, w)| w.open.is_none()).map(|(call, _)| call.clone()).collect()
    }

    /// A name that spreads the waits of different batches.
    pub(crate) fn name(&self) -> &str {
        self.calls.keys().next().map_or("", CallId::as_str)
    }

    /// Leaves out one of the other writes from now on.
    pub(crate) fn pass_over(&mut self, index: usize) {
        if let Some(other) = self.others.get_mut(index) {
            *other = None;
        }
    }

    /// The operations, given the calls as last seen.
    pub(crate) fn plan(&self, known: &Known) -> Result<Planned, StoreError> {
        let (mut ops, mut changes) = (Vec::new(), Vec::new());
        let (mut places, mut limit) = (0_i64, u32::MAX);
        for (call, writes) in &self.calls {
            let step = match writes.step(call, known.get(call).unwrap_or(&Seen::Absent))? {
                Ok(step) => step,
                Err(refusal) => return Ok(Planned::Refused(refusal)),
            };
            places += step.places;
            limit = limit.min(writes.take.unwrap_or(u32::MAX));
            ops.extend(step.op);
            changes.push(step.change);
        }
        if places > i64::from(limit) {
            return Ok(Planned::Refused(Refusal::CapacityFull));
        }
        ops.extend(self.agents.iter().map(need_agent));
        ops.extend(count_places(places, limit));
        for rate in &self.rates {
            if rate.limit == 0 {
                return Ok(Planned::Refused(Refusal::RateExceeded(rate.scope.clone())));
            }
            ops.push(count_rate(rate));
        }
        for (index, other) in self.others.iter().enumerate() {
            ops.extend(other.as_ref().map(|other| other.op(index)).transpose()?);
        }
        Ok(Planned::Ops { ops, changes })
    }
}

/// What a call's writes come to.
struct CallStep {
    op: Option<Op>,
    change: CallChange,
    /// Places taken, less places given back.
    places: i64,
}

impl CallWrites {
    fn step(&self, call: &CallId, seen: &Seen) -> Result<Result<CallStep, Refusal>, StoreError> {
        let stored = match seen {
            Seen::Forgotten => return Ok(Err(Refusal::Forgotten(call.clone()))),
            Seen::Here(stored) => Some(stored.as_ref()),
            Seen::Absent => None,
        };
        if let Some(stored) = stored.filter(|stored| self.open.is_some() && stored.plan.is_some()) {
            return Ok(Err(Refusal::AlreadyOpen(Box::new(stored.clone()))));
        }
        let mut draft = stored.map(StoredCall::draft).unwrap_or_default();
        let had_slot = draft.has_slot;
        let new_facts = self.facts.iter().filter(|fact| draft.learn(call, (*fact).clone())).count();
        draft.plan = draft.plan.or_else(|| self.open.clone());
        let Some(mut next) = draft.finish(call) else {
            return match self.open {
                Some(_) => Err(impossible("open a call without a fact about it")),
                None => Err(StoreError::NotFound { kind: "call", id: call.to_string() }),
            };
        };
        next.has_slot = (had_slot || self.take.is_some()) && !self.release && !next.record.is_over();
        let change = CallChange {
            before: stored.map(|stored| stored.record.clone()),
            after: next.record.clone(),
            new_facts,
            gave_slot_back: had_slot && !next.has_slot,
        };
        if let Some(stored) = stored.filter(|stored| **stored == next) {
            return Ok(Ok(CallStep { op: None, change: CallChange::nothing(stored), places: 0 }));
        }
        let places = i64::from(next.has_slot) - i64::from(had_slot);
        Ok(Ok(CallStep { op: Some(put_call(call, &next)?), change, places }))
    }
}

/// Writes a call, if it is still as it was seen.
fn put_call(call: &CallId, next: &StoredCall) -> Result<Op, StoreError> {
    let (condition, values) = match next.revision {
        0 => ("attribute_not_exists(pk)", None),
        seen => ("revision = :seen", values([(":seen", n(seen))])),
    };
    Ok(Op {
        verb: Verb::Put(next.to_item()?),
        condition: Some(condition),
        names: &[],
        values,
        on_failure: OnFailure::LookAgain(call.clone()),
    })
}

/// Looks whether an agent exists.
fn need_agent(agent: &AgentId) -> Op {
    Op {
        verb: Verb::Check(keys::agent(agent)),
        condition: Some("attribute_exists(pk)"),
        names: &[],
        values: None,
        on_failure: OnFailure::Refuse(Refusal::UnknownAgent(agent.clone())),
    }
}

/// Counts places taken and given back. Giving back is never refused; taking is, at the limit.
fn count_places(places: i64, limit: u32) -> Option<Op> {
    let update = "ADD taken :places";
    let on_failure = OnFailure::Refuse(Refusal::CapacityFull);
    let verb = Verb::Update(keys::places(), update);
    match places {
        0 => None,
        ..0 => Some(Op {
            verb,
            condition: None,
            names: &[],
            values: values([(":places", n(places))]),
            on_failure,
        }),
        _ => Some(Op {
            verb,
            condition: Some("attribute_not_exists(taken) OR taken <= :room"),
            names: &[],
            values: values([(":places", n(places)), (":room", n(i64::from(limit) - places))]),
            on_failure,
        }),
    }
}

fn count_rate(rate: &RateLimit) -> Op {
    let expires = item::ttl(rate.ends_at().plus_secs(RATE_TTL_S));
    Op {
        verb: Verb::Update(keys::rate(rate), "ADD calls :one SET #expires = :expires"),
        condition: Some("attribute_not_exists(calls) OR calls < :limit"),
        names: &[("#expires", keys::EXPIRES_AT)],
        values: values([(":one", n(1)), (":limit", n(rate.limit)), (":expires", expires)]),
        on_failure: OnFailure::Refuse(Refusal::RateExceeded(rate.scope.clone())),
    }
}

impl Other {
    fn op(&self, index: usize) -> Result<Op, StoreError> {
        let on_failure = OnFailure::PassOver(index);
        Ok(match self {
            Self::Seen { key, response, expires_at } => mark_seen(key, response, *expires_at),
            Self::Heartbeat(heartbeat) => put_heartbeat(heartbeat, on_failure)?,
            Self::Goodbye(worker) => Op {
                verb: Verb::Delete(keys::worker(worker)),
                condition: None,
                names: &[],
                values: None,
                on_failure,
            },
            Self::Session(session) => put_session(session, on_failure)?,
            Self::Callback(callback) => put_callback(callback, on_failure)?,
        })
    }
}

/// Keeps an answer; only the first one counts.
fn mark_seen(key: &IdempotencyKey, response: &str, expires_at: WallTime) -> Op {
    let mut item = item::key_of(keys::seen(key));
    item.insert("status".to_owned(), s("done"));
    item.insert("response".to_owned(), s(response));
    item.insert(keys::EXPIRES_AT.to_owned(), item::ttl(expires_at));
    Op {
        verb: Verb::Put(item),
        condition: Some("attribute_not_exists(pk) OR #status <> :done"),
        names: &[("#status", "status")],
        values: values([(":done", s("done"))]),
        on_failure: OnFailure::Answered(key.clone()),
    }
}

/// Keeps a heartbeat unless a later one is there.
fn put_heartbeat(heartbeat: &Heartbeat, on_failure: OnFailure) -> Result<Op, StoreError> {
    let beat_at = n(heartbeat.at.as_millis());
    let mut item = item::key_of(keys::worker(&heartbeat.worker));
    item.insert("doc".to_owned(), item::json(heartbeat)?);
    item.insert("beat_at".to_owned(), beat_at.clone());
    item.insert(keys::EXPIRES_AT.to_owned(), item::ttl(heartbeat.at.plus_secs(HEARTBEAT_TTL_S)));
    Ok(Op {
        verb: Verb::Put(item),
        condition: Some("attribute_not_exists(beat_at) OR beat_at < :at"),
        names: &[],
        values: values([(":at", beat_at)]),
        on_failure,
    })
}

/// Keeps a session; one that has ended is not opened again.
fn put_session(session: &Session, on_failure: OnFailure) -> Result<Op, StoreError> {
    let days = crate::stored_call::CALL_RETENTION_DAYS;
    let mut item = item::key_of(keys::session(&session.call, &session.job));
    item.insert("doc".to_owned(), item::json(session)?);
    item.insert("ended".to_owned(), AttributeValue::Bool(session.ended_at.is_some()));
    item.insert(keys::EXPIRES_AT.to_owned(), item::ttl(session.started_at.plus_secs(days * 86_400)));
    Ok(Op {
        verb: Verb::Put(item),
        condition: Some("attribute_not_exists(ended) OR ended = :no"),
        names: &[],
        values: values([(":no", AttributeValue::Bool(false))]),
        on_failure,
    })
}

/// Keeps a promise; the first one counts.
fn put_callback(callback: &Callback, on_failure: OnFailure) -> Result<Op, StoreError> {
    let days = crate::stored_call::CALL_RETENTION_DAYS;
    let mut item = item::key_of(keys::callback(callback));
    item.insert("doc".to_owned(), item::json(callback)?);
    item.insert(keys::GSI1PK.to_owned(), s(keys::CALLBACKS));
    item.insert(keys::GSI1SK.to_owned(), s(keys::opened(callback.at, &callback.call)));
    item.insert(keys::EXPIRES_AT.to_owned(), item::ttl(callback.at.plus_secs(days * 86_400)));
    Ok(Op {
        verb: Verb::Put(item),
        condition: Some("attribute_not_exists(pk)"),
        names: &[],
        values: None,
        on_failure,
    })
}

impl Op {
    /// The SDK's form of the operation.
    pub(crate) fn item(&self, table: &str) -> Result<TransactWriteItem, StoreError> {
        let names = (!self.names.is_empty())
            .then(|| self.names.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
        let condition = self.condition.map(str::to_owned);
        let old = ReturnValuesOnConditionCheckFailure::AllOld;
        let transact = TransactWriteItem::builder();
        Ok(match &self.verb {
            Verb::Check(key) => {
                let check = ConditionCheck::builder()
                    .table_name(table)
                    .set_key(Some(item::key_of(key.clone())))
                    .set_condition_expression(condition);
                transact.condition_check(check.build().map_err(StoreError::unbuilt)?).build()
            }
            Verb::Put(item) => {
                let put = Put::builder()
                    .table_name(table)
                    .set_item(Some(item.clone()))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(self.values.clone())
                    .return_values_on_condition_check_failure(old);
                transact.put(put.build().map_err(StoreError::unbuilt)?).build()
            }
            Verb::Update(key, expression) => {
                let update = Update::builder()
                    .table_name(table)
                    .set_key(Some(item::key_of(key.clone())))
                    .update_expression(*expression)
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(self.values.clone());
                transact.update(update.build().map_err(StoreError::unbuilt)?).build()
            }
            Verb::Delete(key) => {
                let delete = aws_sdk_dynamodb::types::Delete::builder()
                    .table_name(table)
                    .set_key(Some(item::key_of(key.clone())));
                transact.delete(delete.build().map_err(StoreError::unbuilt)?).build()
            }
        })
    }
}
