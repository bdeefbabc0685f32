//! Requests that may come twice: the first works, the others get its answer.
//!
//! ```text
//!          begin             MarkSeen
//!  (none) ──────▶ in progress ──────▶ done ──(expires)──▶ (none)
//!                   │    ▲
//!                   └────┘ begin, when the lease of the first has run out
//! ```

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::{IdempotencyKey, WallTime};

use crate::error::StoreError;
use crate::item::{self, Item, n, s};
use crate::keys;
use crate::store::{Store, values};

/// What is known of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// Nothing: work, then store [`domain::Write::MarkSeen`].
    Started,
    /// Somebody is at it.
    InProgress,
    /// It was answered with this.
    Done(String),
}

/// First: it was not there. Second: its answer has expired. Third: who began it never finished.
const MAY_BEGIN: &str = "attribute_not_exists(pk) OR #expires <= :now \
    OR (#status = :begun AND lease_until <= :now_ms)";

impl Store {
    /// Begins to work on a request, unless it was answered or somebody is at it.
    ///
    /// `lease_until`: from when on somebody else may begin anew. `expires_at`: from when on it is
    /// forgotten, if it is never finished.
    ///
    /// # Errors
    /// When the table does not answer in time, or refuses.
    pub async fn begin(
        &self,
        key: &IdempotencyKey,
        now: WallTime,
        lease_until: WallTime,
        expires_at: WallTime,
    ) -> Result<Begin, StoreError> {
        let mut item = item::key_of(keys::seen(key));
        item.insert("status".to_owned(), s("begun"));
        item.insert("lease_until".to_owned(), n(lease_until.as_millis()));
        item.insert(keys::EXPIRES_AT.to_owned(), item::ttl(expires_at));
        let sent = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(MAY_BEGIN)
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#expires", keys::EXPIRES_AT)
            .set_expression_attribute_values(values([
                (":now", n(now.as_secs())),
                (":now_ms", n(now.as_millis())),
                (":begun", s("begun")),
            ]))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match sent {
            Ok(_) => return Ok(Begin::Started),
            Err(error) => error,
        };
        if let SdkError::ServiceError(context) = &error
            && let PutItemError::ConditionalCheckFailedException(failed) = context.err()
        {
            return Ok(failed.item.as_ref().map_or(Begin::InProgress, what_is_known));
        }
        Err(StoreError::from_sdk(&error))
    }
}

fn what_is_known(item: &Item) -> Begin {
    match (item::text(item, "status"), item::text(item, "response")) {
        (Some("done"), Some(response)) => Begin::Done(response.to_owned()),
        _ => Begin::InProgress,
    }
}
