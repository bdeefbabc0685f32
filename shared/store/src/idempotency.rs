//! Requests that may come twice: the first works, the others get its answer.
//!
//! ```text
//!          begin             MarkSeen
//!  (none) ──────▶ in progress ──────▶ done ──(expires)──▶ (none)
//!                   │    ▲
//!                   └────┘ begin, when the lease of the first has run out
//! ```

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::{IdempotencyKey, WallTime};

use crate::error::StoreError;
use crate::item::{self, n, s};
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
        let ours = new_name();
        let mut item = item::key_of(keys::seen(key));
        item.insert("status".to_owned(), s("begun"));
        item.insert("begun_by".to_owned(), s(&ours));
        item.insert("lease_until".to_owned(), n(lease_until.as_millis()));
        item.insert(keys::EXPIRES_AT.to_owned(), item::ttl(expires_at));
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let sent = request
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
        match sent {
            Ok(_) => Ok(Begin::Started),
            Err(SdkError::ServiceError(context)) if context.err().is_conditional_check_failed_exception() => {
                Ok(what_is_known(context.err(), &ours))
            }
            Err(error) => Err(StoreError::from_sdk(&error)),
        }
    }
}

/// A name nobody else uses: random for the process, counted within it.
fn new_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{:016x}{:016x}", RandomState::new().hash_one(count), RandomState::new().hash_one(count))
}

/// What the item says that kept us from beginning. It may be our own: the answer to the first attempt
/// was lost on the way.
fn what_is_known(error: &PutItemError, ours: &str) -> Begin {
    let PutItemError::ConditionalCheckFailedException(failed) = error else { return Begin::InProgress };
    let Some(item) = &failed.item else { return Begin::InProgress };
    match (item::text(item, "status"), item::text(item, "response"), item::text(item, "begun_by")) {
        (Some("done"), Some(response), _) => Begin::Done(response.to_owned()),
        (Some("begun"), _, Some(by)) if by == ours => Begin::Started,
        _ => Begin::InProgress,
    }
}
