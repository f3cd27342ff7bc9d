//! Filters and pages, the same for every Describe
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>).

use crate::record::Tags;

use super::pattern::selects;
use super::refusal::Refusal;
use super::request::{Filter, Select};

/// What a resource says to a filter.
pub(crate) enum Says {
    /// These values of it.
    Values(Vec<String>),
    /// Its kind has no such filter.
    NoSuchFilter,
}

impl Says {
    #[expect(clippy::needless_pass_by_value, reason = "a call reads as a table: values and references alike")]
    pub(crate) fn one(value: impl ToString) -> Self {
        Self::Values(vec![value.to_string()])
    }

    pub(crate) fn all<T: ToString>(values: impl IntoIterator<Item = T>) -> Self {
        Self::Values(values.into_iter().map(|value| value.to_string()).collect())
    }
}

/// Whether all filters hold; `says` knows the resource's own ones.
pub(crate) fn holds(filters: &[Filter], tags: &Tags, says: impl Fn(&str) -> Says) -> Result<bool, Refusal> {
    for filter in filters {
        let values = match of_tags(&filter.name, tags) {
            Some(values) => values,
            None => match says(&filter.name) {
                Says::Values(values) => values,
                Says::NoSuchFilter => return Err(Refusal::value(format!("The filter '{}' is invalid", filter.name))),
            },
        };
        if !filter.values.iter().any(|pattern| values.iter().any(|value| selects(pattern, value))) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn of_tags(filter: &str, tags: &Tags) -> Option<Vec<String>> {
    if filter == "tag-key" {
        return Some(tags.keys().cloned().collect());
    }
    filter.strip_prefix("tag:").map(|key| tags.get(key).into_iter().cloned().collect())
}

/// The page that was asked for, of items in the order of their keys, and the token of the next one.
pub(crate) fn page<T>(
    items: Vec<T>,
    select: &Select,
    key: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Option<String>), Refusal> {
    let most = match select.max_results {
        // "This value can be between 5 and 1000", each Describe's page says.
        Some(most) if (5..=1000).contains(&most) => most as usize,
        Some(most) => {
            let rule = "Value ( {} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.";
            return Err(Refusal::value(rule.replace("{}", &most.to_string())));
        }
        None => 1000,
    };
    if select.max_results.is_some() && !select.ids.is_empty() {
        return Err(Refusal::combination("The parameter maxResults cannot be used with resource identifiers"));
    }
    let after = select.next_token.as_deref().map(read_token).transpose()?;
    let mut rest: Vec<T> =
        items.into_iter().filter(|item| after.as_ref().is_none_or(|last| key(item) > *last)).collect();
    let more = rest.len() > most;
    rest.truncate(most);
    let token = rest.last().filter(|_| more).map(|last| token_after(&key(last)));
    Ok((rest, token))
}

/// A client must not read it, so it cannot be read.
fn token_after(key: &str) -> String {
    let digits = key.bytes().map(|byte| format!("{:02x}", byte ^ 0x5a));
    digits.collect()
}

fn read_token(token: &str) -> Result<String, Refusal> {
    let refuse = || Refusal::value("Unable to parse pagination token");
    let byte = |at: usize| u8::from_str_radix(token.get(at..at + 2)?, 16).ok().map(|byte| byte ^ 0x5a);
    let bytes: Option<Vec<u8>> = (0..token.len()).step_by(2).map(byte).collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_a_gap_when_an_item_between_is_deleted() {
        let all: Vec<u32> = (10..30).collect();
        let select = Select { max_results: Some(5), ..Select::default() };
        let (first, token) = page(all.clone(), &select, u32::to_string).unwrap();
        assert_eq!(first, [10, 11, 12, 13, 14]);
        let left: Vec<u32> = all.into_iter().filter(|n| *n != 14 && *n != 15).collect();
        let select = Select { next_token: token, ..select };
        assert_eq!(page(left, &select, u32::to_string).unwrap().0, [16, 17, 18, 19, 20]);
    }

    #[test]
    fn a_page_has_5_to_1000_items() {
        for wrong in [0, 4, 1001] {
            let select = Select { max_results: Some(wrong), ..Select::default() };
            assert_eq!(page(vec![1], &select, u32::to_string).unwrap_err().code, "InvalidParameterValue");
        }
    }
}
