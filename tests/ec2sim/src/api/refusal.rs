//! What EC2 refuses, by its codes (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>).

use std::borrow::Cow;
use std::fmt;

use crate::error::Error;

/// An error document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    /// As `InvalidNetworkInterfaceID.NotFound`.
    pub code: Cow<'static, str>,
    pub message: String,
    /// Of HTTP.
    pub status: u16,
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code, self.message)
    }
}

impl Refusal {
    /// One with the status that EC2 sends with this code: 400, but for those of the page's table of server errors and
    /// those of credentials.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let code = code.into();
        let status = status_of(&code);
        Self { code, message: message.into(), status }
    }

    pub(crate) fn value(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", message)
    }

    pub(crate) fn combination(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterCombination", message)
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new("MissingParameter", format!("The request must contain the parameter {parameter}"))
    }
}

fn status_of(code: &str) -> u16 {
    match code {
        "AuthFailure" | "InvalidClientTokenId" => 401,
        "UnauthorizedOperation" | "OptInRequired" | "Blocked" => 403,
        "InternalError" | "InternalFailure" => 500,
        "RequestLimitExceeded" | "ServiceUnavailable" | "Unavailable" | "Server.RequestLimitExceeded" => 503,
        _ => 400,
    }
}

/// Where the region refuses what the API would refuse as well.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::AddressInUse { .. } => "InvalidIPAddress.InUse",
            Error::SubnetFull(subnet) => {
                let message = format!("insufficient free addresses in subnet '{subnet}'");
                return Self::new("InsufficientFreeAddressesInSubnet", message);
            }
            Error::Attached { eni, .. } => {
                return Self::new("InvalidNetworkInterface.InUse", format!("Interface: [{eni}] in use."));
            }
            Error::NotAttached(_) => "InvalidAttachmentID.NotFound",
            Error::AddressNotOfSubnet { .. }
            | Error::NoIpv6(_)
            | Error::Value { .. }
            | Error::SlotInUse { .. }
            | Error::NotThere(_) => "InvalidParameterValue",
            Error::OnPaper
            | Error::Deleted
            | Error::NotBack { .. }
            | Error::Wire(_)
            | Error::Imds(_)
            | Error::Netns(_)
            | Error::Serve { .. } => "InternalError",
        };
        Self::new(code, error.to_string())
    }
}
