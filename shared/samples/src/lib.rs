//! Samples: events signed with fixed values, and a small deployment to send them to.
//!
//! For tests. The values open nothing; a local stack that is given them serves the same files through
//! `cargo lambda invoke`.

mod cases;
mod event;
mod livekit_server;
mod runtime_api;
mod snapshot;
pub mod values;
mod world;

pub use cases::{Case, all};
pub use event::{Sent, project};
pub use livekit_server::{Behaviour, LiveKitServer};
pub use runtime_api::RuntimeApi;
pub use snapshot::{check, check_event_files};
pub use world::{World, ago, call, job, now, number};

#[cfg(test)]
mod tests {
    #[test]
    fn the_event_files_are_the_sample_events() {
        super::check_event_files();
    }
}
