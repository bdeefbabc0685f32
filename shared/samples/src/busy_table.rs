//! A table that is too busy for some operations: the service's own words, put between the SDK and the
//! emulator.

use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use crate::table_network::Incident;

/// What the table does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It is asked too much.
    Throttles,
    /// It fails.
    Fails,
}

/// A table that is in trouble whenever one of `operations` is asked.
#[derive(Debug, Clone)]
pub(crate) struct BusyTable {
    pub(crate) operations: &'static [&'static str],
    pub(crate) trouble: Trouble,
}

impl Incident for BusyTable {
    fn meet(&self, request: HttpRequest, network: &SharedHttpConnector) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        if self.operations.iter().any(|operation| target.ends_with(operation)) {
            HttpConnectorFuture::ready(Ok(refusal(self.trouble)))
        } else {
            network.call(request)
        }
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
