//! The body of a request: `application/x-www-form-urlencoded`.

use std::collections::BTreeMap;

/// The parameters of a request by their names, as `Filter.1.Value.2`.
#[derive(Debug, Default)]
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    pub(super) fn read(body: &str) -> Self {
        let pairs = body.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (decode(k), decode(v))).collect(),
        )
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// The numbers that stand behind `name.`, ascending.
    pub(super) fn members(&self, name: &str) -> Vec<u32> {
        let number = |key: &String| key.strip_prefix(name)?.strip_prefix('.')?.split('.').next()?.parse().ok();
        let mut numbers: Vec<u32> = self.0.keys().filter_map(number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// `name.1`, `name.2`, …
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        self.members(name).into_iter().filter_map(|n| self.text(&format!("{name}.{n}"))).collect()
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap_or(b'?'));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded_and_members_are_in_the_order_of_their_numbers() {
        let form = Form::read("Action=X&Id.10=j&Id.2=b&Filter.1.Name=tag%3Aa%2Fb&Filter.1.Value.1=x+y&Empty");
        assert_eq!(form.list("Id"), ["b", "j"]);
        assert_eq!(form.get("Filter.1.Name"), Some("tag:a/b"));
        assert_eq!(form.list("Filter.1.Value"), ["x y"]);
        assert_eq!(form.members("Filter"), [1]);
        assert_eq!(form.get("Empty"), Some(""));
    }
}
