//! EC2's error codes and the class of each: the one table.

use super::Class;
use std::fmt;

/// A code, its text, its class. What stands here once is the enum, its texts and its classes.
macro_rules! codes {
    ($($class:ident { $($(#[$doc:meta])* $code:ident = $text:literal,)+ })+) => {
        /// Why EC2 refused: a code of its documentation ("Error codes for the Amazon EC2 API"), of the services that check
        /// credentials, or, with `Local.` before it, of this crate for an answer that never came.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(
                #[doc = concat!("`", $text, "`.")]
                $(#[$doc])*
                $code,
            )+)+
            /// One that the table does not have.
            Other(String),
        }

        impl Code {
            /// All that the table has.
            pub const KNOWN: &[Self] = &[$($(Self::$code,)+)+];

            /// The code as EC2 writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $($(Self::$code => $text,)+)+
                    Self::Other(text) => text,
                }
            }

            /// What kind of refusal it is.
            pub fn class(&self) -> Class {
                match self {
                    $($(Self::$code)|+ => Class::$class,)+
                    Self::Other(_) => Class::Unknown,
                }
            }

            fn known(text: &str) -> Option<Self> {
                match text {
                    $($($text => Some(Self::$code),)+)+
                    _ => None,
                }
            }
        }
    };
}

