//! What an HTTP API turns a request into (payload format 2.0), and a function's answer back into a response.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::routes::Route;

/// A request as it came over the wire.
#[derive(Debug)]
pub(crate) struct Arrived<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
    /// Milliseconds since 1970.
    pub(crate) at_ms: u128,
    pub(crate) request_id: &'a str,
}

/// The event: path and query untouched, header names in lower case, repeated headers joined by commas, the body in base64 unless
/// its type says text.
pub(crate) fn event(arrived: &Arrived<'_>, route: &Route) -> Value {
    let Arrived { method, uri, headers, body, at_ms, request_id } = arrived;
    let text = is_text(headers).then(|| std::str::from_utf8(body).ok()).flatten();
    let (body, encoded) = match text {
        Some(text) => (text.to_owned(), false),
        None => (STANDARD.encode(body), true),
    };
    let domain = header_text(headers, &header::HOST).unwrap_or_default();
    json!({
        "version": "2.0",
        "routeKey": route.key(),
        "rawPath": uri.path(),
        "rawQueryString": uri.query().unwrap_or_default(),
        "headers": joined(headers),
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": domain,
            "domainPrefix": "local",
            "http": {
                "method": method.as_str(),
                "path": uri.path(),
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": header_text(headers, &header::USER_AGENT).unwrap_or_default(),
            },
            "requestId": request_id,
            "routeKey": route.key(),
            "stage": "$default",
            "timeEpoch": at_ms,
        },
        "body": body,
        "isBase64Encoded": encoded,
    })
}

fn joined(headers: &HeaderMap) -> BTreeMap<&str, String> {
    let mut joined: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        joined
            .entry(name.as_str())
            .and_modify(|all| {
                all.push(',');
                all.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    joined
}

fn header_text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn is_text(headers: &HeaderMap) -> bool {
    let kind = header_text(headers, &header::CONTENT_TYPE).unwrap_or_default();
    kind.starts_with("text/")
        || ["application/json", "application/xml"].iter().any(|text| kind.starts_with(text))
}

/// A function's answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    multi_value_headers: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// The response; what is no answer (a function that failed) becomes the gateway's own 500.
pub(crate) fn response(answer: &[u8]) -> Response<Body> {
    let read = || -> Option<Response<Body>> {
        let answer: Answer = serde_json::from_slice(answer).ok()?;
        let body = answer.body.unwrap_or_default();
        let body = if answer.is_base64_encoded { STANDARD.decode(body).ok()? } else { body.into_bytes() };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(answer.status_code).ok()?;
        let several = answer
            .multi_value_headers
            .into_iter()
            .flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value)));
        for (name, value) in answer.headers.into_iter().chain(several) {
            let (name, value) = (HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
            if !response.headers().get_all(&name).iter().any(|same| same == value) {
                response.headers_mut().append(name, value);
            }
        }
        Some(response)
    };
    read().unwrap_or_else(|| refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"))
}

/// What the gateway says by itself.
pub(crate) fn refusal(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(json!({ "message": message }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::find;

    #[track_caller]
    fn check(content_type: &str, body: &[u8], expected: (&str, bool)) {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", content_type.parse().unwrap());
        headers.append("x-a", "1".parse().unwrap());
        headers.append("x-a", "2".parse().unwrap());
        let uri: Uri = "/dial-result/a%20b?x=%2F&x=2".parse().unwrap();
        let (method, body) = (Method::POST, Bytes::copy_from_slice(body));
        let route = find(&method, uri.path()).unwrap();
        let arrived =
            Arrived { method: &method, uri: &uri, headers: &headers, body: &body, at_ms: 7, request_id: "r" };
        let event = event(&arrived, route);
        assert_eq!((event["body"].as_str().unwrap(), event["isBase64Encoded"].as_bool().unwrap()), expected);
        assert_eq!(event["rawPath"], "/dial-result/a%20b");
        assert_eq!(event["rawQueryString"], "x=%2F&x=2");
        assert_eq!(event["headers"]["x-a"], "1,2");
        assert_eq!(event["routeKey"], "POST /dial-result/{ticket}");
    }

    #[test]
    fn a_form_travels_in_base64_and_text_as_it_is() {
        check("application/x-www-form-urlencoded", b"a=b", ("YT1i", true));
        check("application/json; charset=utf-8", br#"{"a":1}"#, (r#"{"a":1}"#, false));
        check("text/plain", b"\xff", ("/w==", true));
    }

    #[test]
    fn a_function_that_failed_becomes_the_gateways_500() {
        let response = response(br#"{"errorType":"panic","errorMessage":"no"}"#);
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
