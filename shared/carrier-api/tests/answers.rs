//! Real HTTP: what carriers answer, and what becomes of it.

#![allow(clippy::unwrap_used, reason = "tests stop where something is not as it must be")]

use std::time::Duration;

use carrier::rest::{CallResource, Credentials, Dialect, Outcome, RestApi};
use carrier_api::{CarrierApi, DownloadError, MAX_RECORDING};
use samples::{CarrierAnswer, CarrierServer, HttpRequest};

const UUID: &str = "35094891-3290-4142-b2c2-b2eda57534cf";
const RECORDING: &str = "RE00000000000000000000000000000001";

fn account(base_url: &str) -> RestApi {
    let credentials = Credentials::Basic { user: "AC1".to_owned(), password: "secret".to_owned() };
    RestApi { base_url: base_url.to_owned(), account: "AC1".to_owned(), credentials, dialect: Dialect::Laml }
}

fn client() -> CarrierApi {
    CarrierApi::default().with_first_wait(Duration::from_millis(1)).with_deadline(Duration::from_secs(60))
}

fn says(status: u16, body: &str) -> CarrierAnswer {
    CarrierAnswer::says(status, body)
}

/// Asks for a call; what it came to, after how many requests.
async fn check(answers: Vec<CarrierAnswer>, expected: Outcome, requests: usize) {
    let server = CarrierServer::start(answers.clone()).await;
    let outcome = client().send(&account(&server.url).fetch_call("CA1").unwrap()).await;
    assert_eq!((outcome, server.asked().len()), (expected, requests), "{answers:?}");
    for request in server.asked() {
        assert_eq!(request.path, "/2010-04-01/Accounts/AC1/Calls/CA1.json");
        assert_eq!(request.authorization, "Basic QUMxOnNlY3JldA==");
    }
}

const COMPLETED: &str = r#"{"sid":"CA1","status":"completed","duration":"37"}"#;

fn completed() -> Outcome {
    let (sid, status) = ("CA1".to_owned(), "completed".to_owned());
    Outcome::Done(Some(CallResource { sid, status, duration_s: Some(37) }))
}

