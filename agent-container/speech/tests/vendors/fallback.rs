//! Who comes next after a fault.

use std::time::Duration;

use speech::{
    Attempt, BreakerSettings, Changed, Delivered, Fallback, Fault, FaultKind, Kind, Next, Vendor,
    reconnect_after,
};

fn fault(kind: FaultKind) -> Fault {
    Fault::new(Vendor::OpenAi, kind, "", "")
}

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// Two vendors, the breaker opening at the second fault.
fn two() -> Fallback {
    Fallback::new(2, BreakerSettings { faults: 2, pause: seconds(5), longest_pause: seconds(12) })
}

#[test]
fn before_anything_was_said_the_next_vendor_is_asked_then_the_last_once_more() {
    let mut attempt = Attempt::begin(Kind::Llm, &two()).unwrap();
    assert_eq!(attempt.vendor(), 0);
    let timeout = fault(FaultKind::TimedOut);
    assert_eq!(attempt.failed(&timeout, Delivered::Nothing), Next::Other { vendor: 1 });
    assert_eq!(
        attempt.failed(&timeout, Delivered::Nothing),
        Next::Again { vendor: 1, after: Duration::ZERO }
    );
    assert_eq!(attempt.failed(&timeout, Delivered::Nothing), Next::GiveUp);
}

#[test]
fn an_answer_half_given_is_not_begun_again() {
    for (kind, expected) in [
        (Kind::Llm, Next::KeepPartial),
        (Kind::Tts, Next::KeepPartial),
        (Kind::Stt, Next::Other { vendor: 1 }),
    ] {
        let mut attempt = Attempt::begin(kind, &two()).unwrap();
        assert_eq!(attempt.failed(&fault(FaultKind::Disconnected), Delivered::Some), expected, "{kind:?}");
    }
}

#[test]
fn what_a_retry_cannot_mend_is_not_retried() {
    for kind in [FaultKind::Credentials, FaultKind::Quota, FaultKind::Refused] {
        let one = Fallback::new(1, BreakerSettings::default());
        let mut attempt = Attempt::begin(Kind::Tts, &one).unwrap();
        assert_eq!(attempt.failed(&fault(kind), Delivered::Nothing), Next::GiveUp, "{kind:?}");
    }
    assert!(Attempt::begin(Kind::Tts, &Fallback::new(0, BreakerSettings::default())).is_none());
}

#[test]
fn a_breaker_opens_is_probed_later_and_later_and_closes() {
    let mut vendors = two();
    let broken = fault(FaultKind::Unavailable);
    assert_eq!(vendors.failed(0, &broken, seconds(0)), None);
    assert_eq!(vendors.failed(0, &broken, seconds(1)), Some(Changed { vendor: 0, available: false }));
    assert_eq!(vendors.order(), [1]);
    assert_eq!(vendors.probes_due(seconds(5)), [] as [usize; 0]);
    assert_eq!(vendors.probes_due(seconds(6)), [0]);
    assert_eq!(vendors.probes_due(seconds(6)), [] as [usize; 0], "not twice");
    assert_eq!(vendors.failed(0, &broken, seconds(7)), None);
    assert_eq!(vendors.probes_due(seconds(16)), [] as [usize; 0], "ten seconds now");
    assert_eq!(vendors.probes_due(seconds(17)), [0]);
    vendors.failed(0, &broken, seconds(17));
    assert_eq!(vendors.probes_due(seconds(29)), [0], "never later than the longest pause");
    assert_eq!(vendors.succeeded(0), Some(Changed { vendor: 0, available: true }));
    assert_eq!(vendors.order(), [0, 1]);
    assert_eq!(vendors.succeeded(0), None);
}

#[test]
fn a_success_between_faults_keeps_the_breaker_closed() {
    let mut vendors = two();
    for _ in 0..5 {
        assert_eq!(vendors.failed(0, &fault(FaultKind::TimedOut), seconds(0)), None);
        vendors.succeeded(0);
    }
}

#[test]
fn a_quota_opens_the_breaker_at_once_and_a_refused_request_never() {
    let mut vendors = two();
    let opened = vendors.failed(1, &fault(FaultKind::Quota), seconds(0));
    assert_eq!(opened, Some(Changed { vendor: 1, available: false }));
    for _ in 0..5 {
        assert_eq!(vendors.failed(0, &fault(FaultKind::Refused), seconds(0)), None);
    }
    assert_eq!(vendors.order(), [0]);
}

#[test]
fn when_nobody_is_available_everybody_is_tried() {
    let mut vendors = two();
    for vendor in [0, 1] {
        vendors.failed(vendor, &fault(FaultKind::Credentials), seconds(0));
    }
    assert_eq!(vendors.order(), [0, 1]);
}

#[test]
fn ears_reconnect_at_once_then_later() {
    let waits: Vec<_> = (0..6).map(|tries| reconnect_after(tries).as_millis()).collect();
    assert_eq!(waits, [0, 100, 300, 1000, 1000, 1000]);
}
