//! Asks carriers over their REST APIs: sends what `carrier::rest` builds, reads what comes back.
//!
//! [`Accounts`] says whom one can ask, [`CarrierApi`] does it: with a deadline, with pauses where the carrier
//! asks for them, and without believing a byte more than is needed.

mod accounts;
mod carrier_api;
mod download;

pub use accounts::Accounts;
pub use carrier_api::CarrierApi;
pub use download::{DownloadError, MAX_RECORDING};
