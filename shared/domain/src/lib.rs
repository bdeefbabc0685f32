//! The words of the project: what a call, a number, an agent and a voice are, what may happen to a
//! call, and what is stored about it. Pure: no clock, no randomness, no environment, no socket.
//!
//! # One call, one record
//!
//! Six parties tell about a call, each in its own time, some twice, some never: the carrier's webhooks,
//! LiveKit's webhooks, the agent, the dial result, the sweeper, an operator. Every telling is a [`Fact`]
//! with a stable [`FactKey`]. A call is the *set* of its facts ([`Facts`]), and the record is a pure
//! function of that set ([`CallRecord::of`]). So merging is commutative, associative and idempotent by
//! construction: there is no order to get wrong.
//!
//! ```text
//!            how far it has come                    which fact moves it there
//!
//!               ┌───────┐
//!               │ ended │   parent leg terminal · connect ended, next: hang up · message left ·
//!               └───▲───┘   sweeper: over · operator: stopped · (room only: caller left, agent ended,
//!                   │       room finished)
//!               ┌───┴───┐
//!               │active │   any leg in-progress · agent: caller active
//!               └───▲───┘
//!               ┌───┴───┐
//!               │ringing│   inbound arrival · parent ringing · caller joined the room
//!               └───▲───┘
//!               ┌───┴───┐
//!               │  new  │   any fact at all (a callback may precede our own write)
//!               └───────┘
//! ```
//!
//! Each state is reached when one fact of its line is in the set; the state is the highest reached. More
//! facts can therefore only raise it: **a call that is over stays over**, whatever comes late.
//!
//! A call that came by a carrier's webhook ends when the carrier says so, because the caller may be
//! sent on to voicemail after the agent is gone. A call that came by a SIP trunk straight into LiveKit
//! has no carrier to tell, so leaving the room ends it (`room only` above).
//!
//! **One end reason**: whoever knows best decides, not whoever spoke first or last. From the most
//! believed: operator → agent's own account → turned away at the door → connection to the agent failed →
//! sent to voicemail or to the legacy system → agent vanished from the room → caller left the room →
//! carrier closed the leg → connection ended → room gone → sweeper. Within one authority the highest
//! sequence number, then the latest, then the greatest key. Every reason knows whose doing it is
//! ([`EndReason::whose`]).
//!
//! **Times** are of our own clock, never of a sender's time stamp. The end is timed by the carrier's
//! terminal report, else by the end of the connection, else by those who were in the room, else by the
//! sweeper.
//!
//! # What a decision wants
//!
//! Functions decide without touching the table: `facts + now → Vec<`[`Write`]`>`. The `store` crate turns
//! the list into one conditional transaction.

mod agent;
mod call_record;
mod callback;
mod end_reason;
mod end_verdict;
mod event;
mod fact;
mod facts;
mod fault;
mod id;
mod invalid;
mod job;
mod number;
mod phone;
mod road;
mod secret;
mod time;
pub mod turn_limits;
mod turn_settings;
mod user;
mod vendor_options;
mod voice;
mod write;

pub use agent::{
    AgentConfig, AgentLimits, LLM_VENDORS, S2S_VENDORS, STT_VENDORS, TTS_VENDORS, Tool, ToolClass,
    VendorChoice, Vendors,
};
pub use call_record::{CallRecord, CallState};
pub use callback::Callback;
pub use end_reason::EndReason;
pub use event::{
    AgentReport, Arrival, CarrierStatus, ConnectEnd, Event, Leg, LegStatus, Next, OperatorAct,
    ParticipantEvent, Party, Presence, Report, RoomEvent, Sweep, VoicemailEvent,
};
pub use fact::{Fact, FactKey};
pub use facts::Facts;
pub use fault::{CallerHears, Fault, Faulty, Retry, Whose};
pub use id::{AgentId, CallId, JobId, LegId, RoomName, UserId, VoiceId, WorkerId};
pub use invalid::{Config, Invalid};
pub use job::{Announcement, Heartbeat, JobMetadata, Seat, Session, SipHeaders};
pub use number::{NumberConfig, NumberLimits, RoadShare};
pub use phone::{Caller, E164};
pub use road::{Direction, Provider, Road};
pub use secret::{Pii, Secret};
pub use time::WallTime;
pub use turn_settings::{EndOfTurnModel, SilencePrompt, TurnSettings, WatchdogAction, WatchdogStep};
pub use user::User;
pub use voice::Voice;
pub use write::{IdempotencyKey, RateLimit, RateScope, Write};
