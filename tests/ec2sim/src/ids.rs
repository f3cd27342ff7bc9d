//! Names of EC2 resources: a type prefix and 17 hexadecimal digits
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>).

use std::fmt;

use serde::Serialize;

const DIGITS: usize = 17;

/// An identifier that is not a prefix and 17 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not {prefix}- and {DIGITS} hexadecimal digits")]
pub struct InvalidId {
    value: String,
    prefix: &'static str,
}

fn checked(value: &str, prefix: &'static str) -> Result<String, InvalidId> {
    let digits = value.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
    let hex = digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if digits.len() == DIGITS && hex {
        Ok(value.to_owned())
    } else {
        Err(InvalidId { value: value.to_owned(), prefix })
    }
}

macro_rules! resource_id {
    ($name:ident, $prefix:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The identifier in `value`, or why it is none.
            pub fn new(value: &str) -> Result<Self, InvalidId> {
                checked(value, $prefix).map(Self)
            }

            /// The `n`th identifier of a fabric: always the same one, so that a failing test reads the same twice.
            pub(crate) fn nth(n: u64) -> Self {
                Self(format!("{}-0{n:016x}", $prefix))
            }

            /// The text as EC2 writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

resource_id!(VpcId, "vpc", "A VPC.");
resource_id!(SubnetId, "subnet", "A subnet.");
resource_id!(EniId, "eni", "A network interface.");
resource_id!(AttachmentId, "eni-attach", "The attachment of a network interface to an instance.");
resource_id!(InstanceId, "i", "An instance.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_prefix_and_17_lower_case_digits_are_an_id() {
        assert!(EniId::new("eni-0123456789abcdef0").is_ok());
        for wrong in ["eni-0123456789abcde", "eni-0123456789ABCDEF0", "i-0123456789abcdef0", "eni0123456789abcdef01"] {
            assert!(EniId::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_nth_id_is_an_id() {
        assert_eq!(EniId::new(EniId::nth(26).as_str()), Ok(EniId::nth(26)));
        assert!(AttachmentId::new(AttachmentId::nth(u64::MAX).as_str()).is_ok());
    }
}
