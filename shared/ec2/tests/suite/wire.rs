//! The real SDK over a wire that the test answers: what is sent, and what is made of what comes back.

use crate::scripted::{creation, eni_id};
use crate::server::{Reply, Server};
use ec2::{
    AttachmentStatus, Class, Client, Code, Force, InstanceState, Lifecycle, Limits, Modification, Network, Options,
    Query, Selection, Slot, Status, Sweep, Tags,
};
use std::collections::BTreeSet;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

const ENI: &str = "
    <networkInterfaceId>eni-00000000000000001</networkInterfaceId><subnetId>subnet-01234567</subnetId>
    <vpcId>vpc-01234567</vpcId><availabilityZone>eu-central-1a</availabilityZone><description>made by a test</description>
    <ownerId>123456789012</ownerId><requesterManaged>false</requesterManaged><status>in-use</status>
    <macAddress>02:AB:00:00:00:01</macAddress><privateIpAddress>10.0.0.4</privateIpAddress>
    <sourceDestCheck>false</sourceDestCheck><interfaceType>interface</interfaceType>
    <groupSet><item><groupId>sg-01234567</groupId><groupName>web</groupName></item></groupSet>
    <attachment><attachmentId>eni-attach-01234567</attachmentId><instanceId>i-01234567</instanceId>
      <deviceIndex>2</deviceIndex><networkCardIndex>1</networkCardIndex><status>attaching</status>
      <deleteOnTermination>true</deleteOnTermination></attachment>
    <tagSet><item><key>Name</key><value>eni &amp; co</value></item><item><key>empty</key><value/></item></tagSet>
    <privateIpAddressesSet><item><privateIpAddress>10.0.0.4</privateIpAddress><primary>true</primary></item>
      <item><privateIpAddress>10.0.0.5</privateIpAddress><primary>false</primary></item></privateIpAddressesSet>
    <ipv6AddressesSet><item><ipv6Address>2001:db8::4</ipv6Address></item></ipv6AddressesSet>";

fn client(server: &Server) -> Client {
    patient_client(server, Limits::default())
}

fn patient_client(server: &Server, limits: Limits) -> Client {
    let options = Options {
        region: Some("eu-central-1".into()),
        ec2_endpoint: Some(server.url()),
        imds_endpoint: Some(server.url()),
        limits,
        ..Options::default()
    };
    Client::connect(options).unwrap()
}

fn slot() -> Slot {
    Slot { network_card_index: 1, device_index: 2 }
}

#[tokio::test]
async fn a_creation_carries_token_addresses_and_all_tags_in_one_call() {
    let server =
        Server::start(|_| Reply::of("CreateNetworkInterface", &format!("<networkInterface>{ENI}</networkInterface>")));
    let made = client(&server).create(&creation()).await.unwrap();
    assert_eq!(made.id, eni_id(1));
    let asked = &server.asked()[0];
    for (key, value) in [
        ("Action", "CreateNetworkInterface"),
        ("ClientToken", "token-1"),
        ("SubnetId", "subnet-01234567"),
        ("SecurityGroupId.1", "sg-01234567"),
        ("Description", "made by a test"),
        ("SecondaryPrivateIpAddressCount", "2"),
        ("Ipv6AddressCount", "1"),
        ("TagSpecification.1.ResourceType", "network-interface"),
        ("TagSpecification.1.Tag.1.Key", "Name"),
        ("TagSpecification.1.Tag.1.Value", "eni & co"),
    ] {
        assert_eq!(asked.get(key).map(String::as_str), Some(value), "{key}");
    }
}

#[tokio::test]
async fn an_eni_is_read_in_full() {
    let server = Server::start(|_| {
        Reply::of(
            "DescribeNetworkInterfaces",
            &format!("<networkInterfaceSet><item>{ENI}</item></networkInterfaceSet>"),
        )
    });
    let enis = client(&server).by_id(&[eni_id(1)]).await.unwrap();
    let [eni] = &enis[..] else { panic!("{enis:?}") };
    assert_eq!((eni.mac_address.as_str(), &eni.status), ("02:ab:00:00:00:01", &Status::InUse));
    assert_eq!((eni.ipv4.len(), eni.ipv4[0].primary, eni.ipv6.len()), (2, true, 1));
    assert_eq!((eni.tags["Name"].as_str(), eni.tags["empty"].as_str()), ("eni & co", ""));
    assert!(!eni.source_dest_check && !eni.requester_managed);
    let at = eni.attachment.as_ref().unwrap();
    assert_eq!((at.slot, at.status, at.delete_on_termination), (slot(), AttachmentStatus::Attaching, true));
    let asked = &server.asked()[0];
    assert_eq!(asked["Filter.1.Name"], "network-interface-id");
    assert_eq!(asked["Filter.1.Value.1"], "eni-00000000000000001");
}

