//! Requests spelt out, answers read.

use super::*;

fn api() -> RestApi {
    let credentials = Credentials::Basic { user: "AC1".to_owned(), password: "secret".to_owned() };
    let base_url = TWILIO_BASE_URL.to_owned();
    RestApi { base_url, account: "AC1".to_owned(), credentials, dialect: Dialect::Laml }
}

fn telnyx() -> RestApi {
    let base_url = TELNYX_BASE_URL.to_owned();
    let credentials = Credentials::Bearer("KEY1".to_owned());
    RestApi { base_url, account: "f5".to_owned(), credentials, dialect: Dialect::Texml }
}

fn new_call(instructions: Instructions) -> NewCall {
    NewCall {
        to: "+15550100199".to_owned(),
        from: "+15550100100".to_owned(),
        instructions,
        status_callback: Some("https://h/call-status".to_owned()),
        timeout_s: 30,
    }
}

#[test]
fn a_create_repeats_the_event_key_and_encodes_the_plus() {
    let request = api().create_call(&new_call(Instructions::Url("https://h/x".to_owned()))).unwrap();
    assert_eq!(request.url, "https://api.twilio.com/2010-04-01/Accounts/AC1/Calls.json");
    assert_eq!(request.authorization.as_deref(), Some("Basic QUMxOnNlY3JldA=="));
    assert_eq!(
        request.body.as_deref(),
        Some(
            "To=%2B15550100199&From=%2B15550100100&Timeout=30&Url=https%3A%2F%2Fh%2Fx\
             &StatusCallback=https%3A%2F%2Fh%2Fcall-status&StatusCallbackMethod=POST\
             &StatusCallbackEvent=initiated&StatusCallbackEvent=ringing&StatusCallbackEvent=answered\
             &StatusCallbackEvent=completed"
        )
    );
}

#[test]
fn an_inline_document_over_the_limit_asks_for_a_url() {
    let long = Instructions::Twiml("x".repeat(MAX_INLINE_TWIML + 1));
    assert_eq!(api().create_call(&new_call(long)), Err(RestError::TwimlTooLong));
    let fits = Instructions::Twiml("x".repeat(MAX_INLINE_TWIML));
    assert!(api().create_call(&new_call(fits)).is_ok());
}

#[test]
fn updates_name_their_call() {
    let request = api().update_call("CA1", &CallUpdate::Complete).unwrap();
    assert_eq!(request.url, "https://api.twilio.com/2010-04-01/Accounts/AC1/Calls/CA1.json");
    assert_eq!(request.body.as_deref(), Some("Status=completed"));
    let odd = api().update_call("../x", &CallUpdate::Cancel).unwrap();
    assert!(odd.url.ends_with("/Calls/..%2Fx.json"));
}

#[test]
fn telnyx_spells_paths_and_documents_its_own_way() {
    let api = telnyx();
    let document = Instructions::Twiml("<Response/>".to_owned());
    let request = api.update_call("v3:a", &CallUpdate::Continue(document)).unwrap();
    assert_eq!(request.url, "https://api.telnyx.com/v2/texml/Accounts/f5/Calls/v3%3Aa");
    assert_eq!(request.body.as_deref(), Some("Texml=%3CResponse%2F%3E"));
    assert_eq!(request.authorization.as_deref(), Some("Bearer KEY1"));
}

#[test]
fn recordings_are_fetched_by_id_only() {
    let check = |api: &RestApi, id: &str, fetch: &str| {
        let (url, is_sound) = match api.fetch_recording(id).unwrap() {
            RecordingRequest::Sound(request) => (request.url, true),
            RecordingRequest::Link(request) => (request.url, false),
        };
        assert_eq!((url.as_str(), is_sound), (fetch, api.dialect == Dialect::Laml));
        let deleted = api.delete_recording(id).unwrap();
        assert_eq!(
            (deleted.method, deleted.url),
            (Method::Delete, format!("{}.json", url.trim_end_matches(".json")))
        );
    };
    let (id, uuid) = (format!("RE{}", "0a".repeat(16)), "35094891-3290-4142-b2c2-b2eda57534cf");
    check(&api(), &id, &format!("https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/{id}"));
    check(&telnyx(), uuid, &format!("https://api.telnyx.com/v2/texml/Accounts/f5/Recordings/{uuid}.json"));
    let signalwire = RestApi { base_url: "https://x.signalwire.com/api/laml".to_owned(), ..api() };
    let place = "https://x.signalwire.com/api/laml/2010-04-01/Accounts/AC1/Recordings";
    check(&signalwire, uuid, &format!("{place}/{uuid}"));
    for odd in ["https://evil.example/RE", "RE1", "", "RE../../../../../../../../../../ab"] {
        assert_eq!(api().fetch_recording(odd), Err(RestError::BadRecordingId), "{odd}");
    }
}

#[test]
fn a_request_does_not_show_its_secret() {
    let request = api().fetch_call("CA1").unwrap();
    let shown = format!("{request:?} {:?}", api());
    assert!(!shown.contains("secret") && !shown.contains("QUMx"), "{shown}");
}

#[track_caller]
fn check(status: u16, body: &str, expected: Outcome) {
    assert_eq!(Outcome::read(status, body.as_bytes()), expected);
}

#[test]
fn answers_say_whether_to_repeat() {
    let call = CallResource { sid: "CA1".to_owned(), status: "queued".to_owned(), duration_s: None };
    check(201, r#"{"sid":"CA1","status":"queued","price":null}"#, Outcome::Done(Some(call)));
    for seconds in ["37", "\"37\""] {
        let body = format!(r#"{{"sid":"CA1","status":"completed","duration":{seconds}}}"#);
        let (sid, status) = ("CA1".to_owned(), "completed".to_owned());
        check(200, &body, Outcome::Done(Some(CallResource { sid, status, duration_s: Some(37) })));
    }
    check(204, "", Outcome::Done(None));
    check(429, r#"{"code":20429,"message":"slow down"}"#, Outcome::RetryLater);
    check(401, r#"{"code":20003}"#, Outcome::Unauthorized);
    check(404, r#"{"code":20404}"#, Outcome::NotFound);
    check(400, r#"{"code":21220,"message":"not in progress"}"#, Outcome::AlreadyEnded);
    check(
        400,
        r#"{"code":21215,"message":"not allowed"}"#,
        Outcome::Refused { code: Some(21215), message: "not allowed".to_owned() },
    );
    check(400, "<html>", Outcome::Refused { code: None, message: "<html>".to_owned() });
    check(500, "<html>oops", Outcome::Unknown { status: 500 });
    check(201, r#"{"sid":"CA1","sta"#, Outcome::Unknown { status: 201 });
}
