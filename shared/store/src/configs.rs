//! Configurations: numbers, agents, voices, users. What names another cannot outlive it.
//!
//! Each configuration knows who uses it (`used_by`, a set of partition keys, and `refs`, which counts
//! that set's changes). Both sides change in one transaction, so that a number always has its agent and
//! an agent its voice, without a reader having to look. An agent's item holds a copy of its voice, so
//! that the agent at the start of a call reads one item.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem, Update};
use domain::{AgentConfig, AgentId, Config, E164, Invalid, NumberConfig, User, UserId, Voice, VoiceId};
use serde::Serialize;

use crate::error::StoreError;
use crate::item::{self, Item, json, n, s};
use crate::keys::{self, Key};
use crate::store::{Outcome, Range, Store, is_failed_condition, values, wait};

/// Attempts at one change, before others are said to be in the way.
const ATTEMPTS: u32 = 8;
/// Most agents that speak with one voice: a change of it is one transaction of at most 100 items.
const MAX_USERS_OF_A_VOICE: usize = 90;

/// An agent with all it needs to begin a call.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentBundle {
    /// Its configuration.
    pub agent: AgentConfig,
    /// The voice it speaks with.
    pub voice: Voice,
}

/// A kind of configuration.
pub(crate) trait Document: Config + Serialize + Clone {
    const KIND: &'static str;
    const LIST: &'static str;
    type Id;
    fn key_of(id: &Self::Id) -> Key;
    fn id(&self) -> &Self::Id;
    fn name(id: &Self::Id) -> String;
    fn version_mut(&mut self) -> &mut u64;
    /// What it names, each with the field that does.
    fn names(&self) -> Vec<(&'static str, Key)>;
}

macro_rules! document {
    ($type:ty, $id:ty, $field:ident, $kind:literal, $list:literal, $key:path, |$this:ident| $names:expr) => {
        impl Document for $type {
            const KIND: &'static str = $kind;
            const LIST: &'static str = $list;
            type Id = $id;

            fn key_of(id: &Self::Id) -> Key {
                $key(id)
            }

            fn id(&self) -> &Self::Id {
                &self.$field
            }

            fn name(id: &Self::Id) -> String {
                id.as_str().to_owned()
            }

            fn version_mut(&mut self) -> &mut u64 {
                &mut self.version
            }

            fn names(&self) -> Vec<(&'static str, Key)> {
                let $this = self;
                $names
            }
        }
    };
}

document!(NumberConfig, E164, number, "number", "NUMBERS", keys::number, |number| {
    let mut names = vec![("agent", keys::agent(&number.agent))];
    names.extend(number.user.as_ref().map(|user| ("user", keys::user(user))));
    names
});
document!(AgentConfig, AgentId, id, "agent", "AGENTS", keys::agent, |agent| {
    let mut names = vec![("voice", keys::voice(&agent.voice))];
    names.extend(agent.user.as_ref().map(|user| ("user", keys::user(user))));
    names
});
document!(Voice, VoiceId, id, "voice", "VOICES", keys::voice, |voice| {
    voice.user.iter().map(|user| ("user", keys::user(user))).collect()
});
document!(User, UserId, id, "user", "USERS", keys::user, |_user| Vec::new());

macro_rules! verbs {
    ($type:ty, $id:ty, $get:ident, $list:ident, $put:ident, $remove:ident) => {
        impl Store {
            /// Loads one configuration.
            ///
            /// # Errors
            /// When the table does not answer in time, or refuses.
            pub async fn $get(&self, id: &$id) -> Result<Option<$type>, StoreError> {
                self.load::<$type>(id).await
            }

            /// Lists all configurations of this kind, in the order of their ids; a moment old.
            ///
            /// # Errors
            /// When the table does not answer in time, or refuses.
            pub async fn $list(&self) -> Result<Vec<$type>, StoreError> {
                self.load_all::<$type>().await
            }

            /// Checks and stores a configuration. Its `version` must be the stored one (0: it is new)
            /// and is counted up; the stored value is returned.
            ///
            /// # Errors
            /// [`StoreError::Invalid`] names the field that breaks a rule or names nothing;
            /// [`StoreError::Stale`] when the version is not the stored one.
            pub async fn $put(&self, value: $type) -> Result<$type, StoreError> {
                self.put(value).await
            }

            /// Removes a configuration.
            ///
            /// # Errors
            /// [`StoreError::NotFound`]; [`StoreError::InUse`] when another configuration names it.
            pub async fn $remove(&self, id: &$id) -> Result<(), StoreError> {
                self.remove::<$type>(id).await
            }
        }
    };
}

verbs!(NumberConfig, E164, number, numbers, put_number, remove_number);
verbs!(AgentConfig, AgentId, agent, agents, put_agent, remove_agent);
verbs!(Voice, VoiceId, voice, voices, put_voice, remove_voice);
verbs!(User, UserId, user, users, put_user, remove_user);

impl Store {
    /// An agent with its voice, in one read: what the agent loads when a call begins.
    ///
    /// # Errors
    /// When the table does not answer in time, or refuses.
    pub async fn agent_bundle(&self, id: &AgentId) -> Result<Option<AgentBundle>, StoreError> {
        let Some(item) = self.get(keys::agent(id)).await? else { return Ok(None) };
        Ok(Some(AgentBundle {
            agent: item::from_json(&item, "doc")?,
            voice: item::from_json(&item, "voice_doc")?,
        }))
    }

