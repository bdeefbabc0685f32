//! What the functions talk to.

use std::collections::BTreeMap;

use domain::{Heartbeat, WorkerId, Write};
use samples::{Behaviour, LiveKitServer, World};
use store::{client, table};

/// A table in memory and a LiveKit server, on threads of their own; the environment to use them.
pub(crate) async fn start() -> BTreeMap<String, String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    let database = client::local(&url);
    table::create_table(&database, "ringdown").await.unwrap();
    let world = World::at(database, LiveKitServer::start(Behaviour::Works).await).await;
    world
        .number(|number| {
            number.limits.per_caller_per_minute = 1000;
            number.limits.per_minute = 100_000;
        })
        .await;
    let beat = Heartbeat {
        worker: WorkerId::new("bench").unwrap(),
        version: "bench".to_owned(),
        capacity: 100_000,
        active: 0,
        seat: None,
        at: lambda::now().plus_secs(3600),
    };
    world.apply(vec![Write::PutHeartbeat(beat)]).await;
    let world = world.set("MAX_CALLS", "100000");
    let mut environment: BTreeMap<String, String> = world.environment().into_iter().collect();
    for (name, value) in [
        ("AWS_ENDPOINT_URL_DYNAMODB", url.as_str()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "fakefake"),
        ("AWS_SECRET_ACCESS_KEY", "fake"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_LAMBDA_LOG_LEVEL", "error"),
    ] {
        environment.insert(name.to_owned(), value.to_owned());
    }
    environment
}