codes! {
    Throttled {
        RequestLimitExceeded = "RequestLimitExceeded",
        Ec2Throttled = "EC2ThrottledException",
        Throttling = "Throttling",
        ThrottlingException = "ThrottlingException",
        ThrottledException = "ThrottledException",
        RequestThrottled = "RequestThrottled",
        RequestThrottledException = "RequestThrottledException",
        TooManyRequests = "TooManyRequestsException",
        BandwidthLimitExceeded = "BandwidthLimitExceeded",
        SlowDown = "SlowDown",
        PriorRequestNotComplete = "PriorRequestNotComplete",
        /// Ours: EC2 throttled other requests of this process a moment ago, and this one's time is over before its turn.
        BucketEmpty = "Local.BucketEmpty",
    }
    Transient {
        InternalError = "InternalError",
        InternalFailure = "InternalFailure",
        ServerInternal = "ServerInternal",
        ServiceUnavailable = "ServiceUnavailable",
        Unavailable = "Unavailable",
        RequestTimeout = "RequestTimeout",
        RequestTimeoutException = "RequestTimeoutException",
        /// The answer of another call about the same tags is still out.
        ConcurrentTagAccess = "ConcurrentTagAccess",
        /// Ours: no answer within the deadline.
        Timeout = "Local.Timeout",
        /// Ours: the connection failed, or broke.
        Unreachable = "Local.Unreachable",
        /// Ours: what should give credentials failed, and may do so later.
        CredentialsUnavailable = "Local.CredentialsUnavailable",
        /// Ours: an answer without a code that is none of EC2's, as proxies give.
        ServerFault = "Local.ServerFault",
        /// Ours: an answer that cannot be read.
        BadAnswer = "Local.BadAnswer",
    }
    NotFound {
        NetworkInterfaceIdNotFound = "InvalidNetworkInterfaceID.NotFound",
        NetworkInterfaceNotFound = "InvalidNetworkInterface.NotFound",
        NetworkInterfaceNotFoundException = "NetworkInterfaceNotFoundException",
        AttachmentIdNotFound = "InvalidAttachmentID.NotFound",
        AttachmentNotFound = "InvalidAttachment.NotFound",
        NetworkInterfaceAttachmentIdNotFound = "InvalidNetworkInterfaceAttachmentID.NotFound",
        InstanceIdNotFound = "InvalidInstanceID.NotFound",
        SubnetIdNotFound = "InvalidSubnetID.NotFound",
        GroupNotFound = "InvalidGroup.NotFound",
        SecurityGroupIdNotFound = "InvalidSecurityGroupID.NotFound",
        SecurityGroupNotFound = "InvalidSecurityGroup.NotFound",
        VpcIdNotFound = "InvalidVpcID.NotFound",
        AddressNotFound = "InvalidAddress.NotFound",
        IdNotFound = "InvalidID",
        InvalidInstanceType = "InvalidInstanceType",
    }
    InUse {
        NetworkInterfaceInUse = "InvalidNetworkInterface.InUse",
        IpAddressInUse = "InvalidIPAddress.InUse",
        IncorrectState = "IncorrectState",
        IncorrectInstanceState = "IncorrectInstanceState",
        InvalidState = "InvalidState",
        InvalidInstanceState = "InvalidInstanceState",
        InstanceNotLinkable = "InvalidInstanceID.NotLinkable",
        DependencyViolation = "DependencyViolation",
        ResourceInUse = "ResourceInUse",
        GroupInUse = "InvalidGroup.InUse",
        OperationInProgress = "OperationInProgress",
        RequestAlreadyInProgress = "RequestAlreadyInProgress",
    }
    Capacity {
        InsufficientFreeAddressesInSubnet = "InsufficientFreeAddressesInSubnet",
        InsufficientAddressCapacity = "InsufficientAddressCapacity",
        InsufficientCidrBlocks = "InsufficientCidrBlocks",
        InsufficientCapacity = "InsufficientCapacity",
        InsufficientInstanceCapacity = "InsufficientInstanceCapacity",
        InsufficientHostCapacity = "InsufficientHostCapacity",
    }
    Limit {
        AttachmentLimitExceeded = "AttachmentLimitExceeded",
        NetworkInterfaceLimitExceeded = "NetworkInterfaceLimitExceeded",
        PrivateIpAddressLimitExceeded = "PrivateIpAddressLimitExceeded",
        InterfaceIpAddressLimitExceeded = "InvalidInterface.IpAddressLimitExceeded",
        AddressLimitExceeded = "AddressLimitExceeded",
        SecurityGroupsPerInterfaceLimitExceeded = "SecurityGroupsPerInterfaceLimitExceeded",
        SecurityGroupsPerInstanceLimitExceeded = "SecurityGroupsPerInstanceLimitExceeded",
        SecurityGroupLimitExceeded = "SecurityGroupLimitExceeded",
        RulesPerSecurityGroupLimitExceeded = "RulesPerSecurityGroupLimitExceeded",
        TagLimitExceeded = "TagLimitExceeded",
        ResourceLimitExceeded = "ResourceLimitExceeded",
        ResourceCountExceeded = "ResourceCountExceeded",
        ResourceCountLimitExceeded = "ResourceCountLimitExceeded",
        InstanceLimitExceeded = "InstanceLimitExceeded",
        ClientTokenLimitExceeded = "MaxConfigLimitExceededException",
        FilterLimitExceeded = "FilterLimitExceeded",
    }
    Denied {
        UnauthorizedOperation = "UnauthorizedOperation",
        AuthFailure = "AuthFailure",
        AccessDenied = "AccessDenied",
        AccessDeniedException = "AccessDeniedException",
        Blocked = "Blocked",
        OptInRequired = "OptInRequired",
        PendingVerification = "PendingVerification",
        ExpiredToken = "ExpiredToken",
        ExpiredTokenException = "ExpiredTokenException",
        RequestExpired = "RequestExpired",
        SecurityRequestHasExpired = "InvalidSecurity.RequestHasExpired",
        RequestInTheFuture = "RequestInTheFuture",
        RequestTimeTooSkewed = "RequestTimeTooSkewed",
        InvalidClientTokenId = "InvalidClientTokenId",
        UnrecognizedClient = "UnrecognizedClientException",
        InvalidAccessKeyId = "InvalidAccessKeyId",
        InvalidUserIdNotFound = "InvalidUserID.NotFound",
        SignatureDoesNotMatch = "SignatureDoesNotMatch",
        IncompleteSignature = "IncompleteSignature",
        MissingAuthenticationToken = "MissingAuthenticationToken",
        OperationNotPermitted = "OperationNotPermitted",
        TagPolicyViolation = "TagPolicyViolation",
        /// Ours: there is nothing that gives credentials.
        NoCredentials = "Local.NoCredentials",
    }
    Misconfigured {
        InvalidParameterValue = "InvalidParameterValue",
        InvalidParameter = "InvalidParameter",
        InvalidParameterCombination = "InvalidParameterCombination",
        InvalidParameterDependency = "InvalidParameterDependency",
        MissingParameter = "MissingParameter",
        UnknownParameter = "UnknownParameter",
        InvalidInput = "InvalidInput",
        InvalidRequest = "InvalidRequest",
        InvalidCharacter = "InvalidCharacter",
        InvalidFilter = "InvalidFilter",
        InvalidMaxResults = "InvalidMaxResults",
        InvalidNextToken = "InvalidNextToken",
        InvalidPaginationToken = "InvalidPaginationToken",
        InvalidAction = "InvalidAction",
        InvalidQueryParameter = "InvalidQueryParameter",
        MalformedQueryString = "MalformedQueryString",
        MissingAction = "MissingAction",
        ValidationError = "ValidationError",
        IdempotentParameterMismatch = "IdempotentParameterMismatch",
        DryRunOperation = "DryRunOperation",
        Unsupported = "Unsupported",
        UnsupportedOperation = "UnsupportedOperation",
        UnsupportedProtocol = "UnsupportedProtocol",
        UnsupportedInstanceAttribute = "UnsupportedInstanceAttribute",
        UnsupportedTenancy = "UnsupportedTenancy",
        NetworkInterfaceNotSupported = "NetworkInterfaceNotSupported",
        InvalidZone = "InvalidZone",
        AvailabilityZoneMismatch = "InvalidAvailabilityZone",
        InvalidSubnet = "InvalidSubnet",
        SubnetConflict = "InvalidSubnet.Conflict",
        SubnetRange = "InvalidSubnet.Range",
        InvalidVpcState = "InvalidVpcState",
        InvalidInstanceId = "InvalidInstanceID",
        InstanceIdMalformed = "InvalidInstanceID.Malformed",
        NetworkInterfaceIdMalformed = "InvalidNetworkInterfaceId.Malformed",
        NetworkInterfaceAttachmentIdMalformed = "InvalidNetworkInterfaceAttachmentId.Malformed",
        AttachmentIdMalformed = "InvalidAttachmentID.Malformed",
        GroupIdMalformed = "InvalidGroupId.Malformed",
        SecurityGroupIdMalformed = "InvalidSecurityGroupId.Malformed",
        SecurityGroupIdMalformedToo = "InvalidSecurityGroupID.Malformed",
        SubnetIdMalformed = "InvalidSubnetID.Malformed",
        SubnetIdMalformedToo = "InvalidSubnetId.Malformed",
        VpcIdMalformed = "InvalidVpcID.Malformed",
        TagKeyMalformed = "InvalidTagKey.Malformed",
        AddressMalformed = "InvalidAddress.Malformed",
        IpAddressMalformed = "InvalidIPAddress.Malformed",
        InvalidInstanceAttributeValue = "InvalidInstanceAttributeValue",
        DefaultVpcDoesNotExist = "DefaultVpcDoesNotExist",
        VpcIdNotSpecified = "VPCIdNotSpecified",
        VpcResourceNotSpecified = "VPCResourceNotSpecified",
    }
    Unknown {
        /// Ours: an answer that is neither success nor has a code.
        NoCode = "Local.NoCode",
    }
}

impl Code {
    /// The code of this text, in EC2's or SOAP's form (`Client.` or `Server.` before it, as its documentation has it).
    pub fn from_text(text: &str) -> Self {
        let plain = text.strip_prefix("Client.").or_else(|| text.strip_prefix("Server.")).unwrap_or(text);
        Self::known(plain).unwrap_or_else(|| Self::Other(plain.to_string()))
    }

    /// Whether newer credentials may be taken where these were not.
    pub fn is_of_old_credentials(&self) -> bool {
        matches!(
            self,
            Self::ExpiredToken
                | Self::ExpiredTokenException
                | Self::RequestExpired
                | Self::SecurityRequestHasExpired
                | Self::AuthFailure
                | Self::InvalidClientTokenId
                | Self::UnrecognizedClient
                | Self::InvalidAccessKeyId
                | Self::SignatureDoesNotMatch
                | Self::NoCredentials
        )
    }

    /// A text of the table or `Other`: as many as a metric's label may have.
    pub fn label(&self) -> &str {
        match self {
            Self::Other(_) => "Other",
            known => known.as_str(),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
