//! `multipart/form-data`, as far as the vendors' clients write it.

use axum::http::HeaderMap;
use serde_json::{Map, Value};

/// Parts of a form.
pub(crate) struct Form<'a>(Vec<(String, &'a [u8])>);

impl<'a> Form<'a> {
    pub(crate) fn read(headers: &HeaderMap, body: &'a [u8]) -> Option<Self> {
        let content_type = headers.get("content-type")?.to_str().ok()?;
        let boundary = content_type.split("boundary=").nth(1)?.trim_matches('"');
        let delimiter = format!("--{boundary}");
        let mut parts = Vec::new();
        let mut rest = &body[find(body, delimiter.as_bytes())? + delimiter.len()..];
        while let Some(next) = find(rest, delimiter.as_bytes()) {
            parts.extend(part(&rest[..next]));
            rest = &rest[next + delimiter.len()..];
        }
        Some(Self(parts))
    }

    pub(crate) fn file(&self, name: &str) -> Option<&'a [u8]> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, content)| *content)
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.file(name).map(|content| String::from_utf8_lossy(content).into_owned())
    }

    /// All but the file, to be looked at by tests.
    pub(crate) fn texts(&self) -> Value {
        let texts = self.0.iter().filter(|(name, _)| name != "file");
        let pairs =
            texts.map(|(name, content)| (name.clone(), String::from_utf8_lossy(content).into_owned().into()));
        Value::Object(pairs.collect::<Map<_, _>>())
    }
}

/// Name and content of what lies between two delimiters.
fn part(bytes: &[u8]) -> Option<(String, &[u8])> {
    let bytes = bytes.strip_prefix(b"\r\n")?.strip_suffix(b"\r\n")?;
    let end = find(bytes, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]);
    // `filename="…"` also ends in name="…".
    let name = head.split(['\r', '\n', ';']).find_map(|field| field.trim().strip_prefix("name="))?;
    Some((name.trim_matches('"').to_owned(), &bytes[end + 4..]))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
