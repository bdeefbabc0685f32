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

const CHAIN: [&str; 2] = ["first", "second"];

/// The breaker opens at the second fault.
fn vendors() -> Fallback<&'static str> {
    Fallback::new(BreakerSettings { faults: 2, pause: seconds(5), longest_pause: seconds(12) })
}

fn attempt(kind: Kind) -> Attempt {
    Attempt::begin(kind, vendors().order(&CHAIN)).unwrap()
}

#[test]
fn before_anything_was_said_the_next_vendor_is_asked_then_the_last_once_more() {
    let mut attempt = attempt(Kind::Llm);
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
fn an_answer_half_given_is_not_begun_again_but_a_speech_goes_on() {
    let next = |kind| attempt(kind).failed(&fault(FaultKind::Disconnected), Delivered::Some);
    assert_eq!(next(Kind::Llm), Next::KeepPartial);
    assert_eq!(next(Kind::Tts), Next::Other { vendor: 1 });
}

#[test]
fn ears_that_had_worked_are_opened_again_once_then_others_listen() {
    let lost = fault(FaultKind::Disconnected);
    let mut ears = attempt(Kind::Stt);
    assert_eq!(ears.failed(&lost, Delivered::Some), Next::Again { vendor: 0, after: Duration::ZERO });
    assert_eq!(ears.failed(&lost, Delivered::Nothing), Next::Other { vendor: 1 });
    let mut ears = attempt(Kind::Stt);
    assert_eq!(ears.failed(&lost, Delivered::Nothing), Next::Other { vendor: 1 }, "never heard a word");
    let mut ears = attempt(Kind::Stt);
    assert_eq!(ears.failed(&fault(FaultKind::Quota), Delivered::Some), Next::Other { vendor: 1 });
}

#[test]
fn a_vendor_that_kept_the_caller_waiting_comes_last() {
    let mut late = Attempt::begin_avoiding(Kind::Llm, vendors().order(&CHAIN), 0).unwrap();
    assert_eq!(late.vendor(), 1);
    assert_eq!(late.failed(&fault(FaultKind::TimedOut), Delivered::Nothing), Next::Other { vendor: 0 });
    assert_eq!(Attempt::begin_avoiding(Kind::Llm, vec![0], 0).unwrap().vendor(), 0, "the only one");
    let broken_first = vec![1, 0];
    assert_eq!(
        Attempt::begin_avoiding(Kind::Llm, broken_first, 0).unwrap().vendor(),
        1,
        "it is last already"
    );
}

#[test]
fn what_a_retry_cannot_mend_is_not_retried() {
    for kind in [FaultKind::Credentials, FaultKind::Quota, FaultKind::Refused] {
        let mut attempt = Attempt::begin(Kind::Tts, vec![0]).unwrap();
        assert_eq!(attempt.failed(&fault(kind), Delivered::Nothing), Next::GiveUp, "{kind:?}");
    }
    assert!(Attempt::begin(Kind::Tts, vec![]).is_none());
}

#[test]
fn a_breaker_opens_is_probed_later_and_later_and_closes() {
    let mut vendors = vendors();
    let broken = fault(FaultKind::Unavailable);
    assert_eq!(vendors.failed(&"first", &broken, seconds(0)), None);
    assert_eq!(vendors.failed(&"first", &broken, seconds(1)), Some(Changed { available: false }));
    assert_eq!(vendors.order(&CHAIN), [1, 0], "the last resort");
    assert_eq!(vendors.order(&["other", "first", "second"]), [0, 2, 1], "in every chain");
    let due = |vendors: &mut Fallback<_>, s| vendors.probes_due(&CHAIN, seconds(s));
    assert_eq!(due(&mut vendors, 5), [] as [usize; 0]);
    assert_eq!(due(&mut vendors, 6), [0]);
    assert_eq!(due(&mut vendors, 6), [] as [usize; 0], "not twice");
    assert_eq!(vendors.failed(&"first", &broken, seconds(7)), None);
    assert_eq!(due(&mut vendors, 16), [] as [usize; 0], "ten seconds now");
    assert_eq!(due(&mut vendors, 17), [0]);
    vendors.failed(&"first", &broken, seconds(17));
    assert_eq!(due(&mut vendors, 29), [0], "never later than the longest pause");
    assert_eq!(vendors.succeeded(&"first"), Some(Changed { available: true }));
    assert_eq!(vendors.order(&CHAIN), [0, 1]);
    assert_eq!(vendors.succeeded(&"first"), None);
}

#[test]
fn a_success_between_faults_keeps_the_breaker_closed() {
    let mut vendors = vendors();
    for _ in 0..5 {
        assert_eq!(vendors.failed(&"first", &fault(FaultKind::TimedOut), seconds(0)), None);
        vendors.succeeded(&"first");
    }
}

#[test]
fn a_quota_opens_the_breaker_at_once_and_a_refused_request_never() {
    let mut vendors = vendors();
    let opened = vendors.failed(&"second", &fault(FaultKind::Quota), seconds(0));
    assert_eq!(opened, Some(Changed { available: false }));
    for _ in 0..5 {
        assert_eq!(vendors.failed(&"first", &fault(FaultKind::Refused), seconds(0)), None);
    }
    assert_eq!(vendors.order(&CHAIN), [0, 1]);
}

#[test]
fn when_nobody_is_available_everybody_is_tried() {
    let mut vendors = vendors();
    for vendor in CHAIN {
        vendors.failed(&vendor, &fault(FaultKind::Credentials), seconds(0));
    }
    assert_eq!(vendors.order(&CHAIN), [0, 1]);
}

#[test]
fn ears_reconnect_at_once_then_later() {
    let waits: Vec<_> = (0..6).map(|tries| reconnect_after(tries).as_millis()).collect();
    assert_eq!(waits, [0, 100, 300, 1000, 1000, 1000]);
}
