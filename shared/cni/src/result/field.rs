//! Reading one field of an object, tolerant as the Go library is: `null` and `""` are like absent.

use std::fmt::Display;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::DecodeError;

/// An object together with where it stands in its document, for messages.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a> {
    map: &'a Map<String, Value>,
    at: &'a str,
}

impl<'a> Object<'a> {
    pub(crate) fn new(value: &'a Value, at: &'a str) -> Result<Self, DecodeError> {
        match value {
            Value::Object(map) => Ok(Self { map, at }),
            _ => Err(DecodeError::Type { at: at.to_owned(), expected: "an object" }),
        }
    }

    pub(crate) fn of(map: &'a Map<String, Value>, at: &'a str) -> Self {
        Self { map, at }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.present(key).is_some()
    }

    pub(crate) fn path(&self, key: &str) -> String {
        if self.at.is_empty() { key.to_owned() } else { format!("{}.{key}", self.at) }
    }

    /// The value, `null` being none.
    pub(crate) fn present(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// A text, the empty one being none.
    pub(crate) fn text(&self, key: &str) -> Result<Option<&'a str>, DecodeError> {
        match self.present(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.wrong_type(key, "a string")),
        }
    }

    pub(crate) fn owned(&self, key: &str) -> Result<Option<String>, DecodeError> {
        Ok(self.text(key)?.map(str::to_owned))
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<u32>, DecodeError> {
        let Some(value) = self.present(key) else { return Ok(None) };
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        number.map(Some).ok_or_else(|| self.wrong_type(key, "a number from 0 to 4294967295"))
    }

    /// A text with a syntax of its own.
    pub(crate) fn parsed<T>(&self, key: &str) -> Result<Option<T>, DecodeError>
    where
        T: FromStr<Err: Display>,
    {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let invalid = |error: T::Err| DecodeError::Invalid { at: self.path(key), reason: error.to_string() };
        text.parse().map(Some).map_err(invalid)
    }

    pub(crate) fn required<T>(&self, key: &str) -> Result<T, DecodeError>
    where
        T: FromStr<Err: Display>,
    {
        self.parsed(key)?.ok_or_else(|| DecodeError::Missing(self.path(key)))
    }

    pub(crate) fn list(&self, key: &str) -> Result<&'a [Value], DecodeError> {
        match self.present(key) {
            None => Ok(&[]),
            Some(Value::Array(list)) => Ok(list),
            Some(_) => Err(self.wrong_type(key, "a list")),
        }
    }

    pub(crate) fn texts(&self, key: &str) -> Result<Vec<String>, DecodeError> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        self.list(key)?.iter().map(|v| text(v).ok_or_else(|| self.wrong_type(key, "a list of strings"))).collect()
    }

    pub(crate) fn object(&self, key: &str) -> Result<Option<&'a Map<String, Value>>, DecodeError> {
        match self.present(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(self.wrong_type(key, "an object")),
        }
    }

    /// Reads each object of a list.
    pub(crate) fn each<T>(
        &self,
        key: &str,
        read: impl Fn(Object<'_>) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let read_one = |(index, value)| read(Object::new(value, &format!("{}[{index}]", self.path(key)))?);
        self.list(key)?.iter().enumerate().map(read_one).collect()
    }

    fn wrong_type(&self, key: &str, expected: &'static str) -> DecodeError {
        DecodeError::Type { at: self.path(key), expected }
    }
}