    async fn load<D: Document>(&self, id: &D::Id) -> Result<Option<D>, StoreError> {
        let item = self.get(D::key_of(id)).await?;
        item.map(|item| item::from_json(&item, "doc")).transpose()
    }

    async fn load_all<D: Document>(&self) -> Result<Vec<D>, StoreError> {
        let range = Range { pk: D::LIST, between: None, newest_first: false, limit: usize::MAX };
        self.list(range).await?.iter().map(|item| item::from_json(item, "doc")).collect()
    }

    async fn put<D: Document>(&self, value: D) -> Result<D, StoreError> {
        value.validate()?;
        for attempt in 0..ATTEMPTS {
            let change = self.plan_put(value.clone()).await?;
            if self.try_change(change.items, attempt, &D::name(value.id())).await? {
                return Ok(change.stored);
            }
        }
        Err(StoreError::Contended)
    }

    /// One attempt at a change. `false`: what it was planned on has changed, plan again.
    async fn try_change(
        &self,
        items: Vec<TransactWriteItem>,
        attempt: u32,
        name: &str,
    ) -> Result<bool, StoreError> {
        match self.transact(items).await? {
            Outcome::Committed => Ok(true),
            Outcome::Cancelled(reasons) if reasons.iter().any(is_failed_condition) => Ok(false),
            Outcome::Cancelled(_) | Outcome::Busy(_) => {
                wait(attempt, name).await;
                Ok(false)
            }
        }
    }

    async fn plan_put<D: Document>(&self, mut value: D) -> Result<Change<D>, StoreError> {
        let name = D::name(value.id());
        let own = D::key_of(value.id());
        let before = self.get(own.clone()).await?;
        let seen: u64 = before.as_ref().and_then(|item| item::number(item, "version")).unwrap_or(0);
        if *value.version_mut() != seen {
            return Err(StoreError::Stale { kind: D::KIND, id: name });
        }
        *value.version_mut() = seen + 1;
        let names = value.names();
        let named = self.get_all(&names.iter().map(|(_, key)| key.clone()).collect::<Vec<_>>()).await?;
        for (field, key) in &names {
            let exists = named.iter().any(|item| item::text(item, keys::PK) == Some(key.pk.as_str()));
            if !exists {
                return Err(Invalid::new(*field, "names nothing that exists").into());
            }
        }
        let mut items = vec![self.put_own(&value, &own, before.as_ref(), &named, &name)?];
        for (_, key) in &names {
            let item = named.iter().find(|item| item::text(item, keys::PK) == Some(key.pk.as_str()));
            items.push(self.gain_user(key, &own, item)?);
        }
        for lost in lost_names::<D>(before.as_ref(), &names)? {
            items.push(self.lose_user(&lost, &own)?);
        }
        if D::KIND == Voice::KIND {
            items.extend(self.renew_copies(before.as_ref(), &json(&value)?)?);
        }
        Ok(Change { stored: value, items })
    }

