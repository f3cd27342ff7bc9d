use super::*;
use std::collections::BTreeSet;
use std::error::Error as _;

/// Codes as EC2 and the services before it write them ("Error codes for the Amazon EC2 API", "Common errors"; those of
/// throttling also as the SDKs know them), and the class that each has to have.
const REAL: &[(&str, Class)] = &[
    ("RequestLimitExceeded", Class::Throttled),
    ("EC2ThrottledException", Class::Throttled),
    ("Throttling", Class::Throttled),
    ("ThrottlingException", Class::Throttled),
    ("RequestThrottled", Class::Throttled),
    ("TooManyRequestsException", Class::Throttled),
    ("SlowDown", Class::Throttled),
    ("InternalError", Class::Transient),
    ("InternalFailure", Class::Transient),
    ("ServiceUnavailable", Class::Transient),
    ("Unavailable", Class::Transient),
    ("Server.Unavailable", Class::Transient),
    ("RequestTimeout", Class::Transient),
    ("ConcurrentTagAccess", Class::Transient),
    ("InvalidNetworkInterfaceID.NotFound", Class::NotFound),
    ("InvalidNetworkInterface.NotFound", Class::NotFound),
    ("InvalidAttachmentID.NotFound", Class::NotFound),
    ("InvalidAttachment.NotFound", Class::NotFound),
    ("InvalidInstanceID.NotFound", Class::NotFound),
    ("InvalidSubnetID.NotFound", Class::NotFound),
    ("InvalidGroup.NotFound", Class::NotFound),
    ("InvalidSecurityGroupID.NotFound", Class::NotFound),
    ("InvalidVpcID.NotFound", Class::NotFound),
    ("InvalidInstanceType", Class::NotFound),
    ("InvalidNetworkInterface.InUse", Class::InUse),
    ("InvalidIPAddress.InUse", Class::InUse),
    ("IncorrectState", Class::InUse),
    ("IncorrectInstanceState", Class::InUse),
    ("InvalidState", Class::InUse),
    ("InvalidInstanceState", Class::InUse),
    ("DependencyViolation", Class::InUse),
    ("InvalidInstanceID.NotLinkable", Class::InUse),
    ("InvalidGroup.InUse", Class::InUse),
    ("InsufficientFreeAddressesInSubnet", Class::Capacity),
    ("InsufficientAddressCapacity", Class::Capacity),
    ("InsufficientCidrBlocks", Class::Capacity),
    ("InsufficientCapacity", Class::Capacity),
    ("InsufficientInstanceCapacity", Class::Capacity),
    ("AttachmentLimitExceeded", Class::Limit),
    ("NetworkInterfaceLimitExceeded", Class::Limit),
    ("PrivateIpAddressLimitExceeded", Class::Limit),
    ("InvalidInterface.IpAddressLimitExceeded", Class::Limit),
    ("AddressLimitExceeded", Class::Limit),
    ("SecurityGroupsPerInterfaceLimitExceeded", Class::Limit),
    ("SecurityGroupsPerInstanceLimitExceeded", Class::Limit),
    ("TagLimitExceeded", Class::Limit),
    ("ResourceLimitExceeded", Class::Limit),
    ("ResourceCountExceeded", Class::Limit),
    ("FilterLimitExceeded", Class::Limit),
    ("UnauthorizedOperation", Class::Denied),
    ("Client.UnauthorizedOperation", Class::Denied),
    ("AuthFailure", Class::Denied),
    ("AccessDenied", Class::Denied),
    ("AccessDeniedException", Class::Denied),
    ("Blocked", Class::Denied),
    ("OptInRequired", Class::Denied),
    ("PendingVerification", Class::Denied),
    ("ExpiredToken", Class::Denied),
    ("ExpiredTokenException", Class::Denied),
    ("RequestExpired", Class::Denied),
    ("InvalidSecurity.RequestHasExpired", Class::Denied),
    ("InvalidClientTokenId", Class::Denied),
    ("UnrecognizedClientException", Class::Denied),
    ("SignatureDoesNotMatch", Class::Denied),
    ("MissingAuthenticationToken", Class::Denied),
    ("OperationNotPermitted", Class::Denied),
    ("TagPolicyViolation", Class::Denied),
    ("InvalidParameterValue", Class::Misconfigured),
    ("InvalidParameter", Class::Misconfigured),
    ("InvalidParameterCombination", Class::Misconfigured),
    ("MissingParameter", Class::Misconfigured),
    ("UnknownParameter", Class::Misconfigured),
    ("IdempotentParameterMismatch", Class::Misconfigured),
    ("DryRunOperation", Class::Misconfigured),
    ("UnsupportedOperation", Class::Misconfigured),
    ("InvalidAction", Class::Misconfigured),
    ("InvalidNetworkInterfaceId.Malformed", Class::Misconfigured),
    ("InvalidNetworkInterfaceAttachmentId.Malformed", Class::Misconfigured),
    ("InvalidInstanceID.Malformed", Class::Misconfigured),
    ("InvalidSecurityGroupId.Malformed", Class::Misconfigured),
    ("InvalidSubnetID.Malformed", Class::Misconfigured),
    ("InvalidTagKey.Malformed", Class::Misconfigured),
    ("InvalidVpcState", Class::Misconfigured),
    ("InvalidSubnet", Class::Misconfigured),
    ("NoSuchThingEver", Class::Unknown),
];

