//! One HTTP reply.

use std::collections::BTreeMap;

use carrier::Twiml;
use carrier::webhook::BadForm;
use serde::Serialize;
use serde_json::{Value, json};

/// Header with the machine-readable code of an error that is answered with TwiML.
pub const ERROR_HEADER: &str = "x-ringdown-error";

/// Said when a call cannot be served at all.
const APOLOGY: &str = "We are sorry, we cannot take your call right now. Please call again later. Goodbye.";

/// A reply as the gateway takes it (payload 2.0).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// HTTP status.
    #[serde(rename = "statusCode")]
    pub status: u16,
    headers: BTreeMap<String, String>,
    /// Text body.
    pub body: String,
    is_base64_encoded: bool,
}

impl Reply {
    /// Nothing to say: what a status callback gets.
    pub fn no_content() -> Self {
        Self::new(204, None, String::new())
    }

    /// JSON.
    pub fn json(status: u16, value: &Value) -> Self {
        Self::new(status, Some("application/json"), value.to_string())
    }

    /// An error for a machine: `{"error":{"code":…,"message":…}}`.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({"error": {"code": code, "message": message}}))
            .with_header(ERROR_HEADER, code)
    }

    /// TwiML with 200. A document that cannot be rendered becomes a plain hang-up, never a 5xx.
    pub fn twiml(twiml: &Twiml) -> Self {
        let body = twiml.render().or_else(|error| {
            tracing::error!({ telemetry::field::ERROR } = %error, "a document could not be rendered");
            Twiml::hangup().render()
        });
        Self::new(200, Some(carrier::twiml::CONTENT_TYPE), body.unwrap_or_default())
    }

    /// What a caller hears when nothing better can be done.
    pub fn apology() -> Self {
        Self::twiml(&Twiml::goodbye(APOLOGY, None))
    }

    /// A signed form that lacks what its route needs: 400, a code for machines, words for the caller.
    pub fn bad_form(error: BadForm) -> Self {
        let code = match error {
            BadForm::Missing(_) => "missing_field",
            BadForm::Malformed(_) => "malformed_field",
            BadForm::WrongRoute => "wrong_route",
        };
        Self::apology().with_status(400).with_header(ERROR_HEADER, code)
    }

    /// The same reply with another status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same reply with one more header; names in lower case.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The error code, for replies that have one.
    pub fn error_code(&self) -> Option<&str> {
        self.header(ERROR_HEADER)
    }

    fn new(status: u16, content_type: Option<&str>, body: String) -> Self {
        let mut headers = BTreeMap::from([("cache-control".to_owned(), "no-store".to_owned())]);
        if let Some(content_type) = content_type {
            headers.insert("content-type".to_owned(), content_type.to_owned());
        }
        Self { status, headers, body, is_base64_encoded: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_have_the_gateways_shape() {
        let reply = Reply::error(403, "bad_signature", "no").with_header("allow", "POST");
        let value = serde_json::to_value(&reply).unwrap();
        assert_eq!(value["statusCode"], 403);
        assert_eq!(value["headers"]["content-type"], "application/json");
        assert_eq!(value["isBase64Encoded"], false);
        assert_eq!(value["body"], r#"{"error":{"code":"bad_signature","message":"no"}}"#);
        assert_eq!(reply.error_code(), Some("bad_signature"));
    }

    #[test]
    fn twiml_is_text_xml_without_a_byte_order_mark() {
        let reply = Reply::twiml(&Twiml::hangup());
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/xml; charset=utf-8")));
        assert!(reply.body.starts_with("<?xml"));
    }

    #[test]
    fn a_document_that_is_too_large_hangs_up_instead_of_failing() {
        let reply = Reply::twiml(&Twiml::goodbye(&"a".repeat(70_000), None));
        assert_eq!(reply.status, 200);
        assert!(reply.body.contains("<Hangup/>") && reply.body.len() < 200);
    }
}
