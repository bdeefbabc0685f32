//! One HTTP request as API Gateway's payload 2.0 carries it.
//!
//! Own code, because signatures cover raw bytes: nothing is re-encoded, nothing can panic, and the size is
//! capped before anything is hashed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::reply::Reply;

/// Largest body taken, bytes. A Twilio webhook stays below 4 kB, its StirPassportToken included.
pub const MAX_BODY: usize = 64 * 1024;

/// The event as the gateway sends it; what is not named is ignored.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpEvent {
    #[serde(default)]
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: BTreeMap<String, Option<String>>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    #[serde(default)]
    request_context: RequestContext,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct RequestContext {
    #[serde(default)]
    http: HttpContext,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct HttpContext {
    #[serde(default)]
    method: String,
}

/// A request: everything as it came over the wire.
#[derive(Debug, Clone)]
pub struct Request {
    /// Upper case.
    pub method: String,
    /// Raw path, percent-encoding untouched.
    pub path: String,
    /// Raw query without `?`; empty when there is none.
    pub query: String,
    /// Names in lower case.
    headers: BTreeMap<String, String>,
    /// Raw body.
    pub body: Vec<u8>,
}

/// What a body says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentType {
    /// `application/x-www-form-urlencoded`, whatever its parameters.
    Form,
    /// `application/json`, or LiveKit's `application/webhook+json`.
    Json,
}

impl Request {
    /// Takes the event apart.
    ///
    /// # Errors
    /// The reply to give: 413 for a body over [`MAX_BODY`], 400 for one that is not the base64 it claims
    /// to be.
    pub fn from_event(event: HttpEvent) -> Result<Self, Reply> {
        let text = event.body.unwrap_or_default();
        let limit = if event.is_base64_encoded { MAX_BODY.div_ceil(3) * 4 } else { MAX_BODY };
        if text.len() > limit {
            return Err(too_large());
        }
        let body = if event.is_base64_encoded {
            STANDARD
                .decode(&text)
                .map_err(|_| Reply::error(400, "bad_base64", "the body is not the base64 it claims to be"))?
        } else {
            text.into_bytes()
        };
        if body.len() > MAX_BODY {
            return Err(too_large());
        }
        let headers = event.headers.into_iter();
        let headers = headers.filter_map(|(name, value)| Some((name.to_ascii_lowercase(), value?))).collect();
        let method = event.request_context.http.method.to_ascii_uppercase();
        Ok(Self { method, path: event.raw_path, query: event.raw_query_string, headers, body })
    }

    /// The value of a header; the gateway joins repeated ones with commas.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The public URL of this request: what a carrier signed. `Host` and `X-Forwarded-*` have no say.
    pub fn public_url(&self, base_url: &str) -> String {
        let base = base_url.trim_end_matches('/');
        if self.query.is_empty() {
            format!("{base}{}", self.path)
        } else {
            format!("{base}{}?{}", self.path, self.query)
        }
    }

    /// Insists on a method.
    ///
    /// # Errors
    /// 405 with `Allow`.
    pub fn require_method(&self, method: &str) -> Result<(), Reply> {
        if self.method == method {
            return Ok(());
        }
        let refused = Reply::error(405, "method_not_allowed", &format!("this route takes {method}"));
        Err(refused.with_header("allow", method))
    }

    /// What the body says it is.
    ///
    /// # Errors
    /// 415 when it is compressed, says nothing, or is neither form nor JSON.
    pub fn content_type(&self) -> Result<ContentType, Reply> {
        if self.header("content-encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity"))
        {
            return Err(Reply::error(415, "content_encoding", "compressed bodies are not taken"));
        }
        let given = self.header("content-type").unwrap_or_default();
        let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/x-www-form-urlencoded" => Ok(ContentType::Form),
            "application/json" | "application/webhook+json" => Ok(ContentType::Json),
            _ => Err(Reply::error(415, "content_type", "the body must be a form or JSON")),
        }
    }

    /// The body as JSON of a shape.
    ///
    /// # Errors
    /// 405, 415, or 400 with the first thing that is wrong.
    pub fn json<T: for<'de> Deserialize<'de>>(&self) -> Result<T, Reply> {
        self.require_method("POST")?;
        if self.content_type()? != ContentType::Json {
            return Err(Reply::error(415, "content_type", "the body must be application/json"));
        }
        serde_json::from_slice(&self.body).map_err(|error| Reply::error(400, "bad_json", &error.to_string()))
    }
}

