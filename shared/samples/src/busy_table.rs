//! A table that is too busy for some operations: the service's own words, put between the SDK and the
//! emulator.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

/// What the table does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It is asked too much.
    Throttles,
    /// It fails.
    Fails,
}

/// The network in front of such a table.
#[derive(Debug, Clone)]
struct BusyTable {
    operations: &'static [&'static str],
    trouble: Trouble,
    sound: SharedHttpClient,
}

#[derive(Debug)]
struct Connection {
    table: BusyTable,
    inner: SharedHttpConnector,
}

/// The client of a table that is in trouble whenever one of `operations` is asked.
pub(crate) fn in_trouble(
    client: &aws_sdk_dynamodb::Client,
    operations: &'static [&'static str],
    trouble: Trouble,
) -> aws_sdk_dynamodb::Client {
    let sound = aws_smithy_http_client::Builder::new().build_http();
    let table = BusyTable { operations, trouble, sound };
    aws_sdk_dynamodb::Client::from_conf(client.config().to_builder().http_client(table).build())
}

impl HttpClient for BusyTable {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.sound.http_connector(settings, components);
        SharedHttpConnector::new(Connection { table: self.clone(), inner })
    }
}

impl HttpConnector for Connection {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        if !self.table.operations.iter().any(|operation| target.ends_with(operation)) {
            return self.inner.call(request);
        }
        HttpConnectorFuture::ready(Ok(refusal(self.table.trouble)))
    }
}

/// The service's words, as DynamoDB spells them on the wire.
fn refusal(trouble: Trouble) -> HttpResponse {
    let (status, kind) = match trouble {
        Trouble::Throttles => {
            (400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException")
        }
        Trouble::Fails => (500, "InternalServerError"),
    };
    let body = format!(r#"{{"__type":"{kind}","message":"no"}}"#);
    let status = StatusCode::try_from(status).expect("a status");
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}
