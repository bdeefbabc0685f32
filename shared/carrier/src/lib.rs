//! The carriers Twilio, Telnyx and SignalWire: what they send, what they are answered, what they are asked.
//!
//! Pure: no sockets, no clock. Whoever calls passes the time and sends the requests.
//!
//! * [`signature`]: is this webhook the carrier's?
//! * [`form`]: its body, over bytes.
//! * [`twiml`]: the answer.
//! * [`sip_address`]: whom the answer dials.
//! * [`ticket`]: proofs in URLs and stream parameters that they belong to one call.
//! * [`webhook`]: forms in the domain's words.
//! * [`plan`]: what a call is told to do, as data; the same plan is the same document.
//! * [`rest`]: requests to the carrier as data.
//! * [`recording`]: where the sound of a recording is.

pub mod form;
pub mod plan;
pub mod recording;
pub mod rest;
pub mod signature;
mod signed_url;
pub mod sip_address;
pub mod ticket;
pub mod twiml;
pub mod webhook;

pub use form::Form;
pub use plan::{Plan, Renderer};
pub use sip_address::{SipAddress, Transport};
pub use ticket::{Step, TicketError, TicketKey};
pub use twiml::{Twiml, Verb};
