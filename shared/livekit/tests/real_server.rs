//! The verbs against a real livekit-server with its SIP bridge.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use domain::{RoomName, Secret};
use livekit::provision::Trunk;
use livekit::{Client, LiveKitError, Project};
use servers::{Servers, ServersOptions, workspace_root};

/// Longer than any busy machine takes.
const PATIENCE: Duration = Duration::from_secs(60);

async fn servers(name: &str) -> Servers {
    let dir = workspace_root().join("target/test-servers").join(name);
    Servers::start(ServersOptions::new(dir)).await.unwrap()
}

fn client(servers: &Servers) -> Client {
    let project = Project {
        url: servers.livekit_url(),
        api_key: servers.api_key().to_owned(),
        api_secret: Secret::new(servers.api_secret().to_owned()),
    };
    Client::new(project, PATIENCE)
}

fn trunk(agent: &str) -> Trunk {
    Trunk {
        username: "carrier".to_owned(),
        password: Secret::new("sip-password".to_owned()),
        allowed_addresses: Vec::new(),
        agent_name: agent.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rooms_dispatches_and_roads_of_a_real_server() {
    let servers = servers("livekit-verbs").await;
    let client = client(&servers);
    dispatches(&client).await;
    roads(&client, servers.trunk_id()).await;
}

async fn dispatches(client: &Client) {
    let room = RoomName::new("call-CA1").unwrap();
    assert_eq!(client.dispatches(&room).await.unwrap(), []);
    assert!(client.participants(&room).await.unwrap().is_empty());
    let made = client.dispatch(&room, "ringdown", "{}").await.unwrap();
    let listed = client.dispatches(&room).await.unwrap();
    // The server adds one without a name, for agents that take every room.
    let ours = listed.iter().filter(|one| one.agent_name == "ringdown").map(|one| one.id.as_str());
    assert_eq!(ours.collect::<Vec<_>>(), [made.id.as_str()]);
    let rooms = client.rooms(std::slice::from_ref(&room)).await.unwrap();
    assert_eq!(rooms.iter().map(|room| room.name.as_str()).collect::<Vec<_>>(), ["call-CA1"]);
    assert!(!client.remove_participant(&room, "nobody").await.unwrap_or(false));
    client.withdraw(&room, &made).await.unwrap();
    client.withdraw(&room, &made).await.unwrap();
    assert!(client.delete_room(&room).await.unwrap());
    assert!(!client.delete_room(&room).await.unwrap(), "it is gone already");
    assert!(
        matches!(client.transfer(&room, "nobody", "tel:+15550100123").await, Err(error) if !matches!(error, LiveKitError::Deadline { .. }))
    );
}

/// Asked again, nothing changes; asked for something else, it is changed.
async fn roads(client: &Client, trunk_id: &str) {
    let first = client.ensure_webhook_road(&trunk("ringdown")).await.unwrap();
    assert_eq!(first.trunk_id, trunk_id, "the one trunk without numbers is taken over");
    assert_eq!(client.ensure_webhook_road(&trunk("ringdown")).await.unwrap(), first);
    let changed = client.ensure_webhook_road(&trunk("another")).await.unwrap();
    assert_eq!(changed.trunk_id, first.trunk_id);
    assert_ne!(changed.rule_id, first.rule_id);

    let numbers = vec!["+15550100100".to_owned()];
    let road = client.ensure_number_road(numbers.clone(), &trunk("ringdown")).await.unwrap();
    assert_eq!(client.ensure_number_road(numbers, &trunk("ringdown")).await.unwrap(), road);
    let more = vec!["+15550100100".to_owned(), "+15550100101".to_owned()];
    assert_eq!(client.ensure_number_road(more, &trunk("ringdown")).await.unwrap().trunk_id, road.trunk_id);
    assert_eq!(
        client.ensure_webhook_road(&trunk("another")).await.unwrap(),
        changed,
        "roads do not disturb each other"
    );
}
