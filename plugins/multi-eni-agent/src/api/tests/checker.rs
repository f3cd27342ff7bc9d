//! Validates values by a schema, as an API server does, and knows every keyword that the CRDs have: another one is a panic.

use regex::Regex;
use serde_json::Value;

/// What is wrong with a value, by place.
pub(super) fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(schema, value, "", &mut faults);
    faults
}

fn check(schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    for (keyword, wanted) in schema.as_object().unwrap() {
        if !holds(schema, keyword, wanted, value, place, faults) {
            faults.push(format!("{place}: {keyword} {wanted}: {value}"));
        }
    }
}

fn holds(schema: &Value, keyword: &str, wanted: &Value, value: &Value, place: &str, faults: &mut Vec<String>) -> bool {
    let matching = || wanted.as_array().unwrap().iter().filter(|other| self::faults(other, value).is_empty()).count();
    match keyword {
        "description" | "format" | "x-kubernetes-list-type" | "x-kubernetes-list-map-keys" => true,
        "type" => match wanted.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            other => panic!("type {other}"),
        },
        "enum" => wanted.as_array().unwrap().contains(value),
        "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap()),
        "pattern" => value.as_str().is_none_or(|text| Regex::new(wanted.as_str().unwrap()).unwrap().is_match(text)),
        "minLength" => value.as_str().is_none_or(|text| text.chars().count() >= size(wanted)),
        "maxLength" => value.as_str().is_none_or(|text| text.chars().count() <= size(wanted)),
        "minItems" => value.as_array().is_none_or(|items| items.len() >= size(wanted)),
        "maxItems" => value.as_array().is_none_or(|items| items.len() <= size(wanted)),
        "maxProperties" => value.as_object().is_none_or(|fields| fields.len() <= size(wanted)),
        "required" => {
            let has = |name: &Value| value.get(name.as_str().unwrap()).is_some();
            !value.is_object() || wanted.as_array().unwrap().iter().all(has)
        }
        "not" => !self::faults(wanted, value).is_empty(),
        "anyOf" => matching() > 0,
        "oneOf" => matching() == 1,
        "allOf" => matching() == wanted.as_array().unwrap().len(),
        "items" => {
            for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                check(wanted, item, &format!("{place}[{index}]"), faults);
            }
            true
        }
        "properties" => {
            for (name, schema) in wanted.as_object().unwrap() {
                value.get(name).into_iter().for_each(|field| check(schema, field, &format!("{place}.{name}"), faults));
            }
            true
        }
        "additionalProperties" => {
            assert!(schema.get("properties").is_none(), "{place}: additionalProperties beside properties");
            for (name, field) in value.as_object().into_iter().flatten() {
                check(wanted, field, &format!("{place}.{name}"), faults);
            }
            true
        }
        other => panic!("{place}: the keyword {other}"),
    }
}

fn size(number: &Value) -> usize {
    usize::try_from(number.as_u64().unwrap()).unwrap()
}

/// The fields of a value that the schema does not have: an API server takes them away.
pub(super) fn pruned(schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let nested = |schema: Option<&Value>, value: &Value, place: String| {
        schema.map_or_else(|| vec![place.clone()], |schema| pruned(schema, value, &place))
    };
    match value {
        Value::Object(fields) if schema.get("additionalProperties").is_none() => fields
            .iter()
            .flat_map(|(name, field)| nested(schema["properties"].get(name), field, format!("{place}.{name}")))
            .collect(),
        Value::Array(items) => {
            items.iter().flat_map(|item| nested(schema.get("items"), item, format!("{place}[]"))).collect()
        }
        _ => Vec::new(),
    }
}
