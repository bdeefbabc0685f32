//! The whole product on one machine, and the carrier that calls it.
//!
//! [`Stack`] starts, each on free ports of 127.0.0.1 and each awaited: DynamoDB (embedded, kept in `target/local`), redis,
//! livekit-server, livekit-sip, simulated vendors, cargo-lambda's emulator with the functions' real binaries, an HTTP front with the
//! production [`ROUTES`], and the agent. [`StackFile`] describes it to any other tool.
//!
//! [`place`] is carrier and caller of one call: it posts the signed webhook, carries out the TwiML it gets (the dialled leg is a real
//! SIP phone's call), sends the callbacks, and measures what the caller got in the phone's own recording.
//!
//! Where this differs from production:
//! * cargo-lambda's emulator gives no usable deadline and one process answers one request at a time: `function_instances` of each.
//! * The SIP phone cannot add headers to its INVITE: the `x-ringdown-…` headers of the TwiML's address do not travel.
//! * All reads of the embedded DynamoDB are consistent, it never conflicts and never throttles.
//!
//! A vendor whose `…_API_KEY` is set in the environment of `up` or `call` is the real one.

mod binaries;
pub mod call;
mod callbacks;
mod database;
mod ear;
mod emulator;
mod environment;
mod front;
mod gateway_event;
mod incoming;
mod layout;
mod measure;
mod outcome;
pub mod owed;
mod place;
mod random;
mod report;
mod routes;
pub mod script;
mod seed;
pub mod speech;
mod stack;
mod stack_file;
mod transcript;
mod twiml;
pub mod up;
mod webhooks;

pub use binaries::binary;
pub use database::{LocalDatabase, TABLE};
pub use emulator::DEFAULT_PORT as DEFAULT_LAMBDA_PORT;
pub use environment::AGENT_NAME;
pub use incoming::{DialledLeg, IncomingCall, LegEnd};
pub use layout::Layout;
pub use measure::{Heard, Reply, measure, voices};
pub use outcome::Outcome;
pub use place::{CallPlan, PlacedCall, place};
pub use report::Report;
pub use routes::{ROUTES, Route, find};
pub use seed::{SAMPLE_NUMBER, sow};
pub use stack::{Stack, StackOptions};
pub use stack_file::{Extra, StackFile};
pub use transcript::journal;
pub use webhooks::{Answer, Webhooks};