    /// Writes the configuration itself, if nobody changed it or gained its use since it was read.
    fn put_own<D: Document>(
        &self,
        value: &D,
        own: &Key,
        before: Option<&Item>,
        named: &[Item],
        name: &str,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(item::key_of(own.clone())))
            .expression_attribute_values(":doc", json(value)?)
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":list", s(D::LIST))
            .expression_attribute_values(":name", s(name));
        let mut sets = "SET doc = :doc, gsi1pk = :list, gsi1sk = :name".to_owned();
        if let Some(voice) = named.iter().find(|item| item::text(item, keys::GSI1PK) == Some(Voice::LIST)) {
            let copy = item::text(voice, "doc").unwrap_or_default();
            update = update.expression_attribute_values(":voice", s(copy));
            sets.push_str(", voice_doc = :voice");
        }
        update = match before {
            None => update.condition_expression("attribute_not_exists(pk)"),
            Some(item) => update
                .condition_expression("version = :seen AND refs = :refs")
                .expression_attribute_values(":seen", n(item::number(item, "version").unwrap_or(0)))
                .expression_attribute_values(":refs", n(item::number(item, "refs").unwrap_or(0))),
        };
        if before.is_none() {
            sets.push_str(", refs = :zero");
            update = update.expression_attribute_values(":zero", n(0));
        }
        let update = update.update_expression(format!("{sets} ADD version :one"));
        Ok(TransactWriteItem::builder().update(update.build().map_err(StoreError::unbuilt)?).build())
    }

    /// Notes at `target` that `user` uses it, if it is still as it was copied.
    fn gain_user(
        &self,
        target: &Key,
        user: &Key,
        item: Option<&Item>,
    ) -> Result<TransactWriteItem, StoreError> {
        let version = item.and_then(|item| item::number(item, "version")).unwrap_or(0);
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(item::key_of(target.clone())))
            .update_expression("ADD used_by :user, refs :one")
            .condition_expression("version = :version")
            .set_expression_attribute_values(values([
                (":user", AttributeValue::Ss(vec![user.pk.clone()])),
                (":one", n(1)),
                (":version", n(version)),
            ]));
        Ok(TransactWriteItem::builder().update(update.build().map_err(StoreError::unbuilt)?).build())
    }

    /// Notes at `target` that `user` uses it no more.
    fn lose_user(&self, target: &Key, user: &Key) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(item::key_of(target.clone())))
            .update_expression("DELETE used_by :user ADD refs :one")
            .condition_expression("attribute_exists(pk)")
            .set_expression_attribute_values(values([
                (":user", AttributeValue::Ss(vec![user.pk.clone()])),
                (":one", n(1)),
            ]));
        Ok(TransactWriteItem::builder().update(update.build().map_err(StoreError::unbuilt)?).build())
    }

    /// Gives the agents that speak with a voice its new settings.
    fn renew_copies(
        &self,
        voice: Option<&Item>,
        doc: &AttributeValue,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let agents: Vec<Key> = users_of(voice).iter().map(|pk| keys::config(pk)).collect();
        if agents.len() > MAX_USERS_OF_A_VOICE {
            return Err(Invalid::new("id", "is used by more than 90 agents; make a second voice").into());
        }
        let renew = |agent: Key| {
            let update = Update::builder()
                .table_name(&self.table)
                .set_key(Some(item::key_of(agent)))
                .update_expression("SET voice_doc = :doc")
                .condition_expression("attribute_exists(pk)")
                .expression_attribute_values(":doc", doc.clone());
            Ok(TransactWriteItem::builder().update(update.build().map_err(StoreError::unbuilt)?).build())
        };
        agents.into_iter().map(renew).collect()
    }

    async fn remove<D: Document>(&self, id: &D::Id) -> Result<(), StoreError> {
        let own = D::key_of(id);
        for attempt in 0..ATTEMPTS {
            let Some(item) = self.get(own.clone()).await? else {
                return Err(StoreError::NotFound { kind: D::KIND, id: D::name(id) });
            };
            let users = users_of(Some(&item));
            if !users.is_empty() {
                let by = users.iter().map(|pk| pk.replace('#', " ").to_lowercase()).collect::<Vec<_>>();
                return Err(StoreError::InUse { kind: D::KIND, id: D::name(id), by: by.join(", ") });
            }
            let mut items = vec![self.delete_own(&own, &item)?];
            for (_, named) in item::from_json::<D>(&item, "doc")?.names() {
                items.push(self.lose_user(&named, &own)?);
            }
            if self.try_change(items, attempt, &own.pk).await? {
                return Ok(());
            }
        }
        Err(StoreError::Contended)
    }

    fn delete_own(&self, own: &Key, item: &Item) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(item::key_of(own.clone())))
            .condition_expression("version = :seen AND refs = :refs")
            .set_expression_attribute_values(values([
                (":seen", n(item::number(item, "version").unwrap_or(0))),
                (":refs", n(item::number(item, "refs").unwrap_or(0))),
            ]));
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(StoreError::unbuilt)?).build())
    }
}

/// A planned change.
struct Change<D> {
    stored: D,
    items: Vec<TransactWriteItem>,
}

/// What a configuration named before and names no more.
fn lost_names<D: Document>(
    before: Option<&Item>,
    names: &[(&'static str, Key)],
) -> Result<Vec<Key>, StoreError> {
    let Some(item) = before else { return Ok(Vec::new()) };
    let old = item::from_json::<D>(item, "doc")?.names();
    Ok(old.into_iter().map(|(_, key)| key).filter(|key| !names.iter().any(|(_, k)| k == key)).collect())
}

/// Partition keys of the configurations that use an item's.
fn users_of(item: Option<&Item>) -> BTreeSet<String> {
    item.and_then(|item| item.get("used_by")?.as_ss().ok()).into_iter().flatten().cloned().collect()
}