#[tokio::test]
async fn every_answer_is_understood() {
    check(vec![says(200, COMPLETED)], completed(), 1).await;
    check(vec![says(401, r#"{"code":20003}"#)], Outcome::Unauthorized, 1).await;
    check(vec![says(404, r#"{"code":20404}"#)], Outcome::NotFound, 1).await;
    check(vec![says(429, "{}"), says(200, COMPLETED)], completed(), 2).await;
    check(vec![says(429, "{}")], Outcome::RetryLater, 3).await;
    check(vec![says(500, "<html>oops")], Outcome::Unknown { status: 500 }, 1).await;
    check(vec![says(200, "<html>fine")], Outcome::Unknown { status: 200 }, 1).await;
    check(vec![says(200, &"x".repeat(70_000))], Outcome::Unknown { status: 200 }, 1).await;
    check(vec![CarrierAnswer::Cut(COMPLETED.into(), 20)], Outcome::Unknown { status: 200 }, 1).await;
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let server = CarrierServer::start(vec![CarrierAnswer::Silence]).await;
    let client = client().with_deadline(Duration::from_millis(50));
    let outcome = client.send(&account(&server.url).fetch_call("CA1").unwrap()).await;
    assert_eq!((outcome, server.asked().len()), (Outcome::Unknown { status: 0 }, 1));
}

#[tokio::test]
async fn nobody_there_is_silence() {
    let outcome = client().send(&account("http://127.0.0.1:9").fetch_call("CA1").unwrap()).await;
    assert_eq!(outcome, Outcome::Unknown { status: 0 });
}

/// Fetches a recording; what came, after how many requests.
async fn fetch(answers: Vec<CarrierAnswer>, expected: Result<&str, DownloadError>, requests: usize) {
    fetch_from(account, RECORDING, answers, expected, requests).await;
}

/// The same from a carrier of which `account` is one, by the recording's `id`.
async fn fetch_from(
    account: impl Fn(&str) -> RestApi,
    id: &str,
    answers: Vec<CarrierAnswer>,
    expected: Result<&str, DownloadError>,
    requests: usize,
) -> Vec<HttpRequest> {
    let server = CarrierServer::start(answers.clone()).await;
    let fetched = client().download(&account(&server.url).fetch_recording(id).unwrap()).await;
    let expected = expected.map(|text| text.as_bytes().to_vec());
    assert_eq!((fetched, server.asked().len()), (expected, requests), "{answers:?}");
    server.asked()
}

#[tokio::test]
async fn a_recording_comes_whole_or_not_at_all() {
    let sound = || says(200, "RIFF sound");
    let cut = || CarrierAnswer::Cut(b"RIFF sound".to_vec(), 4);
    fetch(vec![sound()], Ok("RIFF sound"), 1).await;
    fetch(vec![says(401, "")], Err(DownloadError::Unauthorized), 1).await;
    fetch(vec![says(404, ""), says(404, ""), sound()], Ok("RIFF sound"), 3).await;
    fetch(vec![says(404, "")], Err(DownloadError::NotFound), 5).await;
    fetch(vec![CarrierAnswer::Moved("/media/1.wav"), sound()], Ok("RIFF sound"), 2).await;
    fetch(vec![CarrierAnswer::Moved("/round")], Err(DownloadError::Failed { status: 302 }), 4).await;
    fetch(vec![cut(), sound()], Ok("RIFF sound"), 2).await;
    fetch(vec![cut()], Err(DownloadError::Failed { status: 0 }), 5).await;
    fetch(vec![says(400, "")], Err(DownloadError::Failed { status: 400 }), 1).await;
    fetch(vec![CarrierAnswer::Announces(500_000_000)], Err(DownloadError::TooLarge), 1).await;
    fetch(vec![CarrierAnswer::Announces(MAX_RECORDING + 1)], Err(DownloadError::TooLarge), 1).await;
}

fn telnyx(base_url: &str) -> RestApi {
    let credentials = Credentials::Bearer("KEY1".to_owned());
    RestApi { base_url: base_url.to_owned(), account: "f5".to_owned(), credentials, dialect: Dialect::Texml }
}

#[tokio::test]
async fn telnyx_names_the_place_of_the_sound_which_is_fetched_without_our_key() {
    let (link, sound) = (|| CarrierAnswer::Links("/media/1.wav?proof=1"), || says(200, "RIFF sound"));
    let fetch =
        async |answers, expected, requests| fetch_from(telnyx, UUID, answers, expected, requests).await;
    let asked = fetch(vec![link(), sound()], Ok("RIFF sound"), 2).await;
    let asked: Vec<_> =
        asked.iter().map(|request| (request.path.as_str(), request.authorization.as_str())).collect();
    let place = format!("/texml/Accounts/f5/Recordings/{UUID}.json");
    assert_eq!(asked, [(place.as_str(), "Bearer KEY1"), ("/media/1.wav?proof=1", "")]);
    let unfinished = || says(200, r#"{"status":"in-progress","media_url":null}"#);
    fetch(vec![unfinished(), link(), sound()], Ok("RIFF sound"), 3).await;
    fetch(vec![unfinished()], Err(DownloadError::NotFound), 5).await;
    fetch(vec![says(404, "{}"), link(), sound()], Ok("RIFF sound"), 3).await;
    fetch(vec![says(401, "{}")], Err(DownloadError::Unauthorized), 1).await;
    fetch(vec![says(503, "oops"), link(), sound()], Ok("RIFF sound"), 3).await;
    fetch(vec![link(), CarrierAnswer::Cut(b"RIFF sound".to_vec(), 4), link(), sound()], Ok("RIFF sound"), 4)
        .await;
    fetch(vec![link(), CarrierAnswer::Announces(MAX_RECORDING + 1)], Err(DownloadError::TooLarge), 2).await;
}

#[tokio::test]
async fn signalwire_hands_the_sound_out_under_its_own_path() {
    let space = |base_url: &str| account(&format!("{base_url}/api/laml"));
    let asked = fetch_from(space, UUID, vec![says(200, "RIFF sound")], Ok("RIFF sound"), 1).await;
    assert_eq!(asked[0].path, format!("/api/laml/2010-04-01/Accounts/AC1/Recordings/{UUID}"));
    assert_eq!(asked[0].authorization, "Basic QUMxOnNlY3JldA==");
}
