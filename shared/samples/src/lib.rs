//! Samples: events signed with fixed values, and a small deployment to send them to.
//!
//! For tests. The values open nothing; a local stack that is given them serves the same files through
//! `cargo lambda invoke`.

mod busy_table;
mod carrier_server;
mod cases;
mod event;
mod http_request;
mod livekit_server;
mod log;
mod round_trips;
mod runtime_api;
mod snapshot;
mod table_network;
pub mod values;
mod world;

pub use busy_table::Trouble;
pub use carrier_server::{CarrierAnswer, CarrierServer};
pub use cases::{Case, all};
pub use event::{Sent, project};
pub use http_request::HttpRequest;
pub use livekit_server::{Behaviour, LiveKitServer, PhoneInRoom};
pub use round_trips::RoundTrips;
pub use runtime_api::RuntimeApi;
pub use snapshot::{check, check_event_files};
pub use world::{World, ago, call, job, now, number};