#[tokio::test]
async fn attach_says_card_and_index_and_each_modify_one_attribute() {
    let server = Server::start(|form| match form["Action"].as_str() {
        "AttachNetworkInterface" => {
            Reply::of("AttachNetworkInterface", "<attachmentId>eni-attach-01234567</attachmentId>")
        }
        action => Reply::of(action, "<return>true</return>"),
    });
    let ec2 = client(&server);
    let attachment = ec2.attach(&eni_id(1), &"i-01234567".parse().unwrap(), slot()).await.unwrap();
    let changes = [
        Modification::DeleteOnTermination { attachment: attachment.clone(), value: true },
        Modification::SourceDestCheck(false),
        Modification::SecurityGroups(vec!["sg-01234567".parse().unwrap(), "sg-01234568".parse().unwrap()]),
        Modification::Description("other".into()),
    ];
    for change in &changes {
        ec2.modify(&eni_id(1), change).await.unwrap();
    }
    ec2.detach(&eni_id(1), &attachment, Force::No).await.unwrap();
    ec2.delete(&eni_id(1)).await.unwrap();
    let asked = server.asked();
    assert_eq!((asked[0]["NetworkCardIndex"].as_str(), asked[0]["DeviceIndex"].as_str()), ("1", "2"));
    assert_eq!(asked[1]["Attachment.DeleteOnTermination"], "true");
    assert_eq!(asked[2]["SourceDestCheck.Value"], "false");
    assert_eq!(asked[3]["SecurityGroupId.2"], "sg-01234568");
    assert_eq!(asked[4]["Description.Value"], "other");
    // Action, version, the ENI, and the attribute: of an attachment two parts, of two groups two.
    assert_eq!(asked[1..5].iter().map(std::collections::BTreeMap::len).collect::<Vec<_>>(), [5, 4, 5, 4]);
    assert_eq!((asked[5]["AttachmentId"].as_str(), asked[5].get("Force")), ("eni-attach-01234567", None));
    assert_eq!(asked[6]["NetworkInterfaceId"], "eni-00000000000000001");
}

#[tokio::test]
async fn addresses_are_assigned_by_number_and_taken_away_by_name() {
    let server = Server::start(|form| match form["Action"].as_str() {
        "AssignPrivateIpAddresses" => Reply::of(
            "AssignPrivateIpAddresses",
            "<assignedPrivateIpAddressesSet><item><privateIpAddress>10.0.0.9</privateIpAddress></item></assignedPrivateIpAddressesSet>",
        ),
        "AssignIpv6Addresses" => {
            Reply::of("AssignIpv6Addresses", "<assignedIpv6Addresses><item>2001:db8::9</item></assignedIpv6Addresses>")
        }
        action => Reply::of(action, "<return>true</return>"),
    });
    let ec2 = client(&server);
    let ipv4 = ec2.assign_ipv4(&eni_id(1), 1).await.unwrap();
    let ipv6 = ec2.assign_ipv6(&eni_id(1), 1).await.unwrap();
    ec2.unassign_ipv4(&eni_id(1), &ipv4).await.unwrap();
    ec2.unassign_ipv6(&eni_id(1), &ipv6).await.unwrap();
    let asked = server.asked();
    assert_eq!(asked[0]["SecondaryPrivateIpAddressCount"], "1");
    assert_eq!(asked[1]["Ipv6AddressCount"], "1");
    assert_eq!(asked[2]["PrivateIpAddress.1"], "10.0.0.9");
    assert_eq!(asked[3]["Ipv6Addresses.1"], "2001:db8::9");
}

