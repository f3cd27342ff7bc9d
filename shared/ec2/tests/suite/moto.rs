//! The real SDK against moto's EC2, which others wrote: a second opinion on what is sent and on what comes back. It knows
//! neither pages nor client tokens nor `DeleteOnTermination`; for those there is the simulator.

use crate::server::{Reply, Server};
use ec2::{
    AttachmentStatus, Class, Client, Code, Creation, Force, InstanceId, InstanceState, Lifecycle, Modification,
    Network, NetworkInterface, Options, Query, SecurityGroupId, Selection, Slot, Status, SubnetId, Sweep, Tags,
};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

const RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/moto/run");
const REGION: &str = "us-east-1";
const AMI: &str = "ami-12c6146b";

/// A moto that lives as long as this does, or as the test's process.
struct Moto {
    program: Child,
    endpoint: String,
}

impl Moto {
    fn start() -> Self {
        // What it serves ends with its input.
        let mut program = Command::new(RUN)
            .args(["sh", "-c", r#"echo "$AWS_ENDPOINT_URL_EC2"; exec cat >&2"#])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let endpoint = line.trim().to_string();
        assert!(endpoint.starts_with("http://"), "moto does not start (tests/moto/run): {:?}", program.wait());
        Self { program, endpoint }
    }

    /// What only an account's owner asks. The answer's first text in an element of this name.
    fn ask(&self, parameters: &str, element: &str) -> String {
        let host = self.endpoint.strip_prefix("http://").unwrap();
        let body = format!("Version=2016-11-15&{parameters}");
        let signature = format!("AWS4-HMAC-SHA256 Credential=testing/20260101/{REGION}/ec2/aws4_request, Signature=0");
        let form = "application/x-www-form-urlencoded";
        let head = format!("Host: {host}\r\nAuthorization: {signature}\r\nContent-Type: {form}\r\nConnection: close");
        let mut stream = TcpStream::connect(host).unwrap();
        write!(stream, "POST / HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let text = answer.split_once(&format!("<{element}>")).and_then(|(_, rest)| rest.split_once('<'));
        text.map(|(text, _)| text.to_string()).unwrap_or_else(|| panic!("{parameters}: {answer}"))
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.program.stdin.take());
        self.program.wait().unwrap();
    }
}

/// A VPC with a subnet, a group and an instance.
struct Account {
    subnet: SubnetId,
    group: SecurityGroupId,
    node: InstanceId,
    client: Client,
    _metadata: Server,
    moto: Moto,
}

impl Account {
    fn new() -> Self {
        let moto = Moto::start();
        let vpc = moto.ask("Action=CreateVpc&CidrBlock=10.0.0.0/16&AmazonProvidedIpv6CidrBlock=true", "vpcId");
        let ipv6 = moto.ask(&format!("Action=DescribeVpcs&VpcId.1={vpc}"), "ipv6CidrBlock").replace("/56", "/64");
        let name = "TagSpecification.1.ResourceType=subnet&TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1";
        let subnet = format!("Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.0.1.0/24&Ipv6CidrBlock={ipv6}&{name}");
        let subnet = moto.ask(&format!("{subnet}.Value=blue"), "subnetId");
        let group = format!("Action=CreateSecurityGroup&GroupName=web&GroupDescription=web&VpcId={vpc}");
        let group = moto.ask(&group, "groupId");
        let node = format!("Action=RunInstances&ImageId={AMI}&MinCount=1&MaxCount=1&InstanceType=m5.xlarge");
        let node = moto.ask(&format!("{node}&SubnetId={subnet}"), "instanceId");
        let metadata = Server::start(|_| Reply::Hangs);
        let options = Options {
            region: Some(REGION.into()),
            ec2_endpoint: Some(moto.endpoint.clone()),
            imds_endpoint: Some(metadata.url()),
            ..Options::default()
        };
        Self {
            subnet: subnet.parse().unwrap(),
            group: group.parse().unwrap(),
            node: node.parse().unwrap(),
            client: Client::connect(options).unwrap(),
            _metadata: metadata,
            moto,
        }
    }

    async fn create(&self, token: &str) -> NetworkInterface {
        let creation = Creation {
            client_token: token.into(),
            subnet: self.subnet.clone(),
            security_groups: vec![self.group.clone()],
            description: "of a test".into(),
            secondary_ipv4_count: 2,
            ipv6_count: 1,
            tags: Tags::from([("cluster".into(), "one & only".into()), ("Name".into(), token.into())]),
        };
        self.client.create(&creation).await.unwrap()
    }

    async fn described(&self, eni: &NetworkInterface) -> NetworkInterface {
        self.client.by_id(std::slice::from_ref(&eni.id)).await.unwrap().remove(0)
    }
}

#[tokio::test]
async fn another_ec2_understands_all_that_is_asked_and_is_understood() {
    let account = Account::new();
    lookups(&account).await;
    let eni = creation(&account).await;
    changes(&account, &eni).await;
    end(&account, &eni).await;
}

async fn lookups(account: &Account) {
    let select = |ids: &[&str], names: &[&str]| Selection {
        ids: ids.iter().map(ToString::to_string).collect(),
        names: names.iter().map(ToString::to_string).collect(),
        vpc: None,
    };
    for selection in [select(&[&account.subnet, "subnet-00000000000000001"], &[]), select(&[], &["blue", "red"])] {
        let found = account.client.subnets(&selection).await.unwrap();
        assert_eq!(found.iter().map(|subnet| &subnet.id).collect::<Vec<_>>(), [&account.subnet]);
        assert_eq!(found[0].ipv4_cidr.unwrap().to_string(), "10.0.1.0/24");
        assert_eq!((found[0].name.as_deref(), found[0].available_ipv4), (Some("blue"), 250));
    }
    for selection in [select(&[&account.group], &[]), select(&[], &["web"])] {
        let found = account.client.security_groups(&selection).await.unwrap();
        assert_eq!(
            found.iter().map(|group| (&group.id, group.name.as_str())).collect::<Vec<_>>(),
            [(&account.group, "web")]
        );
    }
    let limits = account.client.instance_type("m5.xlarge").await.unwrap();
    assert_eq!((limits.interfaces, limits.ipv4_per_interface, limits.ipv6_per_interface), (4, 15, 15));
    assert_eq!(limits.cards.iter().map(|card| (card.index, card.interfaces)).collect::<Vec<_>>(), [(0, 4)]);
    assert_eq!(account.client.instance_type("m5.tiny").await.unwrap_err().class, Class::NotFound);
}

async fn creation(account: &Account) -> NetworkInterface {
    let eni = account.create("a").await;
    assert_eq!((&eni.subnet, eni.security_groups.as_slice()), (&account.subnet, &[account.group.clone()][..]));
    assert_eq!((eni.ipv4.len(), eni.ipv6.len(), eni.tags.len()), (3, 1, 2));
    assert_eq!(eni.ipv4.iter().filter(|address| address.primary).count(), 1);
    let other = account.create("b").await;
    let tags = Tags::from([("cluster".into(), "one & only".into())]);
    let ids: BTreeSet<_> = account.client.tagged(&tags).await.unwrap().into_iter().map(|eni| eni.id).collect();
    assert_eq!(ids, BTreeSet::from([eni.id.clone(), other.id.clone()]));
    let named = Tags::from([("Name".into(), "b".into()), ("cluster".into(), "one & only".into())]);
    assert_eq!(account.client.tagged(&named).await.unwrap(), [account.described(&other).await]);
    let unknown = "eni-00000000000000001".parse().unwrap();
    assert_eq!(account.client.by_id(&[unknown, eni.id.clone()]).await.unwrap().len(), 1);
    assert_eq!(account.described(&eni).await.status, Status::Available);
    eni
}

async fn changes(account: &Account, eni: &NetworkInterface) {
    let ec2 = &account.client;
    let before = eni.ipv4.clone();
    let ipv4 = ec2.assign_ipv4(&eni.id, 1).await.unwrap();
    let ipv6 = ec2.assign_ipv6(&eni.id, 1).await.unwrap();
    let now = account.described(eni).await;
    assert_eq!((now.ipv4.len(), now.ipv6.len()), (4, 2));
    // It answers with all that the ENI has now.
    let more: Vec<_> = ipv4.into_iter().filter(|address| before.iter().all(|one| one.address != *address)).collect();
    let more6: Vec<_> = ipv6.into_iter().filter(|address| eni.ipv6.iter().all(|one| one.address != *address)).collect();
    ec2.unassign_ipv4(&eni.id, &more).await.unwrap();
    ec2.unassign_ipv6(&eni.id, &more6).await.unwrap();
    let now = account.described(eni).await;
    assert_eq!((more.len(), more6.len(), &now.ipv4, &now.ipv6), (1, 1, &before, &eni.ipv6));

    let vpc = account.moto.ask(&format!("Action=DescribeSubnets&SubnetId.1={}", account.subnet), "vpcId");
    let group = format!("Action=CreateSecurityGroup&GroupName=db&GroupDescription=db&VpcId={vpc}");
    let group: SecurityGroupId = account.moto.ask(&group, "groupId").parse().unwrap();
    for change in [
        Modification::SourceDestCheck(false),
        Modification::SecurityGroups(vec![group.clone()]),
        Modification::Description("changed".into()),
    ] {
        ec2.modify(&eni.id, &change).await.unwrap();
    }
    ec2.tag(&eni.id, &Tags::from([("late".into(), "tag".into())])).await.unwrap();
    let now = account.described(eni).await;
    assert_eq!((now.source_dest_check, now.description.as_str()), (false, "changed"));
    assert_eq!((now.security_groups, now.tags["late"].as_str()), (vec![group], "tag"));
}

async fn end(account: &Account, eni: &NetworkInterface) {
    let (ec2, slot) = (&account.client, Slot { network_card_index: 0, device_index: 1 });
    let attachment = ec2.attach(&eni.id, &account.node, slot).await.unwrap();
    let there = ec2.attached_to(&account.node).await.unwrap();
    assert_eq!(there.len(), 2, "the primary one too");
    let found = there.iter().find(|other| other.id == eni.id).unwrap();
    let attached = found.attachment.as_ref().unwrap();
    assert_eq!((&attached.id, attached.instance.as_ref(), attached.slot), (&attachment, Some(&account.node), slot));
    assert_eq!((attached.status, &found.status), (AttachmentStatus::Attached, &Status::InUse));
    let ours = Tags::from([("cluster".into(), "one & only".into())]);
    let free = async || ec2.unattached(&ours).await.unwrap().into_iter().map(|eni| eni.id).collect::<BTreeSet<_>>();
    assert!(!free().await.contains(&eni.id));
    ec2.detach(&eni.id, &attachment, Force::Yes).await.unwrap();
    assert_eq!(ec2.attached_to(&account.node).await.unwrap().len(), 1);
    assert!(free().await.contains(&eni.id));
    let ids = ["i-00000000000000001".parse().unwrap(), account.node.clone()];
    let states = ec2.instance_states(&ids).await.unwrap();
    assert_eq!(states.into_iter().collect::<Vec<_>>(), [(account.node.clone(), InstanceState::Running)]);
    account.moto.ask(&format!("Action=TerminateInstances&InstanceId.1={}", account.node), "instanceId");
    assert!(ec2.instance_states(&ids).await.unwrap()[&account.node].is_over());
    ec2.delete(&eni.id).await.unwrap();
    let error = ec2.delete(&eni.id).await.unwrap_err();
    assert_eq!((&error.code, error.class), (&Code::NetworkInterfaceIdNotFound, Class::NotFound));
    assert!(error.request_id.is_some());
}
