//! The actions of EC2 that are simulated.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! actions {
    ($($name:ident $kind:ident),* $(,)?) => {
        /// An action of the EC2 API, by its name there.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action { $($name),* }

        impl Action {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// As the API reference writes it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// Which bucket its requests are drawn from
            /// (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>).
            #[must_use]
            pub fn kind(self) -> Kind {
                match self { $(Self::$name => Kind::$kind),* }
            }
        }
    };
}

/// What an action does to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Non-mutating.
    Read,
    /// Mutating.
    Write,
}

actions! {
    DescribeNetworkInterfaces Read,
    CreateNetworkInterface Write,
    AttachNetworkInterface Write,
    ModifyNetworkInterfaceAttribute Write,
    DetachNetworkInterface Write,
    DeleteNetworkInterface Write,
    AssignPrivateIpAddresses Write,
    UnassignPrivateIpAddresses Write,
    AssignIpv6Addresses Write,
    UnassignIpv6Addresses Write,
    CreateTags Write,
    DeleteTags Write,
    DescribeSubnets Read,
    DescribeSecurityGroups Read,
    DescribeInstanceTypes Read,
    DescribeInstances Read,
    TerminateInstances Write,
}

impl Action {
    /// The action of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.name() == name)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