#[tokio::test]
async fn instances_are_asked_for_by_a_filter_and_read_from_all_reservations() {
    let server = Server::start(|_| {
        let instance = |id: &str, state: &str| {
            format!("<item><instanceId>{id}</instanceId><instanceState><name>{state}</name></instanceState></item>")
        };
        let reservation = |instances: &str| format!("<item><instancesSet>{instances}</instancesSet></item>");
        let first = instance("i-01234567", "stopped") + &instance("i-01234568", "shutting-down");
        let second = instance("i-01234569", "hibernating");
        let set = reservation(&first) + &reservation(&second);
        Reply::of("DescribeInstances", &format!("<reservationSet>{set}</reservationSet>"))
    });
    let ids = ["i-01234567", "i-01234568", "i-01234569"].map(|id| id.parse().unwrap());
    let states = client(&server).instance_states(&ids).await.unwrap();
    let of = |id: &ec2::InstanceId| states[id].clone();
    assert_eq!((of(&ids[0]), of(&ids[1])), (InstanceState::Stopped, InstanceState::ShuttingDown));
    // What is not known is not over.
    assert_eq!(of(&ids[2]), InstanceState::Other("hibernating".into()));
    assert!(!of(&ids[0]).is_over() && of(&ids[1]).is_over() && !of(&ids[2]).is_over());
    let asked = &server.asked()[0];
    assert_eq!((asked["Filter.1.Name"].as_str(), asked["Filter.1.Value.3"].as_str()), ("instance-id", "i-01234569"));
    assert!(!asked.contains_key("InstanceId.1"));
}

#[tokio::test]
async fn what_is_attached_to_nothing_is_asked_for_with_all_tags() {
    let server = Server::start(|_| Reply::of("DescribeNetworkInterfaces", "<networkInterfaceSet/>"));
    let tags = Tags::from([("cluster".into(), "one".into()), ("pool".into(), "a".into())]);
    assert!(client(&server).unattached(&tags).await.unwrap().is_empty());
    let asked = &server.asked()[0];
    for (key, value) in [("Filter.1.Name", "tag:cluster"), ("Filter.2.Value.1", "a"), ("Filter.3.Name", "status")] {
        assert_eq!(asked[key], value);
    }
    assert_eq!(asked["Filter.3.Value.1"], "available");
}

