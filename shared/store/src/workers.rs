//! Containers that live, and places taken.

use domain::{Heartbeat, WallTime};

use crate::calls::counter;
use crate::error::StoreError;
use crate::item;
use crate::keys;
use crate::store::Store;

impl Store {
    /// The containers that have beaten lately.
    ///
    /// # Errors
    /// When the table does not answer in time, or refuses.
    pub async fn workers(&self, now: WallTime) -> Result<Vec<Heartbeat>, StoreError> {
        let items = self.query(keys::WORKERS, "").await?;
        let beats = items.iter().map(|item| item::from_json::<Heartbeat>(item, "doc"));
        let fresh = |beat: &Result<Heartbeat, StoreError>| beat.as_ref().is_ok_and(|beat| beat.is_fresh(now));
        beats.filter(|beat| beat.is_err() || fresh(beat)).collect()
    }

    /// How many places are taken by calls.
    ///
    /// # Errors
    /// When the table does not answer in time, or refuses.
    pub async fn active_calls(&self) -> Result<u32, StoreError> {
        let item = self.get(keys::places()).await?;
        Ok(item.map_or(0, |item| counter(&item, "taken")))
    }
}
