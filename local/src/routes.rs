//! The production routes: which function answers which path.

use axum::http::Method;

/// One route of the HTTP API.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path; a segment in braces matches any one segment.
    pub path: &'static str,
    /// The function.
    pub function: &'static str,
}

const fn post(path: &'static str, function: &'static str) -> Route {
    Route { method: "POST", path, function }
}

/// All routes, as in `template.yaml`.
pub const ROUTES: &[Route] = &[
    post("/incoming-call", "incoming-call"),
    post("/call-status", "call-status"),
    post("/dial-result/{ticket}", "dial-result"),
    post("/telnyx/incoming-call", "incoming-call"),
    post("/telnyx/call-status", "call-status"),
    post("/telnyx/dial-result/{ticket}", "dial-result"),
    post("/signalwire/incoming-call", "incoming-call"),
    post("/signalwire/call-status", "call-status"),
    post("/signalwire/dial-result/{ticket}", "dial-result"),
    post("/livekit-webhook", "livekit-webhook"),
    post("/token", "token"),
    post("/rooms", "rooms"),
    Route { method: "GET", path: "/health", function: "health" },
];

impl Route {
    /// The route as API Gateway names it: `POST /incoming-call`.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn matches(&self, method: &Method, path: &str) -> bool {
        let mut asked = path.split('/');
        let fits = self.path.split('/').all(|ours| {
            asked.next().is_some_and(|segment| {
                if ours.starts_with('{') { !segment.is_empty() } else { ours == segment }
            })
        });
        self.method == method.as_str() && fits && asked.next().is_none()
    }
}

/// The route of a request.
#[must_use]
pub fn find(method: &Method, path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.matches(method, path))
}

/// Every function behind the front, each once.
#[must_use]
pub(crate) fn functions() -> Vec<&'static str> {
    let mut functions: Vec<&str> = ROUTES.iter().map(|route| route.function).collect();
    functions.sort_unstable();
    functions.dedup();
    functions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: Method, path: &str, function: Option<&str>) {
        assert_eq!(find(&method, path).map(|route| route.function), function);
    }

    /// What stands in `text` between `before` and `after`.
    #[track_caller]
    fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
        let rest = text.split_once(before).unwrap_or_else(|| panic!("no {before} in\n{text}")).1;
        rest.split_once(after).unwrap_or_else(|| panic!("no {after} in\n{rest}")).0
    }

    #[test]
    fn the_routes_are_those_of_the_template() {
        let template = include_str!("../../template.yaml");
        let resource = |name: &str| {
            let start = template.find(&format!("\n  {name}:\n")).unwrap_or_else(|| panic!("no {name}"));
            let rest = &template[start + 1..];
            let end = rest.match_indices("\n  ").find(|(at, _)| !rest[at + 3..].starts_with(' '));
            &rest[..end.map_or(rest.len(), |(at, _)| at)]
        };
        let routes = template.split("RouteKey: \"").skip(1).map(|rest| {
            let (key, target) = (rest.split('"').next().unwrap(), between(rest, "integrations/${", "}"));
            let function = between(resource(target), "IntegrationUri: !GetAtt ", ".Arn");
            (key.to_owned(), between(resource(function), "Binary: ", " ").to_owned())
        });
        let deployed: std::collections::BTreeSet<_> = routes.collect();
        let ours = ROUTES.iter().map(|route| (route.key(), route.function.to_owned())).collect();
        assert_eq!(deployed, ours);
    }

    #[test]
    fn a_path_leads_to_its_function_with_its_method_only() {
        check(Method::POST, "/incoming-call", Some("incoming-call"));
        check(Method::POST, "/telnyx/dial-result/abc", Some("dial-result"));
        check(Method::GET, "/incoming-call", None);
        check(Method::POST, "/incoming-call/", None);
        check(Method::POST, "/dial-result/", None);
        check(Method::POST, "/dial-result/a/b", None);
    }
}
