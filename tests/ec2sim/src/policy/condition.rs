//! Conditions
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>).

use super::{Context, PolicyError};
use crate::api::matches;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Equals,
    EqualsIgnoreCase,
    Like,
    /// The value says whether the key is to be absent.
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sense {
    Is,
    IsNot,
}

/// How a key of several values is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Single,
    All,
    Any,
}

/// What a key that is not there means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absent {
    Counts,
    /// `…IfExists`.
    Passes,
}

#[derive(Debug, Clone)]
pub(super) struct Condition {
    compare: Compare,
    sense: Sense,
    over: Over,
    absent: Absent,
    key: String,
    values: Vec<String>,
}

impl Condition {
    pub(super) fn new(operator: &str, key: String, values: Vec<String>) -> Result<Self, PolicyError> {
        let (over, rest) = match operator.split_once(':') {
            Some(("ForAllValues", rest)) => (Over::All, rest),
            Some(("ForAnyValue", rest)) => (Over::Any, rest),
            Some(_) => return Err(PolicyError::Operator(operator.to_owned())),
            None => (Over::Single, operator),
        };
        let (absent, name) = match rest.strip_suffix("IfExists") {
            Some(name) => (Absent::Passes, name),
            None => (Absent::Counts, rest),
        };
        let (compare, sense) = match name {
            "StringEquals" => (Compare::Equals, Sense::Is),
            "StringNotEquals" => (Compare::Equals, Sense::IsNot),
            "StringEqualsIgnoreCase" | "Bool" => (Compare::EqualsIgnoreCase, Sense::Is),
            "StringNotEqualsIgnoreCase" => (Compare::EqualsIgnoreCase, Sense::IsNot),
            "StringLike" | "ArnLike" | "ArnEquals" => (Compare::Like, Sense::Is),
            "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => (Compare::Like, Sense::IsNot),
            "Null" => (Compare::Null, Sense::Is),
            _ => return Err(PolicyError::Operator(operator.to_owned())),
        };
        Ok(Self { compare, sense, over, absent, key, values })
    }

    pub(super) fn holds(&self, context: &Context) -> bool {
        let found = context.get(&self.key);
        if self.compare == Compare::Null {
            let absent = found.is_none().to_string();
            return self.values.iter().any(|value| value.eq_ignore_ascii_case(&absent));
        }
        match (self.over, found) {
            // "ForAllValues also returns true if there are no context keys in the request" (same page).
            (Over::All, None) => true,
            (Over::All, Some(values)) => values.iter().all(|value| self.fits(value, context)),
            (Over::Any, Some(values)) => values.iter().any(|value| self.fits(value, context)),
            (Over::Single, Some(values)) => values.first().is_some_and(|value| self.fits(value, context)),
            (Over::Any | Over::Single, None) => self.absent == Absent::Passes || self.sense == Sense::IsNot,
        }
    }

    /// A value of the request against those of the policy: any of them, or none of them where it must not be.
    fn fits(&self, value: &str, context: &Context) -> bool {
        let same = |wanted: &String| {
            let wanted = filled(wanted, context);
            match self.compare {
                Compare::Equals => wanted == value,
                Compare::EqualsIgnoreCase => wanted.eq_ignore_ascii_case(value),
                Compare::Like => matches(&wanted, value),
                Compare::Null => false,
            }
        };
        self.values.iter().any(same) == (self.sense == Sense::Is)
    }
}

/// Policy variables, `${aws:PrincipalTag/node}`
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>). One without a value matches
/// nothing.
pub(super) fn filled(text: &str, context: &Context) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, tail)) = after.split_once('}') else { break };
        filled.push_str(before);
        match name {
            "*" | "?" | "$" => filled.push_str(name),
            _ => filled.push_str(context.get(name).and_then(|values| values.first()).map_or("\u{0}", String::as_str)),
        }
        rest = tail;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(operator: &str, key: &str, values: &[&str], context: &Context) -> bool {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Condition::new(operator, key.to_owned(), values).unwrap().holds(context)
    }

    fn context() -> Context {
        let mut context = Context::default().with("aws:ResourceTag/cluster", "one").with("aws:PrincipalTag/c", "one");
        context.0.insert("aws:tagkeys".into(), vec!["a".into(), "b".into()]);
        context
    }

    #[test]
    fn a_single_value_is_compared_with_any_of_the_policy() {
        let context = context();
        assert!(holds("StringEquals", "aws:ResourceTag/cluster", &["two", "one"], &context));
        assert!(!holds("StringEquals", "aws:ResourceTag/cluster", &["ONE"], &context));
        assert!(holds("StringEqualsIgnoreCase", "AWS:resourcetag/cluster", &["ONE"], &context));
        assert!(holds("StringLike", "aws:ResourceTag/cluster", &["o*"], &context));
        assert!(!holds("StringNotEquals", "aws:ResourceTag/cluster", &["one", "two"], &context));
        assert!(holds("StringEquals", "aws:ResourceTag/cluster", &["${aws:PrincipalTag/c}"], &context));
        assert!(!holds("StringLike", "aws:ResourceTag/cluster", &["${aws:PrincipalTag/none}"], &context));
    }

    #[test]
    fn a_key_that_is_absent_fails_what_is_and_passes_what_is_not() {
        let context = context();
        assert!(!holds("StringEquals", "aws:RequestTag/x", &["y"], &context));
        assert!(holds("StringNotEquals", "aws:RequestTag/x", &["y"], &context));
        assert!(holds("StringEqualsIfExists", "aws:RequestTag/x", &["y"], &context));
        assert!(holds("Null", "aws:RequestTag/x", &["true"], &context));
        assert!(!holds("Null", "aws:ResourceTag/cluster", &["true"], &context));
        assert!(holds("Null", "aws:ResourceTag/cluster", &["false"], &context));
    }

    #[test]
    fn all_values_or_any_value_of_a_key_of_several() {
        let context = context();
        assert!(holds("ForAllValues:StringEquals", "aws:TagKeys", &["a", "b", "c"], &context));
        assert!(!holds("ForAllValues:StringEquals", "aws:TagKeys", &["a"], &context));
        assert!(holds("ForAllValues:StringEquals", "aws:Nothing", &["a"], &context));
        assert!(holds("ForAnyValue:StringLike", "aws:TagKeys", &["b*"], &context));
        assert!(!holds("ForAnyValue:StringEquals", "aws:Nothing", &["a"], &context));
    }

    #[test]
    fn an_operator_that_is_not_known_is_refused() {
        for operator in ["NumericLessThan", "ForSomeValues:StringEquals", "StringEqual"] {
            assert!(Condition::new(operator, "k".into(), Vec::new()).is_err(), "{operator}");
        }
    }
}