#[test]
fn every_real_code_has_its_class() {
    assert!(REAL.len() > 70);
    for (text, class) in REAL {
        let code = Code::from_text(text);
        assert_eq!(code.class(), *class, "{text}");
        let is_known = Code::KNOWN.contains(&code);
        assert_eq!(is_known, *class != Class::Unknown, "{text}");
    }
}

#[test]
fn a_code_is_read_as_it_is_written_and_stands_in_the_table_once() {
    let texts: BTreeSet<&str> = Code::KNOWN.iter().map(Code::as_str).collect();
    assert_eq!(texts.len(), Code::KNOWN.len());
    for code in Code::KNOWN {
        assert_eq!(&Code::from_text(code.as_str()), code);
        assert_eq!(code.label(), code.as_str());
    }
    let other = Code::from_text("Server.Weather");
    assert_eq!((other.as_str(), other.label()), ("Weather", "Other"));
}

#[test]
fn every_class_has_a_word_and_a_code() {
    let words: BTreeSet<&str> = Class::ALL.iter().map(|class| class.as_str()).collect();
    assert_eq!(words.len(), Class::ALL.len());
    for class in Class::ALL {
        assert!(Code::KNOWN.iter().any(|code| code.class() == class), "{class}");
    }
}

fn full_subnet() -> Error {
    let subject = Subject {
        subnet: Some("subnet-0123456789abcdef0".parse().unwrap()),
        security_groups: (0..9).map(|n| format!("sg-0123456789abcde0{n}").parse().unwrap()).collect(),
        ..Subject::default()
    };
    Error::new(Action::CreateNetworkInterface, Code::InsufficientFreeAddressesInSubnet).about(subject)
}

#[test]
fn ec2_5_the_text_names_action_code_and_subnet_on_one_short_line() {
    let text = full_subnet().to_string();
    let start = "CreateNetworkInterface: InsufficientFreeAddressesInSubnet (subnet-0123456789abcdef0, sg-";
    assert!(text.starts_with(start), "{text}");
    assert!(text.len() <= 200 && text.lines().count() == 1);
    let other = Error::new(Action::CreateTags, Code::Other("bad\ncode\u{1b}[31m".into()));
    assert_eq!(other.to_string(), "CreateTags: bad code [31m");
}

#[test]
fn the_text_names_the_slot() {
    let subject = Subject {
        instance: Some("i-0123456789abcdef0".parse().unwrap()),
        slot: Some(crate::Slot { network_card_index: 1, device_index: 2 }),
        ..Subject::eni(&"eni-0123456789abcdef0".parse().unwrap())
    };
    let error = Error::new(Action::AttachNetworkInterface, Code::AttachmentLimitExceeded).about(subject);
    let expected = "AttachNetworkInterface: AttachmentLimitExceeded \
                    (eni-0123456789abcdef0, i-0123456789abcdef0, card 1 index 2)";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn what_ec2_said_is_the_source_and_not_the_text() {
    let error = full_subnet().because("The specified subnet does not have enough free addresses.").of_request("1-2");
    assert_eq!(error.to_string(), full_subnet().to_string());
    assert_eq!(error.source().unwrap().to_string(), "The specified subnet does not have enough free addresses.");
    assert_eq!(error.request_id.as_deref(), Some("1-2"));
}

#[test]
fn ec2_1_a_taken_slot_is_known_by_action_and_code() {
    assert!(Error::new(Action::AttachNetworkInterface, Code::InvalidParameterValue).is_slot_taken());
    assert!(!Error::new(Action::CreateNetworkInterface, Code::InvalidParameterValue).is_slot_taken());
    assert!(!Error::new(Action::AttachNetworkInterface, Code::AttachmentLimitExceeded).is_slot_taken());
}

#[test]
fn it_is_said_whether_something_may_have_been_done() {
    let may = |code| Error::new(Action::AttachNetworkInterface, code).may_have_happened();
    assert!(may(Code::Timeout) && may(Code::InternalError) && may(Code::Other("New".into())));
    assert!(!may(Code::RequestLimitExceeded) && !may(Code::UnauthorizedOperation));
}