#[tokio::test]
async fn a_refusal_has_ec2s_code_request_and_message() {
    let server =
        Server::start(|_| Reply::refusal(400, "AttachmentLimitExceeded", "Interface count 5 exceeds the limit."));
    let ec2 = client(&server);
    let error = ec2.attach(&eni_id(1), &"i-01234567".parse().unwrap(), slot()).await.unwrap_err();
    assert_eq!((&error.code, error.class), (&Code::AttachmentLimitExceeded, Class::Limit));
    assert_eq!(error.request_id.as_deref(), Some("request-1"));
    assert_eq!(error.source().unwrap().to_string(), "Interface count 5 exceeds the limit.");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn what_is_no_answer_of_ec2s_is_not_taken_for_one() {
    for (reply, code) in [
        (Reply::Status(502, "<html>bad gateway</html>".into()), Code::ServerFault),
        (
            Reply::of("DescribeNetworkInterfaces", "<networkInterfaceSet><item></item></networkInterfaceSet>"),
            Code::BadAnswer,
        ),
        (Reply::Status(200, "not even XML".into()), Code::BadAnswer),
        (Reply::Closes, Code::Unreachable),
    ] {
        let limits = Limits { attempts: 1, ..Limits::default() };
        let server = Server::start(move |_| reply.clone());
        let error = patient_client(&server, limits).by_id(&[eni_id(1)]).await.unwrap_err();
        assert_eq!((&error.code, error.class), (&code, Class::Transient), "{error:?}");
    }
}

fn answer_of(items: &[String]) -> Reply {
    let items: Vec<_> = items.iter().map(|item| format!("<item>{item}</item>")).collect();
    Reply::of("DescribeNetworkInterfaces", &format!("<networkInterfaceSet>{}</networkInterfaceSet>", items.concat()))
}

#[tokio::test]
async fn an_attachment_in_a_state_that_is_not_known_is_read_as_such() {
    let odd = ENI.replace("<status>attaching<", "<status>busy<");
    let server = Server::start(move |_| answer_of(std::slice::from_ref(&odd)));
    let enis = client(&server).by_id(&[eni_id(1)]).await.unwrap();
    assert_eq!(enis[0].attachment.as_ref().unwrap().status, AttachmentStatus::Other);
}

#[tokio::test]
async fn an_odd_eni_of_an_aws_service_hides_no_other_one_and_any_other_odd_one_is_no_answer() {
    let odd = ENI.replace("eni-00000000000000001", "eni-00000000000000002").replace("eni-attach-", "ela-attach-");
    let of_a_service = odd.replace("<requesterManaged>false<", "<requesterManaged>true<");
    let nameless = of_a_service.replace("eni-00000000000000002", "");
    let limits = Limits { attempts: 1, ..Limits::default() };
    let ask = async |odd: String| {
        let server = Server::start(move |_| answer_of(&[odd.clone(), ENI.to_string()]));
        patient_client(&server, limits.clone()).attached_to(&"i-01234567".parse().unwrap()).await
    };
    let enis = ask(of_a_service).await.unwrap();
    assert_eq!(enis.iter().map(|eni| &eni.id).collect::<Vec<_>>(), [&eni_id(1)]);
    let error = ask(odd).await.unwrap_err();
    assert_eq!((&error.code, error.subject.eni.as_ref()), (&Code::BadAnswer, Some(&eni_id(2))));
    assert_eq!(ask(nameless).await.unwrap_err().code, Code::BadAnswer);
}

#[tokio::test]
async fn a_server_that_hangs_costs_no_more_than_the_deadline() {
    let limits = Limits {
        read_attempt: Duration::from_millis(200),
        read_total: Duration::from_millis(700),
        ..Limits::default()
    };
    let server = Server::start(|_| Reply::Hangs);
    let error = patient_client(&server, limits).by_id(&[eni_id(1)]).await.unwrap_err();
    assert_eq!(error.code, Code::Timeout);
    assert!(server.asked().len() >= 2);
}

#[tokio::test]
async fn a_throttled_creation_is_sent_again_with_the_same_token() {
    let server = Server::start(|form| match form["#"].as_str() {
        "1" => Reply::refusal(503, "RequestLimitExceeded", "Request limit exceeded."),
        _ => Reply::of("CreateNetworkInterface", &format!("<networkInterface>{ENI}</networkInterface>")),
    });
    client(&server).create(&creation()).await.unwrap();
    let tokens: BTreeSet<_> = server.asked().iter().map(|form| form["ClientToken"].clone()).collect();
    assert_eq!((server.asked().len(), tokens.len()), (2, 1));
}

#[tokio::test]
async fn nothing_is_tried_twice_below_the_one_layer_that_does_so() {
    let server = Server::start(|_| Reply::refusal(503, "RequestLimitExceeded", "Request limit exceeded."));
    let limits = Limits { attempts: 1, ..Limits::default() };
    assert!(patient_client(&server, limits).by_id(&[eni_id(1)]).await.is_err());
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn pages_are_followed() {
    let server = Server::start(|form| {
        let next = if form.contains_key("NextToken") { "" } else { "<nextToken>more</nextToken>" };
        let item = ENI.replace("00000000000000001", &format!("{:0>17}", form["#"]));
        let items = format!("<networkInterfaceSet><item>{item}</item></networkInterfaceSet>{next}");
        Reply::of("DescribeNetworkInterfaces", &items)
    });
    let enis = client(&server).attached_to(&"i-01234567".parse().unwrap()).await.unwrap();
    assert_eq!(enis.len(), 2);
    assert_eq!(server.asked()[0]["Filter.1.Name"], "attachment.instance-id");
    assert_eq!(server.asked()[1]["NextToken"], "more");
}

#[tokio::test]
async fn what_surrounds_enis_is_read() {
    let server = Server::start(|form| {
        match form["Action"].as_str() {
        "DescribeSubnets" => Reply::of(
            "DescribeSubnets",
            "<subnetSet><item><subnetId>subnet-01234567</subnetId><vpcId>vpc-01234567</vpcId>
               <availabilityZone>eu-central-1a</availabilityZone><cidrBlock>10.0.1.0/24</cidrBlock>
               <availableIpAddressCount>250</availableIpAddressCount>
               <ipv6CidrBlockAssociationSet>
                 <item><ipv6CidrBlock>2001:db8::/64</ipv6CidrBlock><ipv6CidrBlockState><state>associated</state></ipv6CidrBlockState></item>
                 <item><ipv6CidrBlock>2001:db8:1::/64</ipv6CidrBlock><ipv6CidrBlockState><state>disassociated</state></ipv6CidrBlockState></item>
               </ipv6CidrBlockAssociationSet>
               <tagSet><item><key>Name</key><value>blue*</value></item></tagSet></item></subnetSet>",
        ),
        "DescribeSecurityGroups" => Reply::of(
            "DescribeSecurityGroups",
            "<securityGroupInfo><item><groupId>sg-01234567</groupId><groupName>web</groupName><vpcId>vpc-01234567</vpcId></item></securityGroupInfo>",
        ),
        action => Reply::of(
            action,
            "<instanceTypeSet><item><instanceType>p4d.24xlarge</instanceType><networkInfo>
               <maximumNetworkInterfaces>60</maximumNetworkInterfaces><ipv4AddressesPerInterface>50</ipv4AddressesPerInterface>
               <ipv6AddressesPerInterface>50</ipv6AddressesPerInterface><networkCards>
                 <item><networkCardIndex>1</networkCardIndex><maximumNetworkInterfaces>15</maximumNetworkInterfaces></item>
                 <item><networkCardIndex>0</networkCardIndex><maximumNetworkInterfaces>15</maximumNetworkInterfaces></item>
               </networkCards></networkInfo></item></instanceTypeSet>",
        ),
    }
    });
    let ec2 = client(&server);
    let select = |name: &str| Selection { names: BTreeSet::from([name.to_string()]), ..Selection::default() };
    let subnets = ec2.subnets(&select("blue*")).await.unwrap();
    assert_eq!((subnets[0].available_ipv4, subnets[0].ipv6_cidrs.len()), (250, 1));
    assert_eq!(subnets[0].ipv4_cidr.unwrap().to_string(), "10.0.1.0/24");
    assert_eq!(server.asked()[0]["Filter.1.Value.1"], "blue\\*");
    assert_eq!(ec2.security_groups(&select("web")).await.unwrap()[0].name, "web");
    let limits = ec2.instance_type("p4d.24xlarge").await.unwrap();
    assert_eq!((limits.interfaces, limits.cards.len(), limits.cards[0].index), (60, 2, 0));
}

#[tokio::test]
async fn what_does_not_speak_tls_is_not_spoken_to() {
    let server = Server::start(|_| Reply::Hangs);
    let options = Options {
        region: Some("eu-central-1".into()),
        ec2_endpoint: Some(server.url().replace("http:", "https:")),
        imds_endpoint: Some(server.url()),
        ..Options::default()
    };
    let error = Client::connect(options).unwrap().by_id(&[eni_id(1)]).await.unwrap_err();
    assert_eq!(error.code, Code::Unreachable, "{error:?}");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn credentials_that_expired_are_looked_for_again() {
    let server = Server::start(|form| {
        if form["Authorization"].contains("Credential=KEY1/") {
            return Reply::refusal(400, "ExpiredToken", "The provided token has expired.");
        }
        Reply::of("DescribeNetworkInterfaces", "<networkInterfaceSet/>")
    });
    let ec2 = client(&server);
    let error = ec2.by_id(&[eni_id(1)]).await.unwrap_err();
    assert_eq!((error.code, error.class), (Code::ExpiredToken, Class::Denied));
    assert!(ec2.by_id(&[eni_id(1)]).await.unwrap().is_empty());
}

#[tokio::test]
async fn no_credential_is_ever_in_a_debug_text() {
    let server = Server::start(|_| Reply::refusal(400, "UnauthorizedOperation", "You are not authorized."));
    let ec2 = Arc::new(client(&server));
    let error = ec2.by_id(&[eni_id(1)]).await.unwrap_err();
    let texts = [format!("{ec2:?}"), format!("{error:?}"), error.to_string()];
    for secret in ["KEY1", "SECRET", "SESSION", "TOKEN-OF-IMDS"] {
        assert!(texts.iter().all(|text| !text.contains(secret)), "{secret} in {texts:?}");
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_at_once() {
    for bad in ["", "127.0.0.1", "ftp://127.0.0.1", "http://"] {
        let options = Options { ec2_endpoint: Some(bad.into()), ..Options::default() };
        assert!(Client::connect(options).is_err(), "{bad:?}");
        let options = Options { imds_endpoint: Some(bad.into()), ..Options::default() };
        assert!(Client::connect(options).is_err(), "{bad:?}");
    }
}
