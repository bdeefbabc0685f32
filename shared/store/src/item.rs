//! Items: reading and writing attributes.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::WallTime;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;
use crate::keys::{EXPIRES_AT, Key, PK, SK};

/// An item as the SDK gives it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A string attribute.
pub(crate) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number attribute.
pub(crate) fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// The time to live: rounded up, so that nothing is dropped early.
pub(crate) fn ttl(at: WallTime) -> AttributeValue {
    n(at.as_millis().div_ceil(1000))
}

/// The key attributes alone.
pub(crate) fn key_of(key: Key) -> Item {
    HashMap::from([(PK.to_owned(), s(key.pk)), (SK.to_owned(), s(key.sk))])
}

/// A value as a JSON attribute.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<AttributeValue, StoreError> {
    serde_json::to_string(value)
        .map(AttributeValue::S)
        .map_err(|e| StoreError::corrupt("value", e.to_string()))
}

/// Reads a string attribute.
pub(crate) fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// Reads a whole-number attribute.
pub(crate) fn number(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// Reads a JSON attribute.
pub(crate) fn from_json<T: DeserializeOwned>(item: &Item, name: &str) -> Result<T, StoreError> {
    let text = text(item, name).ok_or_else(|| StoreError::corrupt(name, "is missing"))?;
    serde_json::from_str(text).map_err(|error| StoreError::corrupt(name, error.to_string()))
}

/// Whether an item still counts. DynamoDB drops expired items when it pleases, so every read asks this.
pub(crate) fn is_live(item: &Item, now: WallTime) -> bool {
    number(item, EXPIRES_AT).is_none_or(|at| at > now.as_secs())
}
