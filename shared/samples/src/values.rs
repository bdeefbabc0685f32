//! Fixed values that sample events are signed with. None of them opens anything.

/// Public base URL of the sample deployment.
pub const BASE_URL: &str = "https://ringdown.test";
/// Twilio account.
pub const TWILIO_ACCOUNT: &str = "AC00000000000000000000000000000001";
/// Twilio auth token the events are signed with.
pub const TWILIO_TOKEN: &str = "sample-twilio-token";
/// The token before it, still accepted.
pub const TWILIO_OLD_TOKEN: &str = "sample-twilio-token-before";
/// SignalWire signing key.
pub const SIGNALWIRE_KEY: &str = "sample-signalwire-key";
/// Seed of the Telnyx key pair: RFC 8032, 7.1, test 1.
pub const TELNYX_SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
/// Its public key.
pub const TELNYX_PUBLIC_KEY: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
/// LiveKit API key, the one the recorded webhooks are signed with.
pub const LIVEKIT_KEY: &str = "devkey";
/// LiveKit API secret, the one the recorded webhooks are signed with.
pub const LIVEKIT_SECRET: &str = "devsecretdevsecretdevsecretdevsecret";
/// Digest password of the trunk.
pub const SIP_PASSWORD: &str = "sample-sip-password";
/// API token of the role `supervisor`.
pub const SUPERVISOR_TOKEN: &str = "sample-supervisor-token";
/// API token of the role `caller`.
pub const CALLER_TOKEN: &str = "sample-caller-token";
/// Our number.
pub const NUMBER: &str = "+15550100100";
/// A caller's number.
pub const CALLER: &str = "+15550100199";
/// A call of Twilio's.
pub const CALL: &str = "CA00000000000000000000000000000001";
/// Its leg to LiveKit.
pub const CHILD: &str = "CA00000000000000000000000000000002";
/// A call that nobody opened.
pub const OTHER_CALL: &str = "CA00000000000000000000000000000009";
/// When the events were sent, epoch seconds: 2026-11-21 08:33:20 UTC.
pub const NOW_S: u64 = 1_795_250_000;
