//! What the emulators never do: conflicts, throttling, answers lost on the way, tables that are not
//! there. Injected between the SDK and the emulator, where the network is.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests stop where something is not as it must be"
)]

#[path = "suite/emulator.rs"]
#[expect(dead_code, reason = "only dynoxide is needed here")]
mod emulator;
#[path = "suite/sample.rs"]
#[expect(dead_code, reason = "the suite needs more of it")]
mod sample;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use domain::{Faulty, IdempotencyKey, Retry, Whose, Write};
use sample::{add, arrived, at, call, completed, done, opening, seed, take};
use store::{Applied, Begin, Query, Refusal, Store, StoreError, client};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// Another transaction is at the same items.
    Conflict,
    /// The table is too busy, said inside a cancelled transaction.
    ThrottledInside,
    /// The table is too busy.
    Throttled,
    /// The service fails.
    Broken,
    /// It happens, and the answer is lost.
    AnswerLost,
    /// We may not.
    Denied,
    /// Nothing: the request passes.
    Passes,
}

/// A network that does wrong, request by request, to one operation.
#[derive(Debug, Clone)]
struct BadNetwork {
    operation: &'static str,
    script: Arc<Mutex<VecDeque<Fault>>>,
    /// Every request of the operation after the script does this.
    afterwards: Fault,
    sound: SharedHttpClient,
}

/// A connection of that network.
#[derive(Debug)]
struct BadConnection {
    network: BadNetwork,
    inner: SharedHttpConnector,
}

impl HttpConnector for BadConnection {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let network = &self.network;
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        if !target.ends_with(network.operation) {
            return self.inner.call(request);
        }
        let fault = network.script.lock().unwrap().pop_front().unwrap_or(network.afterwards);
        match fault {
            Fault::Passes => self.inner.call(request),
            Fault::AnswerLost => {
                let happens = self.inner.call(request);
                HttpConnectorFuture::new(async move {
                    happens.await?;
                    Err(ConnectorError::timeout("the answer was lost".into()))
                })
            }
            fault => HttpConnectorFuture::ready(Ok(answer(fault))),
        }
    }
}

impl HttpClient for BadNetwork {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.sound.http_connector(settings, components);
        SharedHttpConnector::new(BadConnection { network: self.clone(), inner })
    }
}

/// The service's words for a fault, as DynamoDB spells them on the wire.
fn answer(fault: Fault) -> HttpResponse {
    let inside = |code: &str| {
        format!(
            r##"{{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"cancelled",
                "CancellationReasons":[{{"Code":"None"}},{{"Code":"{code}","Message":"busy"}}]}}"##
        )
    };
    let outside = |kind: &str| format!(r#"{{"__type":"{kind}","message":"no"}}"#);
    let (status, body) = match fault {
        Fault::Conflict => (400, inside("TransactionConflict")),
        Fault::ThrottledInside => (400, inside("ThrottlingError")),
        Fault::Throttled => {
            (400, outside("com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"))
        }
        Fault::Broken => (500, outside("InternalServerError")),
        Fault::Denied => (400, outside("com.amazon.coral.service#AccessDeniedException")),
        Fault::AnswerLost | Fault::Passes => unreachable!("handled before"),
    };
    let status = aws_smithy_runtime_api::http::StatusCode::try_from(status).unwrap();
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}

/// A store whose `operation` suffers `script`, then `afterwards`; and the same table without faults.
async fn faulty(operation: &'static str, script: &[Fault], afterwards: Fault) -> (Store, Store) {
    let (sound, url) = emulator::dynoxide().await;
    let network = BadNetwork {
        operation,
        script: Arc::new(Mutex::new(script.iter().copied().collect())),
        afterwards,
        sound: aws_smithy_http_client::Builder::new().build_http(),
    };
    let config = client::local(&url).config().to_builder().http_client(network).build();
    (Store::new(Client::from_conf(config), sound.table_name()), sound)
}

fn arrival() -> Vec<Write> {
    let mut writes = opening(&call(1), at(0));
    writes.push(take(&call(1), 10));
    writes
}

