//! Who may ask for tokens and control rooms.

use std::fmt;

use subtle::ConstantTimeEq as _;

use crate::reply::Reply;
use crate::request::Request;
use crate::settings::{SettingsError, error};

/// Shortest secret, characters.
const MIN_SECRET: usize = 16;

/// What the holder of an API token is. Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ApiRole {
    /// May join a room as a caller.
    Caller,
    /// May also serve as an agent.
    Agent,
    /// May also listen in, speak into calls, end and transfer them.
    Supervisor,
}

/// The API tokens of a deployment: `role:secret`, comma separated.
#[derive(Clone)]
pub struct ApiTokens(Vec<(ApiRole, String)>);

impl fmt::Debug for ApiTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiTokens")
    }
}

impl ApiTokens {
    /// Reads the list.
    ///
    /// # Errors
    /// When it is empty, a role is unknown or a secret too short.
    pub fn parse(list: &str) -> Result<Self, SettingsError> {
        list.split(',').map(|entry| entry_of(entry.trim())).collect::<Result<_, _>>().map(Self)
    }

    /// Lets in whoever has a token of at least `role`.
    ///
    /// # Errors
    /// 401 without one of ours, 403 when its role is not enough.
    pub fn authorize(&self, request: &Request, role: ApiRole) -> Result<ApiRole, Reply> {
        let given = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let holder = self.holder(given.unwrap_or_default().trim());
        let holder = holder.ok_or_else(|| {
            Reply::error(401, "unauthenticated", "an API token is needed")
                .with_header("www-authenticate", "Bearer")
        })?;
        if holder >= role {
            Ok(holder)
        } else {
            Err(Reply::error(403, "forbidden", "this API token's role does not allow that"))
        }
    }

    /// Compares with all of them, in constant time.
    fn holder(&self, given: &str) -> Option<ApiRole> {
        let mut found = None;
        for (role, secret) in &self.0 {
            if secret.as_bytes().ct_eq(given.as_bytes()).into() {
                found = found.max(Some(*role));
            }
        }
        found
    }
}

fn entry_of(entry: &str) -> Result<(ApiRole, String), SettingsError> {
    let (role, secret) =
        entry.split_once(':').ok_or_else(|| error("API_TOKENS", "entries are role:secret"))?;
    let role = match role {
        "caller" => ApiRole::Caller,
        "agent" => ApiRole::Agent,
        "supervisor" => ApiRole::Supervisor,
        _ => return Err(error("API_TOKENS", "roles are caller, agent and supervisor")),
    };
    if secret.len() < MIN_SECRET {
        return Err(error("API_TOKENS", "a secret has fewer than 16 characters"));
    }
    Ok((role, secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(authorization: &str) -> Request {
        let event = serde_json::json!({"headers": {"Authorization": authorization}});
        Request::from_event(serde_json::from_value(event).unwrap()).unwrap()
    }

    #[test]
    fn roles_include_those_below() {
        let tokens = ApiTokens::parse("caller:0123456789abcdef,supervisor:fedcba9876543210").unwrap();
        let caller = request("Bearer 0123456789abcdef");
        assert_eq!(tokens.authorize(&caller, ApiRole::Caller), Ok(ApiRole::Caller));
        assert_eq!(tokens.authorize(&caller, ApiRole::Agent).unwrap_err().status, 403);
        let supervisor = request("Bearer fedcba9876543210");
        assert_eq!(tokens.authorize(&supervisor, ApiRole::Caller), Ok(ApiRole::Supervisor));
        for other in ["", "Bearer ", "Bearer 0123456789abcdeg", "0123456789abcdef", "Basic 0123456789abcdef"]
        {
            assert_eq!(
                tokens.authorize(&request(other), ApiRole::Caller).unwrap_err().status,
                401,
                "{other}"
            );
        }
    }

    #[test]
    fn lists_are_checked_at_start() {
        for list in
            ["", "caller", "caller:", "caller:short", "king:0123456789abcdef", "caller:0123456789abcdef,"]
        {
            assert!(ApiTokens::parse(list).is_err(), "{list}");
        }
    }
}
