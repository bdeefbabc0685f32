//! What every function's `main` needs, once.
//!
//! * [`serve`]: the loop; a slow or panicking handler still gets its caller an answer.
//! * [`Request`] and [`Reply`]: HTTP as raw as it came.
//! * [`Settings`]: the environment, checked; secrets laid over it and read again every five minutes.
//! * [`admit`]: a carrier's signed webhook, and nobody else.

mod admission;
mod api_token;
mod closing;
pub mod logging;
mod reply;
mod request;
mod secrets;
mod serve;
mod settings;
mod store_failure;

pub use admission::{Admitted, admit, prefix_of, provider_of};
pub use api_token::{ApiRole, ApiTokens};
pub use closing::{close_if_ended, remove_room};
pub use lambda_runtime::Error;
pub use reply::{ERROR_HEADER, Reply};
pub use request::{ContentType, HttpEvent, MAX_BODY, Request};
pub use serve::{Function, Parts, answer, now, serve};
pub use settings::{Carriers, Settings, SettingsError, SipRoad};
pub use store_failure::{served_without_table, store_failed};
