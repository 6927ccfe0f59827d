//! Compares answers with the schemas of the OpenAPI document. Every field of an answer must be described, and every described field
//! that is not optional must be there.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};

/// The OpenAPI document, and the fields that were seen.
pub(crate) struct Shapes {
    document: Value,
    /// The described fields that were in an answer, for example `Camera.ledger`.
    seen: Mutex<BTreeSet<String>>,
}

impl Shapes {
    pub(crate) fn new(document: Value) -> Self {
        Self { document, seen: Mutex::default() }
    }

    /// Checks the answer of a route. The path may have a query.
    pub(crate) fn check_answer(&self, method: &str, path: &str, status: u16, answer: &Value) {
        let what = format!("{method} {path} {status}");
        let route = self.route(path.split('?').next().unwrap_or_default());
        let Some((route, item)) = route else { panic!("{what}: no such route is described") };
        let response = &item[method.to_lowercase()]["responses"][status.to_string()];
        let schema = &response["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{what}: no such answer is described");
        self.check(schema, answer, &format!("{method} {route} {status}"));
    }

    /// Checks the data of a server-sent event.
    pub(crate) fn check_event(&self, name: &str, data: &Value) {
        let schema = &self.document["paths"]["/api/events"]["get"]["responses"]["200"]["x-events"][name];
        assert!(schema.is_object(), "no event {name} is described");
        self.check(schema, data, &format!("event {name}"));
    }

    /// Returns the described fields below these schemas that were in no answer yet.
    pub(crate) fn unseen(&self) -> Vec<String> {
        let mut described = BTreeSet::new();
        let schemas = self.document["components"]["schemas"].as_object().unwrap();
        schemas.iter().for_each(|(name, schema)| fields(schema, name, &mut described));
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        described.difference(&seen).cloned().collect()
    }

    /// Returns the described path of a request, such as `/api/persons/{person}`, and its description.
    fn route(&self, path: &str) -> Option<(&str, &Value)> {
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |route: &str| {
            let described: Vec<&str> = route.split('/').collect();
            let same = |(part, word): (&&str, &&str)| part == word || word.starts_with('{');
            described.len() == parts.len() && parts.iter().zip(&described).all(same)
        };
        let routes = self.document["paths"].as_object().unwrap();
        // A path with fewer places for values describes it better.
        let best = routes
            .iter()
            .filter(|(route, _)| fits(route))
            .min_by_key(|(route, _)| route.matches('{').count());
        best.map(|(route, item)| (route.as_str(), item))
    }

    fn check(&self, schema: &Value, value: &Value, at: &str) {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap();
            let target = &self.document["components"]["schemas"][name];
            assert!(target.is_object(), "{at}: there is no schema {name}");
            return self.check(target, value, name);
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            // Objects with other fields: the one that has all of the value's is meant.
            let keys =
                |schema: &Value| self.resolve(schema)["properties"].as_object().cloned().unwrap_or_default();
            let value_keys = value.as_object().cloned().unwrap_or_default();
            let fits = |schema: &&Value| value_keys.keys().all(|key| keys(schema).contains_key(key));
            let schema = choices.iter().find(fits).unwrap_or_else(|| panic!("{at}: no choice fits {value}"));
            return self.check(schema, value, at);
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            _ => panic!("{at}: the schema has no type"),
        };
        assert!(types.iter().any(|kind| is_of(kind, value)), "{at}: {value} is not {types:?}");
        if let (Some(allowed), false) = (schema["enum"].as_array(), value.is_null()) {
            assert!(allowed.contains(value), "{at}: {value} is none of {allowed:?}");
        }
        if let Some(least) = schema["minimum"].as_f64().filter(|_| value.is_number()) {
            assert!(value.as_f64().unwrap() >= least, "{at}: {value} is below {least}");
        }
        match value {
            Value::Array(items) => {
                let schema = &schema["items"];
                items.iter().for_each(|item| self.check(schema, item, &format!("{at}[]")));
            }
            Value::Object(object) => self.check_object(schema, object, at),
            _ => {}
        }
    }

    fn check_object(&self, schema: &Value, object: &Map<String, Value>, at: &str) {
        let none = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&none);
        let others = &schema["additionalProperties"];
        // An object without either is described elsewhere, as is the OpenAPI document itself.
        if properties.is_empty() && others.is_null() {
            return;
        }
        for (key, value) in object {
            let place = format!("{at}.{key}");
            match properties.get(key) {
                Some(schema) => {
                    self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(place.clone());
                    self.check(schema, value, &place);
                }
                None if others.is_object() => self.check(others, value, &place),
                None => panic!("{place} is not described"),
            }
        }
        for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            assert!(object.contains_key(required), "{at}.{required} is described, and missing");
        }
    }

    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
            Some(name) => &self.document["components"]["schemas"][name],
            None => schema,
        }
    }
}

/// Adds all fields that a schema describes, but not those of others that it refers to.
fn fields(schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        let place = format!("{at}.{key}");
        fields(schema, &place, found);
        found.insert(place);
    }
    if schema["items"].is_object() {
        fields(&schema["items"], &format!("{at}[]"), found);
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => panic!("an unknown type {kind}"),
    }
}
