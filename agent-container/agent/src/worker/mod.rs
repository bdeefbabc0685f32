//! The worker: this process as LiveKit sees it.
//!
//! [`session`] is the protocol without the socket, `jobs` whose places are taken; [`link`] owns the socket,
//! the clock and the back-off.
//!
//! ```text
//!            Connect             Connected          register reply
//!  Down ───────────────▶ Dialling ────────▶ Registering ────────▶ Registered ─┐
//!   ▲   after a back-off    │                   │                    │  ▲      │ availability,
//!   └───────────────────────┴───────────────────┴────────────────────┘  └──────┘ assignment, status
//!                        Lost: jobs stay, the server forgets whose they are
//! ```

mod jobs;
pub mod link;
pub mod load;
pub mod session;
