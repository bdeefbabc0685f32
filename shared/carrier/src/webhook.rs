//! A carrier's webhook forms in the domain's words.
//!
//! Call first [`crate::signature`], then this: nothing here is believed by itself. Everything but the call's
//! id is optional, unknown fields are ignored, odd values become absent ones.

use domain::{CallId, Caller, CarrierStatus, Direction, E164, Leg, LegId, LegStatus, Provider, SipHeaders};

use crate::form::Form;
use crate::recording::is_recording_id;

/// Longest leg that is believed, seconds: a week.
const MAX_DURATION_S: u64 = 7 * 86_400;

/// A form that lacks what its route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadForm {
    /// A field that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field has a shape that no carrier sends.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// The form belongs to another route: a signed body replayed.
    #[error("this form belongs to another route")]
    WrongRoute,
}

/// A call that wants to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// The call.
    pub call: CallId,
    /// Inbound, or one that we placed and that was answered.
    pub direction: Direction,
    /// The other party.
    pub caller: Caller,
    /// Our number; nothing when what was called is no number.
    pub number: Option<E164>,
    /// X- headers of the caller's INVITE, when the call came to the carrier by SIP.
    pub headers: SipHeaders,
}

/// A leg's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The call the leg belongs to.
    pub call: CallId,
    /// The leg.
    pub leg: LegStatus,
}

/// How the verb that connected the caller ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialResult {
    /// The call.
    pub call: CallId,
    /// The leg that was dialled, when the carrier names it.
    pub leg: Option<LegId>,
    /// How it ended; [`CarrierStatus::Other`] with an empty word when the carrier does not say.
    pub status: CarrierStatus,
    /// Whether the legs were connected, when the carrier says.
    pub bridged: Option<bool>,
    /// Seconds they were.
    pub duration_s: Option<u32>,
    /// SIP response of the dialled leg. For the log: what follows never depends on it.
    pub sip_code: Option<u16>,
    /// The caller is gone already: the answer is read by nobody.
    pub caller_gone: bool,
}

/// A message the caller left, or did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The call.
    pub call: CallId,
    /// The carrier's id of it.
    pub id: Option<String>,
    /// Its length, seconds.
    pub duration_s: Option<u32>,
    /// `in-progress completed absent failed`; nothing on the verb's own action.
    pub status: Option<String>,
    /// The caller hung up while it was recorded, or before.
    pub caller_gone: bool,
}

/// Reads the first webhook of a call.
///
/// # Errors
/// Without a call, without a called party, or when it is another route's form.
pub fn incoming(provider: Provider, form: &Form) -> Result<Incoming, BadForm> {
    let call = call_id(provider, form, "CallSid")?;
    if provider == Provider::Twilio {
        form.text("AccountSid").ok_or(BadForm::Missing("AccountSid"))?;
    }
    let reported = form.text("CallStatus").map(|word| CarrierStatus::parse(&word));
    let is_callback = form.text("CallbackSource").is_some() || form.text("SequenceNumber").is_some();
    if is_callback || form.text("DialCallStatus").is_some() || reported.is_some_and(|s| s.is_terminal()) {
        return Err(BadForm::WrongRoute);
    }
    let from = form.text("From").or_else(|| form.text("Caller")).unwrap_or_default();
    let to = form.text("To").or_else(|| form.text("Called")).ok_or(BadForm::Missing("To"))?;
    let outbound = form.text("Direction").is_some_and(|word| word.starts_with("outbound"));
    let (direction, theirs, ours) =
        if outbound { (Direction::Outbound, to, from) } else { (Direction::Inbound, from, to) };
    let (caller, number, headers) = (Caller::parse(&theirs), our_number(&ours), sip_headers(form));
    Ok(Incoming { call, direction, caller, number, headers })
}

/// Twilio's `SipHeader_X-…`, which the others copy.
fn sip_headers(form: &Form) -> SipHeaders {
    let header = |(key, value): (&[u8], &[u8])| {
        let name = std::str::from_utf8(key).ok()?.strip_prefix("SipHeader_")?;
        Some((name.to_owned(), String::from_utf8_lossy(value).into_owned()))
    };
    SipHeaders::new(form.pairs().filter_map(header))
}