fn too_large() -> Reply {
    Reply::error(413, "too_large", "the body is larger than 64 KiB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn request(event: Value) -> Result<Request, Reply> {
        Request::from_event(serde_json::from_value(event).unwrap())
    }

    fn post(content_type: Option<&str>, body: &str) -> Request {
        let mut headers = serde_json::Map::new();
        if let Some(value) = content_type {
            headers.insert("Content-Type".to_owned(), json!(value));
        }
        request(json!({"headers": headers, "body": body, "requestContext": {"http": {"method": "post"}}}))
            .unwrap()
    }

    #[test]
    fn base64_bodies_are_decoded_and_plain_ones_taken_literally() {
        let decoded = request(json!({"body": "YT0x", "isBase64Encoded": true})).unwrap();
        assert_eq!(decoded.body, b"a=1");
        let literal = request(json!({"body": "YT0x", "isBase64Encoded": false})).unwrap();
        assert_eq!(literal.body, b"YT0x");
    }

    #[test]
    fn invalid_base64_is_a_400() {
        for body in ["%%%", "YT0", "YT0x\n", "Y"] {
            assert_eq!(
                request(json!({"body": body, "isBase64Encoded": true})).unwrap_err().status,
                400,
                "{body}"
            );
        }
    }

    #[test]
    fn bodies_over_the_cap_are_a_413() {
        let fits = "a".repeat(MAX_BODY);
        assert!(request(json!({"body": fits})).is_ok());
        assert!(request(json!({"body": STANDARD.encode(&fits), "isBase64Encoded": true})).is_ok());
        for size in [MAX_BODY + 1, 1 << 20, 6 << 20] {
            let large = "a".repeat(size);
            assert_eq!(request(json!({"body": large})).unwrap_err().status, 413);
            let encoded = STANDARD.encode(&large);
            assert_eq!(request(json!({"body": encoded, "isBase64Encoded": true})).unwrap_err().status, 413);
        }
    }

    #[test]
    fn an_absent_body_is_empty() {
        assert_eq!(request(json!({"body": null})).unwrap().body, b"");
        assert_eq!(request(json!({})).unwrap().body, b"");
    }

    #[test]
    fn header_names_are_found_in_any_case() {
        for name in ["X-Twilio-Signature", "x-twilio-signature", "X-TWILIO-SIGNATURE"] {
            let found = request(json!({"headers": {name: "s"}})).unwrap();
            assert_eq!(found.header("x-twilio-signature"), Some("s"));
        }
    }

    #[test]
    fn the_public_url_is_the_configured_one() {
        let spoofed = request(json!({
            "rawPath": "/incoming-call", "rawQueryString": "a=%2f'",
            "headers": {"host": "evil.example", "x-forwarded-host": "evil.example", "x-forwarded-proto": "http"},
        }))
        .unwrap();
        assert_eq!(spoofed.public_url("https://Good.example/"), "https://Good.example/incoming-call?a=%2f'");
    }

    #[test]
    fn forms_and_json_are_told_apart() {
        for given in [
            "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded; charset=UTF-8",
            "APPLICATION/X-WWW-FORM-URLENCODED;charset=utf-8",
        ] {
            assert_eq!(post(Some(given), "").content_type().unwrap(), ContentType::Form, "{given}");
        }
        assert_eq!(post(Some("application/webhook+json"), "").content_type().unwrap(), ContentType::Json);
        for given in [None, Some("multipart/form-data; boundary=x"), Some("text/plain"), Some("")] {
            assert_eq!(post(given, "").content_type().unwrap_err().status, 415, "{given:?}");
        }
    }

    #[test]
    fn compressed_bodies_are_a_415() {
        let event = json!({"headers": {"content-type": "application/json", "content-encoding": "gzip"}});
        assert_eq!(request(event).unwrap().content_type().unwrap_err().status, 415);
    }

    #[test]
    fn other_methods_are_a_405_with_allow() {
        let reply = post(None, "").require_method("GET").unwrap_err();
        assert_eq!((reply.status, reply.header("allow")), (405, Some("GET")));
    }
}
