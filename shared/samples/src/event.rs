//! Sample events: requests as an HTTP API hands them on (payload 2.0), signed with the sample values.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carrier::form::{Form, encode};
use carrier::signature::{sign_signalwire, sign_twilio};
use domain::{Secret, WallTime};
use ed25519_dalek::{Signer as _, SigningKey};
use livekit::Project;
use serde_json::{Map, Value, json};

use crate::values;

/// Content type of forms.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// A request before it becomes an event.
#[derive(Debug, Clone)]
pub struct Sent {
    method: &'static str,
    path: String,
    query: String,
    headers: Map<String, Value>,
    body: Option<String>,
    base64: bool,
}

impl Sent {
    /// A POST with a body.
    pub fn post(path: &str, content_type: &str, body: &str) -> Self {
        let sent = Self {
            method: "POST",
            path: path.to_owned(),
            query: String::new(),
            headers: Map::new(),
            body: Some(body.to_owned()),
            base64: false,
        };
        sent.header("host", "ringdown.test").header("content-type", content_type)
    }

    /// A form as Twilio sends it, signed with the current token.
    pub fn twilio(path: &str, pairs: &[(&str, &str)]) -> Self {
        Self::post(path, FORM, &encode(pairs.iter().copied())).signed_by_twilio(values::TWILIO_TOKEN)
    }

    /// A form as SignalWire sends it.
    pub fn signalwire(path: &str, pairs: &[(&str, &str)]) -> Self {
        let sent = Self::post(path, FORM, &encode(pairs.iter().copied()));
        let signature = sign_signalwire(values::SIGNALWIRE_KEY, &sent.url(), &sent.form());
        sent.header("x-signalwire-signature", &signature)
    }

    /// A form as Telnyx sends it, `age_s` before [`values::NOW_S`].
    pub fn telnyx(path: &str, pairs: &[(&str, &str)], age_s: u64) -> Self {
        let body = encode(pairs.iter().copied());
        let timestamp = (values::NOW_S - age_s).to_string();
        let key = SigningKey::from_bytes(&telnyx_seed());
        let signature = key.sign(format!("{timestamp}|{body}").as_bytes());
        Self::post(path, FORM, &body)
            .header("telnyx-timestamp", &timestamp)
            .header("telnyx-signature-ed25519", &STANDARD.encode(signature.to_bytes()))
    }

    /// A webhook as LiveKit sends it, signed at [`values::NOW_S`].
    pub fn livekit(body: &Value) -> Self {
        Self::livekit_at(body, WallTime::from_secs(values::NOW_S))
    }

    /// A webhook as LiveKit sends it, signed now.
    pub fn livekit_at(body: &Value, now: WallTime) -> Self {
        let body = body.to_string();
        let token = livekit::webhook::sign(&project(), body.as_bytes(), now);
        Self::post("/livekit-webhook", "application/webhook+json", &body).header("authorization", &token)
    }

    /// JSON with an API token.
    pub fn api(path: &str, token: &str, body: &Value) -> Self {
        Self::post(path, "application/json", &body.to_string())
            .header("authorization", &format!("Bearer {token}"))
    }

    /// Signed anew by Twilio, with any token.
    #[must_use]
    pub fn signed_by_twilio(self, token: &str) -> Self {
        let signature = sign_twilio(token, &self.url(), &self.form());
        self.header("x-twilio-signature", &signature)
    }

    /// Signed anew by Twilio as a request whose body is no form.
    #[must_use]
    pub fn signed_by_url(self) -> Self {
        let signature = sign_twilio(values::TWILIO_TOKEN, &self.url(), &Form::default());
        self.header("x-twilio-signature", &signature)
    }

    /// With another header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), json!(value));
        self
    }

    /// Without a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// With another method.
    #[must_use]
    pub fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    /// With a query.
    #[must_use]
    pub fn query(mut self, query: &str) -> Self {
        query.clone_into(&mut self.query);
        self
    }

    /// With another body.
    #[must_use]
    pub fn body(mut self, change: impl FnOnce(&str) -> String) -> Self {
        self.body = self.body.as_deref().map(change);
        self
    }

    /// Without a body.
    #[must_use]
    pub fn no_body(mut self) -> Self {
        self.body = None;
        self
    }

    /// With its body in base64, as the gateway sends what it does not take for text.
    #[must_use]
    pub fn base64(mut self) -> Self {
        self.body = self.body.map(|body| STANDARD.encode(body));
        self.base64 = true;
        self
    }

    /// Said to be no base64, whatever its body looks like.
    #[must_use]
    pub fn literal(mut self) -> Self {
        self.base64 = false;
        self
    }

    /// Signed by Twilio as if it went to another route.
    #[must_use]
    pub fn resigned_for(self, path: &str) -> Self {
        let url = format!("{}{path}", values::BASE_URL);
        let signature = sign_twilio(values::TWILIO_TOKEN, &url, &self.form());
        self.header("x-twilio-signature", &signature)
    }

    /// The event.
    pub fn event(&self) -> Value {
        json!({
            "version": "2.0",
            "routeKey": format!("{} {}", self.method, self.path),
            "rawPath": self.path,
            "rawQueryString": self.query,
            "headers": self.headers,
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "sample",
                "domainName": "ringdown.test",
                "domainPrefix": "ringdown",
                "http": {
                    "method": self.method,
                    "path": self.path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.1",
                    "userAgent": "TwilioProxy/1.1",
                },
                "requestId": "sample",
                "routeKey": format!("{} {}", self.method, self.path),
                "stage": "$default",
                "time": "21/Nov/2026:08:33:20 +0000",
                "timeEpoch": values::NOW_S * 1000,
            },
            "body": self.body,
            "isBase64Encoded": self.base64,
        })
    }

    fn url(&self) -> String {
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query) };
        format!("{}{}{query}", values::BASE_URL, self.path)
    }

    fn form(&self) -> Form {
        Form::parse(self.body.as_deref().unwrap_or_default().as_bytes()).unwrap_or_default()
    }
}

/// The sample LiveKit project, at no address.
pub fn project() -> Project {
    Project {
        url: "ws://127.0.0.1:9".to_owned(),
        api_key: values::LIVEKIT_KEY.to_owned(),
        api_secret: Secret::new(values::LIVEKIT_SECRET.to_owned()),
    }
}

fn telnyx_seed() -> [u8; 32] {
    let mut seed = [0; 32];
    for (at, byte) in seed.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&values::TELNYX_SEED[2 * at..2 * at + 2], 16).unwrap_or_default();
    }
    seed
}