/// Reads a status callback.
///
/// # Errors
/// Without a call or a state.
pub fn status(provider: Provider, form: &Form) -> Result<Status, BadForm> {
    let own = call_id(provider, form, "CallSid")?;
    let word = form.text("CallStatus").ok_or(BadForm::Missing("CallStatus"))?;
    let (call, leg) = match form.text("ParentCallSid") {
        Some(_) => {
            let parent = call_id(provider, form, "ParentCallSid")?;
            (parent, Leg::Child(leg_id(own.as_str()).ok_or(BadForm::Malformed("CallSid"))?))
        }
        None => (own, Leg::Parent),
    };
    let status = CarrierStatus::parse(&word);
    // `Duration` is minutes billed; only `CallDuration` is seconds.
    let duration_s = status.is_terminal().then(|| seconds(form, "CallDuration")).flatten();
    let sip_code = sip_code(form, "SipResponseCode").or_else(|| sip_code(form, "SipResultCode"));
    let leg = LegStatus { leg, status, sequence: form.number("SequenceNumber"), duration_s, sip_code };
    Ok(Status { call, leg })
}

/// Reads what a `<Dial>` or `<Connect>` posts to its action.
///
/// # Errors
/// Without a call.
pub fn dial_result(provider: Provider, form: &Form) -> Result<DialResult, BadForm> {
    Ok(DialResult {
        call: call_id(provider, form, "CallSid")?,
        leg: form.text("DialCallSid").as_deref().and_then(leg_id),
        status: CarrierStatus::parse(&form.text("DialCallStatus").unwrap_or_default()),
        bridged: form.text("DialBridged").map(|word| word.eq_ignore_ascii_case("true")),
        duration_s: seconds(form, "DialCallDuration"),
        sip_code: sip_code(form, "DialSipResponseCode"),
        caller_gone: is_over(form),
    })
}

/// Reads what a `<Record>` posts to its action or its status callback.
///
/// # Errors
/// Without a call.
pub fn recording(provider: Provider, form: &Form) -> Result<Recording, BadForm> {
    let id = form.text("RecordingSid").filter(|id| leg_id(id).is_some());
    let id = id.or_else(|| {
        form.text("RecordingUrl").as_deref().and_then(last_segment).filter(|id| is_recording_id(id))
    });
    Ok(Recording {
        call: call_id(provider, form, "CallSid")?,
        id,
        duration_s: seconds(form, "RecordingDuration"),
        status: form.text("RecordingStatus"),
        caller_gone: is_over(form) || form.text("Digits").as_deref() == Some("hangup"),
    })
}

/// Whether a form is what a `<Record>` posts.
pub fn is_recording(form: &Form) -> bool {
    form.text("RecordingDuration").is_some() || form.text("RecordingStatus").is_some()
}

/// Whether a form is what answering machine detection posts. Its answer goes unheard: what is to follow has to
/// be done by a call update.
pub fn is_machine_detection(form: &Form) -> bool {
    let detected = form.text("AnsweredBy").is_some() || form.text("MachineDetectionDuration").is_some();
    detected && form.text("CallStatus").is_none()
}

/// The call that answering machine detection is about.
///
/// # Errors
/// Without a call.
pub fn machine_detection(provider: Provider, form: &Form) -> Result<CallId, BadForm> {
    call_id(provider, form, "CallSid")
}

fn is_over(form: &Form) -> bool {
    form.text("CallStatus").is_some_and(|word| CarrierStatus::parse(&word).is_terminal())
}

/// Twilio's ids are `CA` and 32 hexadecimal digits; the others' are opaque.
fn call_id(provider: Provider, form: &Form, field: &'static str) -> Result<CallId, BadForm> {
    let text = form.text(field).ok_or(BadForm::Missing(field))?;
    let hexadecimal = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let shaped = match provider {
        Provider::Twilio => text.strip_prefix("CA").is_some_and(hexadecimal),
        // What could end an attribute or a path never stands in an id of theirs.
        _ => !text.contains(['<', '>', '"', '\'', '&', '/', '\\', ';', ' ', '`']),
    };
    if !shaped {
        return Err(BadForm::Malformed(field));
    }
    CallId::new(text).map_err(|_| BadForm::Malformed(field))
}

fn leg_id(text: &str) -> Option<LegId> {
    LegId::new(text).ok()
}

