//! `limits.max_duration_s=600`: one field of a configuration, changed.

use domain::Invalid;
use serde_json::{Map, Value};

/// One step of a field's path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
}

/// A change of one field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assignment {
    path: String,
    steps: Vec<Step>,
    value: Value,
}

impl Assignment {
    /// Reads `path=value`. The value is JSON if it reads as such, else text.
    pub(crate) fn parse(text: &str) -> Result<Self, Invalid> {
        let (path, value) =
            text.split_once('=').ok_or_else(|| Invalid::new(text, "is neither a file nor field=value"))?;
        let path = path.trim().to_owned();
        let steps =
            steps(&path).ok_or_else(|| Invalid::new(&path, "is no path of a field, as tools[0].url"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        Ok(Self { path, steps, value })
    }

    /// Makes the change. Objects on the way that are not there yet are made; `null` removes the field.
    pub(crate) fn apply(self, target: &mut Value) -> Result<(), Invalid> {
        let Self { path, steps, value } = self;
        let (last, way) = steps.split_last().ok_or_else(|| Invalid::new(&path, "is empty"))?;
        let mut place = target;
        for step in way {
            place = enter(place, step).ok_or_else(|| Invalid::new(&path, "does not exist"))?;
        }
        match (last, value) {
            (Step::Field(name), Value::Null) => drop(object(place).and_then(|fields| fields.remove(name))),
            (step, value) => {
                *enter(place, step).ok_or_else(|| Invalid::new(&path, "does not exist"))? = value;
            }
        }
        Ok(())
    }
}

fn enter<'a>(place: &'a mut Value, step: &Step) -> Option<&'a mut Value> {
    match step {
        Step::Field(name) => Some(object(place)?.entry(name.as_str()).or_insert(Value::Null)),
        Step::Index(index) => {
            let items = place.as_array_mut()?;
            if *index == items.len() {
                items.push(Value::Null);
            }
            items.get_mut(*index)
        }
    }
}

fn object(place: &mut Value) -> Option<&mut Map<String, Value>> {
    if place.is_null() {
        *place = Value::Object(Map::new());
    }
    place.as_object_mut()
}

/// `tools[0].url` → field `tools`, index 0, field `url`.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (name, mut rest) = part.find('[').map_or((part, ""), |at| part.split_at(at));
        if name.is_empty() {
            return None;
        }
        steps.push(Step::Field(name.to_owned()));
        while let Some(inner) = rest.strip_prefix('[') {
            let (index, after) = inner.split_once(']')?;
            steps.push(Step::Index(index.parse().ok()?));
            rest = after;
        }
        if !rest.is_empty() {
            return None;
        }
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changed(assignments: &[&str]) -> Result<Value, String> {
        let mut value = json!({"name": "a", "limits": {"x": 1}, "tools": [{"url": "u"}]});
        for text in assignments {
            let applied = Assignment::parse(text).and_then(|assignment| assignment.apply(&mut value));
            applied.map_err(|invalid| invalid.field)?;
        }
        Ok(value)
    }

    #[test]
    fn fields_are_set_made_and_removed() {
        let check = |text: &str, pointer: &str, expected: Value| {
            assert_eq!(changed(&[text]).unwrap().pointer(pointer), Some(&expected), "{text}");
        };
        check("name=b c", "/name", json!("b c"));
        check("name=+15550100100", "/name", json!("+15550100100"));
        check("name=\"5\"", "/name", json!("5"));
        check("name=a=b", "/name", json!("a=b"));
        check("limits.x=2", "/limits/x", json!(2));
        check("limits.y=true", "/limits/y", json!(true));
        check("turns.vad=0.7", "/turns/vad", json!(0.7));
        check("tools[0].url=https://a", "/tools/0/url", json!("https://a"));
        check("tools[1]={\"url\":\"b\"}", "/tools/1/url", json!("b"));
        assert_eq!(changed(&["limits.x=null"]).unwrap()["limits"], json!({}));
    }

    #[test]
    fn what_cannot_be_set_is_named() {
        for (text, field) in [
            ("file.json", "file.json"),
            ("=1", ""),
            ("a..b=1", "a..b"),
            ("tools[x]=1", "tools[x]"),
            ("tools[0]x=1", "tools[0]x"),
            ("tools[5]=1", "tools[5]"),
            ("name.first=1", "name.first"),
        ] {
            assert_eq!(changed(&[text]), Err(field.to_owned()), "{text}");
        }
    }
}
