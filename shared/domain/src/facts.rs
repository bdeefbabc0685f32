//! All that is known about one call.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fact::{Fact, FactKey};

/// The set of facts known about one call.
///
/// A join-semilattice: [`Facts::insert`] and [`Facts::merge`] are commutative, associative and
/// idempotent, and the set only grows. The same event delivered again is no new fact; its earliest
/// time counts. Two different contents under one key (a sender that contradicts itself) are both kept,
/// so that nothing once known is lost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Fact>", into = "Vec<Fact>")]
pub struct Facts(BTreeMap<FactKey, Vec<Fact>>);

impl Facts {
    /// Nothing known.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Learns a fact. `true` when that changed the set.
    pub fn insert(&mut self, fact: Fact) -> bool {
        let known = self.0.entry(fact.key.clone()).or_default();
        match known.iter_mut().find(|other| other.event == fact.event) {
            Some(other) if other.at <= fact.at => return false,
            Some(other) => other.at = fact.at,
            None => known.push(fact),
        }
        known.sort_unstable();
        true
    }

    /// Learns all facts of another set.
    pub fn merge(&mut self, other: Self) {
        for fact in other.0.into_values().flatten() {
            self.insert(fact);
        }
    }

    /// Whether an event is known, by its key.
    #[must_use]
    pub fn contains(&self, key: &FactKey) -> bool {
        self.0.contains_key(key)
    }

    /// The facts in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = &Fact> {
        self.0.values().flatten()
    }

    /// The facts in the order of time.
    #[must_use]
    pub fn by_time(&self) -> Vec<&Fact> {
        let mut facts: Vec<&Fact> = self.iter().collect();
        facts.sort_by_key(|fact| (fact.at, &fact.key));
        facts
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<Fact>> for Facts {
    fn from(facts: Vec<Fact>) -> Self {
        facts.into_iter().collect()
    }
}

impl From<Facts> for Vec<Fact> {
    fn from(facts: Facts) -> Self {
        facts.0.into_values().flatten().collect()
    }
}

impl FromIterator<Fact> for Facts {
    fn from_iter<I: IntoIterator<Item = Fact>>(facts: I) -> Self {
        let mut set = Self::new();
        for fact in facts {
            set.insert(fact);
        }
        set
    }
}
