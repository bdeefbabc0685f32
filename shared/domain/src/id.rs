//! Names of things: each kind of id its own type, checked once.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::invalid::{Invalid, require};

/// Longest id taken from outside, in bytes. Telnyx's call ids, the longest seen, have 57.
const MAX_FOREIGN_ID: usize = 128;
/// Longest id an operator may choose, in bytes.
const MAX_SLUG: usize = 64;

fn foreign(text: &str, field: &str) -> Result<(), Invalid> {
    require(!text.is_empty(), field, "must not be empty")?;
    require(text.len() <= MAX_FOREIGN_ID, field, "must have at most 128 characters")?;
    require(text.bytes().all(|b| b.is_ascii_graphic()), field, "must be printable ASCII without spaces")
}

/// Longest room name, in bytes: an id of the greatest length with every byte escaped.
const MAX_ROOM: usize = ROOM_PREFIX.len() + 3 * MAX_FOREIGN_ID;

fn room(text: &str, field: &str) -> Result<(), Invalid> {
    require(text.len() <= MAX_ROOM, field, "must have at most 389 characters")?;
    require(!text.is_empty(), field, "must not be empty")?;
    require(text.bytes().all(|b| b.is_ascii_graphic()), field, "must be printable ASCII without spaces")
}

fn call(text: &str, field: &str) -> Result<(), Invalid> {
    match text.strip_prefix(ROOM_CALL_PREFIX) {
        Some(name) => room(name, field),
        None => foreign(text, field),
    }
}