#[tokio::test]
async fn a_conflict_and_throttling_are_outlasted() {
    for fault in [Fault::Conflict, Fault::ThrottledInside, Fault::Throttled, Fault::Broken] {
        let (store, sound) = faulty("TransactWriteItems", &[fault; 2], Fault::Passes).await;
        let applied = store.apply(arrival(), at(0)).await.unwrap();
        assert!(matches!(applied, Applied::Done(_)), "{fault:?}: {applied:?}");
        assert_eq!(sound.active_calls().await.unwrap(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn what_does_not_pass_is_given_up_with_its_name() {
    let check = async |fault, error: StoreError, whose| {
        let (store, sound) = faulty("TransactWriteItems", &[], fault).await;
        let outcome = store.apply(arrival(), at(0)).await;
        assert_eq!(outcome, Err(error.clone()));
        assert_eq!(error.fault().whose, whose);
        assert_eq!(sound.call(&call(1), at(0)).await.unwrap(), None, "{fault:?} stored something");
        assert_eq!(sound.active_calls().await.unwrap(), 0);
    };
    check(Fault::Denied, StoreError::Denied("no".to_owned()), Whose::Operator).await;
    check(Fault::Broken, StoreError::Service("InternalServerError".to_owned()), Whose::Aws).await;
}

#[tokio::test]
async fn endless_conflicts_and_throttling_end_at_the_deadline_or_before() {
    for fault in [Fault::Conflict, Fault::ThrottledInside] {
        let (store, sound) = faulty("TransactWriteItems", &[], fault).await;
        let store = store.with_deadline(std::time::Duration::from_millis(300));
        let error = store.apply(arrival(), at(0)).await.unwrap_err();
        assert_eq!(error, StoreError::Timeout);
        assert_eq!(error.fault().retry, Retry::Yes);
        assert_eq!(sound.call(&call(1), at(0)).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_lost_answer_does_not_make_it_happen_twice() {
    let (store, sound) = faulty("TransactWriteItems", &[Fault::AnswerLost], Fault::Passes).await;
    let applied = store.apply(arrival(), at(0)).await.unwrap();
    assert!(matches!(applied, Applied::Done(_)), "{applied:?}");
    assert_eq!(sound.active_calls().await.unwrap(), 1);
}

#[tokio::test]
async fn after_lost_answers_only_the_repetition_finds_what_was_stored() {
    let (store, sound) = faulty("TransactWriteItems", &[Fault::AnswerLost; 3], Fault::Passes).await;
    assert_eq!(store.apply(arrival(), at(0)).await, Err(StoreError::Timeout));
    let repeated = store.apply(arrival(), at(1)).await.unwrap();
    assert!(matches!(repeated, Applied::Refused(Refusal::AlreadyOpen(_))), "{repeated:?}");
    assert_eq!(sound.active_calls().await.unwrap(), 1);
}

#[tokio::test]
async fn a_place_is_given_back_once_though_the_answer_is_lost() {
    let (store, sound) =
        faulty("TransactWriteItems", &[Fault::Passes, Fault::AnswerLost, Fault::Conflict], Fault::Passes)
            .await;
    done(&store, arrival(), at(0)).await;
    for _ in 0..2 {
        done(&store, add(&call(1), completed(at(60))), at(60)).await;
    }
    assert_eq!(sound.active_calls().await.unwrap(), 0);
    assert!(sound.call(&call(1), at(60)).await.unwrap().unwrap().record.is_over());
}

#[tokio::test]
async fn a_request_whose_beginning_was_not_confirmed_is_still_ours() {
    let (store, sound) = faulty("PutItem", &[Fault::AnswerLost], Fault::Passes).await;
    let key = IdempotencyKey::new("token", "r1");
    assert_eq!(store.begin(&key, at(0), at(10), at(60)).await, Ok(Begin::Started));
    assert_eq!(sound.begin(&key, at(1), at(11), at(60)).await, Ok(Begin::InProgress));
}

#[tokio::test]
async fn loading_outlasts_a_busy_table_and_says_when_it_cannot() {
    let (id, caller, number) = (call(1), sample::caller(), sample::number());
    let query = Query { call: &id, caller: &caller, number: Some(&number) };
    let (store, sound) = faulty("BatchGetItem", &[Fault::Throttled, Fault::AnswerLost], Fault::Passes).await;
    seed(&sound).await;
    assert!(store.incoming(&query, at(0)).await.unwrap().number.is_some());
    let (store, _) = faulty("BatchGetItem", &[], Fault::Throttled).await;
    assert_eq!(store.incoming(&query, at(0)).await, Err(StoreError::Throttled));
}

#[tokio::test]
async fn configurations_are_changed_in_spite_of_conflicts() {
    let (store, sound) = faulty("TransactWriteItems", &[Fault::Conflict; 2], Fault::Passes).await;
    seed(&store).await;
    assert_eq!(sound.numbers().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_table_that_is_not_there_is_named() {
    let (sound, url) = emulator::dynoxide().await;
    let elsewhere = Store::new(client::local(&url), "another-table");
    assert_eq!(elsewhere.call(&call(1), at(0)).await, Err(StoreError::NoTable));
    assert_eq!(elsewhere.apply(add(&call(1), arrived(at(0))), at(0)).await, Err(StoreError::NoTable));
    drop(sound);
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let nowhere = Store::new(client::local(&url), "ringdown");
    assert_eq!(nowhere.active_calls().await, Err(StoreError::Unreachable));
}
