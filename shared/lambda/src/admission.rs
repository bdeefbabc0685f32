//! Who may come in: a carrier's signed webhook, nobody else.

use carrier::form::Form;
use carrier::signature::{Payload, verify_signalwire, verify_telnyx, verify_twilio};
use domain::{Provider, WallTime};

use crate::reply::Reply;
use crate::request::{ContentType, Request};
use crate::settings::Carriers;

/// A webhook that a carrier did sign.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// By the path, never by which header is present.
    pub provider: Provider,
    /// The path below the provider's prefix, `/call-status`.
    pub route: String,
    /// The body.
    pub form: Form,
}

/// Splits the provider off a path: Twilio at the root (or below `/twilio`), the others below their name.
pub fn provider_of(path: &str) -> (Provider, &str) {
    let below = |name: &str| path.strip_prefix(name).filter(|rest| rest.starts_with('/'));
    if let Some(rest) = below("/telnyx") {
        (Provider::Telnyx, rest)
    } else if let Some(rest) = below("/signalwire") {
        (Provider::SignalWire, rest)
    } else {
        (Provider::Twilio, below("/twilio").unwrap_or(path))
    }
}

/// Where a provider's routes begin, below the public base URL.
pub fn prefix_of(provider: Provider) -> &'static str {
    match provider {
        Provider::Twilio | Provider::Sip => "",
        Provider::Telnyx => "/telnyx",
        Provider::SignalWire => "/signalwire",
    }
}

/// Lets a carrier's webhook in.
///
/// # Errors
/// The reply to give: 405, 415, 400 for a body that is no form, 403 for one that no carrier signed.
pub fn admit(
    carriers: &Carriers,
    base_url: &str,
    request: &Request,
    now: WallTime,
) -> Result<Admitted, Reply> {
    request.require_method("POST")?;
    let content_type = request.content_type()?;
    let form = match content_type {
        ContentType::Form => Form::parse(&request.body)
            .map_err(|error| Reply::error(400, "too_many_fields", &error.to_string()))?,
        ContentType::Json => Form::default(),
    };
    let payload = match content_type {
        ContentType::Form => Payload::Form(&form),
        ContentType::Json => Payload::Raw(&request.body),
    };
    let (provider, route) = provider_of(&request.path);
    if !is_signed(carriers, provider, base_url, request, payload, now) {
        return Err(rejected(provider, route, "bad_signature"));
    }
    if !is_our_account(carriers, provider, &form) {
        return Err(rejected(provider, route, "foreign_account"));
    }
    let route = route.to_owned();
    Ok(Admitted { provider, route, form })
}

fn is_signed(
    carriers: &Carriers,
    provider: Provider,
    base_url: &str,
    request: &Request,
    payload: Payload<'_>,
    now: WallTime,
) -> bool {
    let header = |name| request.header(name).unwrap_or_default();
    let url = request.public_url(base_url);
    match provider {
        Provider::Twilio => {
            verify_twilio(&carriers.twilio_tokens, header("x-twilio-signature"), &url, payload)
        }
        Provider::SignalWire => {
            verify_signalwire(&carriers.signalwire_keys, header("x-signalwire-signature"), &url, payload)
        }
        Provider::Telnyx => carriers.telnyx_public_key.as_deref().is_some_and(|key| {
            let signature = header("telnyx-signature-ed25519");
            verify_telnyx(key, signature, header("telnyx-timestamp"), &request.body, now.as_secs())
        }),
        Provider::Sip => false,
    }
}

/// Sub-accounts sign with tokens of their own, but a shared token must not let another account in.
fn is_our_account(carriers: &Carriers, provider: Provider, form: &Form) -> bool {
    match (&carriers.twilio_account, provider, form.text("AccountSid")) {
        (Some(ours), Provider::Twilio, Some(theirs)) => *ours == theirs,
        _ => true,
    }
}

fn rejected(provider: Provider, route: &str, code: &str) -> Reply {
    tracing::warn!(
        { telemetry::field::EVENT } = telemetry::event::WEBHOOK_REJECTED,
        { telemetry::field::PROVIDER } = provider.as_str(),
        { telemetry::field::ROUTE } = route.split('/').nth(1).unwrap_or_default(),
        { telemetry::field::CODE } = code,
        "a webhook was refused"
    );
    Reply::error(403, code, "the signature does not verify")
}