fn slug(text: &str, field: &str) -> Result<(), Invalid> {
    require(!text.is_empty(), field, "must not be empty")?;
    require(text.len() <= MAX_SLUG, field, "must have at most 64 characters")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    require(text.bytes().all(plain), field, "may contain letters, digits, - and _ only")
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $field:literal, $check:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and wraps an id.
            ///
            /// # Errors
            /// When it is empty, too long or has characters an id must not have.
            pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
                let text = text.into();
                $check(&text, $field)?;
                Ok(Self(text))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;

            fn try_from(text: String) -> Result<Self, Invalid> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A call, by the name its carrier gave it (`CA…` at Twilio, `v3:…` at Telnyx, a UUID at
    /// SignalWire), or by its room's name when it came without a carrier's webhook.
    CallId, "call_id", call
);
id!(
    /// One leg of a call, by the carrier's name for it.
    LegId, "leg_id", foreign
);
id!(
    /// An agent's configuration.
    AgentId, "agent_id", slug
);
id!(
    /// A voice's configuration.
    VoiceId, "voice_id", slug
);
id!(
    /// A person or firm that owns numbers and agents.
    UserId, "user_id", slug
);
id!(
    /// A LiveKit job: one agent's stay in one room.
    JobId, "job_id", foreign
);
id!(
    /// A running agent container.
    WorkerId, "worker_id", foreign
);
id!(
    /// A LiveKit room.
    RoomName, "room", room
);

/// Prefix of the rooms that are named after their call.
const ROOM_PREFIX: &str = "call-";
/// Digits of the shortest telephone number, as in [`crate::E164`].
const SHORTEST_NUMBER: usize = 7;
/// Prefix of the call ids that are named after their room.
const ROOM_CALL_PREFIX: &str = "room:";

impl RoomName {
    /// Prefix of the rooms in which agent containers wait for announcements.
    pub const LOBBY_PREFIX: &str = "lobby-";

    /// Whether it is a lobby: nobody but an agent container has any business there.
    #[must_use]
    pub fn is_lobby(&self) -> bool {
        self.0.starts_with(Self::LOBBY_PREFIX)
    }

    /// The room of a call: `call-<CallSid>`.
    ///
    /// Bytes other than letters, digits and `-` become `_` and two hexadecimal digits, so that the
    /// name is a valid SIP user part and no two calls share a room. [`CallId::of_room`] is the inverse.
    #[must_use]
    pub fn for_call(call: &CallId) -> Self {
        if let Some(room) = call.0.strip_prefix(ROOM_CALL_PREFIX) {
            return Self(room.to_owned());
        }
        let mut name = String::from(ROOM_PREFIX);
        for byte in call.0.bytes() {
            match byte {
                b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' => name.push(char::from(byte)),
                _ => name.push_str(&format!("_{byte:02X}")),
            }
        }
        Self(name)
    }
}

impl CallId {
    /// A number that is spread evenly over calls, and the same one however often it is asked: FNV-1a (RFC
    /// draft-eastlake-fnv).
    #[must_use]
    pub fn spread(&self) -> u64 {
        let hash = self.0.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        // The low bits of FNV-1a depend on the last bytes only; fold the high half in.
        hash ^ (hash >> 32)
    }

    /// The call a room belongs to: the one it is named after, else a call named after the room (the
    /// pure SIP road, where LiveKit chooses the room's name and no carrier webhook exists).
    #[must_use]
    pub fn of_room(room: &RoomName) -> Self {
        room.0
            .strip_prefix(ROOM_PREFIX)
            .and_then(unescape)
            .and_then(|id| Self::new(id).ok())
            .filter(|id| RoomName::for_call(id) == *room)
            .unwrap_or_else(|| Self(format!("{ROOM_CALL_PREFIX}{room}")))
    }

    /// Whether the call is named after its room, that is, came without a carrier's webhook.
    #[must_use]
    pub fn is_of_room(&self) -> bool {
        self.0.starts_with(ROOM_CALL_PREFIX)
    }

    /// The id for logs: LiveKit names the room of a call by trunk after its caller's number, of which no more than
    /// the last two digits may be logged.
    #[must_use]
    pub fn masked(&self) -> Cow<'_, str> {
        if !self.is_of_room() {
            return Cow::Borrowed(&self.0);
        }
        let mut masked = self.0.clone().into_bytes();
        for digits in masked.split_mut(|byte| !byte.is_ascii_digit()) {
            if digits.len() >= SHORTEST_NUMBER {
                let shown = digits.len() - 2;
                digits[..shown].fill(b'*');
            }
        }
        Cow::Owned(String::from_utf8_lossy(&masked).into_owned())
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut plain = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'_' {
            plain.push(byte);
            continue;
        }
        let code = [bytes.next()?, bytes.next()?];
        plain.push(u8::from_str_radix(std::str::from_utf8(&code).ok()?, 16).ok()?);
    }
    String::from_utf8(plain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_and_calls_name_each_other() {
        let check = |call: &str, room: &str| {
            let (call, room) = (CallId::new(call).unwrap(), RoomName::new(room).unwrap());
            assert_eq!(RoomName::for_call(&call), room);
            assert_eq!(CallId::of_room(&room), call);
        };
        check("CA124", "call-CA124");
        check("v3:a_b-C", "call-v3_3Aa_5Fb-C");
        check("7d1c-4e", "call-7d1c-4e");
        check("room:sip-in_+15550100_x8", "sip-in_+15550100_x8");
        check("room:call-x_zz", "call-x_zz");
        check("room:call-", "call-");
    }

    #[test]
    fn a_number_in_an_id_is_not_logged() {
        let check = |id: &str, masked: &str| assert_eq!(CallId::new(id).unwrap().masked(), masked);
        check("room:sip_+15550100199_Xy12", "room:sip_+*********99_Xy12");
        check("room:demo-1", "room:demo-1");
        check("CA00000000000000000000000000000001", "CA00000000000000000000000000000001");
    }

    #[test]
    fn foreign_ids_are_bounded_and_printable() {
        for bad in ["", "a b", "a\nb", "ä", "room:", &"x".repeat(129)] {
            assert_eq!(CallId::new(bad).unwrap_err().field, "call_id", "{bad:?}");
        }
        assert!(AgentId::new("front desk").is_err());
        assert!(AgentId::new("front-desk_2").is_ok());
    }
}