/// Only the id is taken from a posted URL; the URL itself is never fetched.
fn last_segment(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next()?;
    let last = path.rsplit('/').next()?;
    let id = last.split('.').next()?;
    (!id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        .then(|| id.to_owned())
}

/// A number, alone or as the user part of a SIP address.
fn our_number(text: &str) -> Option<E164> {
    let address = text.strip_prefix("sips:").or_else(|| text.strip_prefix("sip:"));
    let user = address.map_or(text, |address| address.split(['@', ';']).next().unwrap_or_default());
    E164::new(user.trim()).ok()
}

fn seconds(form: &Form, field: &str) -> Option<u32> {
    let value = form.number(field).filter(|&value| value <= MAX_DURATION_S)?;
    u32::try_from(value).ok()
}

fn sip_code(form: &Form, field: &str) -> Option<u16> {
    let value = form.number(field).filter(|value| (100..700).contains(value))?;
    u16::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CA: &str = "CA0123456789abcdef0123456789abcdef";

    fn form(pairs: &[(&str, &str)]) -> Form {
        Form::parse(crate::form::encode(pairs.iter().copied()).as_bytes()).unwrap()
    }

    fn arriving(changes: &[(&str, &str)]) -> Form {
        let mut pairs = vec![
            ("CallSid", CA),
            ("AccountSid", "AC1"),
            ("From", "+15550100199"),
            ("To", "+15550100100"),
            ("CallStatus", "ringing"),
            ("Direction", "inbound"),
        ];
        pairs.retain(|(key, _)| !changes.iter().any(|(changed, _)| changed == key));
        pairs.extend(changes);
        form(&pairs)
    }

    #[track_caller]
    fn refused(changes: &[(&str, &str)], expected: BadForm) {
        assert_eq!(incoming(Provider::Twilio, &arriving(changes)), Err(expected));
    }

    #[test]
    fn an_incoming_call_names_its_parties() {
        let read =
            incoming(Provider::Twilio, &arriving(&[("SipHeader_X-F\u{1}oo", "odd"), ("New", "x")])).unwrap();
        assert_eq!(read.call.as_str(), CA);
        assert_eq!(read.caller.as_str(), "+15550100199");
        assert_eq!(read.number.unwrap().as_str(), "+15550100100");
        assert_eq!(read.direction, Direction::Inbound);
    }

    #[test]
    fn headers_of_a_call_that_came_by_sip_are_kept_when_they_are_sound() {
        let headers = [
            ("SipHeader_X-Customer-Id", "4711"),
            ("SipHeader_X-Name", "Ann\u{e9}"),
            ("SipHeader_", "nameless"),
            ("SipHeader_X-Bell", "a\u{7}b"),
            ("SipHeader_X-F<oo", "odd"),
        ];
        let read = incoming(Provider::Twilio, &arriving(&headers)).unwrap();
        let kept: Vec<_> = read.headers.reveal().iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(kept, [("x_customer_id", "4711"), ("x_name", "Ann\u{e9}")]);
        assert!(!format!("{read:?}").contains("4711"), "a header's value is printed");
    }

    #[test]
    fn a_call_we_placed_has_its_parties_the_other_way_round() {
        let read = incoming(Provider::Twilio, &arriving(&[("Direction", "outbound-api")])).unwrap();
        assert_eq!((read.caller.as_str(), read.direction), ("+15550100100", Direction::Outbound));
    }

    #[test]
    fn what_a_route_needs_must_be_there() {
        refused(&[("CallSid", "")], BadForm::Missing("CallSid"));
        refused(&[("AccountSid", "")], BadForm::Missing("AccountSid"));
        refused(&[("To", "")], BadForm::Missing("To"));
    }

    #[test]
    fn ids_of_a_wrong_shape_are_refused() {
        for id in ["CA1", "CA' OR 1=1 --", "<Hangup/>", "CA0123456789abcdef0123456789abcdeg", "x"] {
            refused(&[("CallSid", id)], BadForm::Malformed("CallSid"));
        }
        for id in ["<b>", "a/../b", "a\"b", "", "a b"] {
            let pairs = form(&[("CallSid", id), ("To", "+15550100100")]);
            assert!(incoming(Provider::Telnyx, &pairs).is_err(), "{id}");
        }
        let telnyx = form(&[("CallSid", "v3:a_b-C="), ("To", "+15550100100")]);
        assert_eq!(incoming(Provider::Telnyx, &telnyx).unwrap().call.as_str(), "v3:a_b-C=");
    }

    #[test]
    fn callbacks_replayed_to_the_incoming_route_are_refused() {
        refused(&[("CallbackSource", "call-progress-events")], BadForm::WrongRoute);
        refused(&[("SequenceNumber", "0")], BadForm::WrongRoute);
        refused(&[("CallStatus", "completed")], BadForm::WrongRoute);
        refused(&[("DialCallStatus", "no-answer")], BadForm::WrongRoute);
    }

    #[test]
    fn a_sip_address_with_a_number_in_it_is_that_number() {
        let number = |to: &str| incoming(Provider::Twilio, &arriving(&[("To", to)])).unwrap().number;
        assert_eq!(number("sip:+15550100100@x.sip.twilio.com").unwrap().as_str(), "+15550100100");
        assert_eq!(number("sip:bob@x.sip.twilio.com"), None);
        assert_eq!(number("client:x"), None);
    }

    #[track_caller]
    fn ended(pairs: &[(&str, &str)]) -> LegStatus {
        let mut all = vec![("CallSid", CA), ("CallStatus", "completed")];
        all.retain(|(key, _)| !pairs.iter().any(|(changed, _)| changed == key));
        all.extend(pairs);
        status(Provider::Twilio, &form(&all)).unwrap().leg
    }

    #[test]
    fn durations_are_seconds_and_sane() {
        assert_eq!(ended(&[("Duration", "1"), ("CallDuration", "37")]).duration_s, Some(37));
        assert_eq!(ended(&[("CallDuration", "0")]).duration_s, Some(0));
        for odd in ["", "-1", "abc", "1099511627776", "604801", "1.5"] {
            assert_eq!(ended(&[("CallDuration", odd)]).duration_s, None, "{odd}");
        }
        assert_eq!(ended(&[("CallStatus", "ringing"), ("CallDuration", "5")]).duration_s, None);
    }

    #[test]
    fn child_legs_belong_to_their_parent() {
        let child = "CAffffffffffffffffffffffffffffffff";
        let pairs =
            [("CallSid", child), ("ParentCallSid", CA), ("CallStatus", "answered"), ("SequenceNumber", "2")];
        let read = status(Provider::Twilio, &form(&pairs)).unwrap();
        assert_eq!(read.call.as_str(), CA);
        assert_eq!(read.leg.leg, Leg::Child(LegId::new(child).unwrap()));
        assert_eq!((read.leg.status, read.leg.sequence), (CarrierStatus::InProgress, Some(2)));
    }

    #[test]
    fn unknown_states_and_absent_numbers_are_taken_as_they_are() {
        let leg = ended(&[("CallStatus", "paused"), ("Timestamp", "not a date")]);
        assert_eq!((leg.status, leg.sequence), (CarrierStatus::Other("paused".to_owned()), None));
        assert_eq!(status(Provider::Twilio, &form(&[("CallSid", CA)])), Err(BadForm::Missing("CallStatus")));
        assert_eq!(ended(&[("SipResponseCode", "487")]).sip_code, Some(487));
        assert_eq!(ended(&[("SipResultCode", "486")]).sip_code, Some(486));
        assert_eq!(ended(&[("SipResponseCode", "99999")]).sip_code, None);
    }

    #[test]
    fn a_dial_result_says_what_is_known() {
        let read = dial_result(
            Provider::Twilio,
            &form(&[
                ("CallSid", CA),
                ("CallStatus", "completed"),
                ("DialCallStatus", "completed"),
                ("DialBridged", "true"),
                ("DialCallDuration", "12"),
                ("DialSipResponseCode", "200"),
            ]),
        )
        .unwrap();
        assert_eq!(
            (read.status, read.bridged, read.duration_s),
            (CarrierStatus::Completed, Some(true), Some(12))
        );
        assert!(read.caller_gone);
        let bare = dial_result(Provider::Twilio, &form(&[("CallSid", CA)])).unwrap();
        assert_eq!((bare.status, bare.bridged), (CarrierStatus::Other(String::new()), None));
        assert!(!bare.caller_gone);
    }

    #[test]
    fn a_recording_is_known_by_its_id_wherever_its_url_points() {
        let read = |pairs: &[(&str, &str)]| {
            let mut all = vec![("CallSid", CA)];
            all.extend(pairs);
            recording(Provider::Twilio, &form(&all)).unwrap()
        };
        let url = "https://evil.example/Recordings/RE00000000000000000000000000000001.wav?x=1";
        assert_eq!(read(&[("RecordingUrl", url)]).id.as_deref(), Some("RE00000000000000000000000000000001"));
        assert_eq!(read(&[("RecordingSid", "RE1"), ("RecordingUrl", url)]).id.as_deref(), Some("RE1"));
        assert_eq!(read(&[("RecordingUrl", "https://h/%00")]).id, None);
        assert!(read(&[("Digits", "hangup")]).caller_gone);
        assert_eq!(read(&[("RecordingStatus", "absent")]).status.as_deref(), Some("absent"));
    }
}
