//! A network between the SDK and the emulator, on which something may happen to requests.

use std::fmt::Debug;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// What happens to requests.
pub(crate) trait Incident: Debug + Clone + Send + Sync + 'static {
    /// Sends a request on by `network`, or answers it.
    fn meet(&self, request: HttpRequest, network: &SharedHttpConnector) -> HttpConnectorFuture;
}

#[derive(Debug)]
struct Network<I> {
    incident: I,
    sound: SharedHttpClient,
}

#[derive(Debug)]
struct Connection<I> {
    incident: I,
    sound: SharedHttpConnector,
}

/// The client of a table behind such a network.
pub(crate) fn behind<I: Incident>(
    client: &aws_sdk_dynamodb::Client,
    incident: I,
) -> aws_sdk_dynamodb::Client {
    let sound = aws_smithy_http_client::Builder::new().build_http();
    let network = Network { incident, sound };
    aws_sdk_dynamodb::Client::from_conf(client.config().to_builder().http_client(network).build())
}

impl<I: Incident> HttpClient for Network<I> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let sound = self.sound.http_connector(settings, components);
        SharedHttpConnector::new(Connection { incident: self.incident.clone(), sound })
    }
}

impl<I: Incident> HttpConnector for Connection<I> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.incident.meet(request, &self.sound)
    }
}
