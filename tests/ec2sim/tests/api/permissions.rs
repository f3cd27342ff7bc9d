//! IAM (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>).

use ec2sim::request::{CreateTags, Select};
use ec2sim::{Policy, Request, Tags};

use crate::region::{Region, deletion, detachment};

const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Sid": "Read", "Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"},
  {"Sid": "CreateInto", "Effect": "Allow", "Action": "ec2:CreateNetworkInterface",
   "Resource": ["arn:aws:ec2:*:*:subnet/*", "arn:aws:ec2:*:*:security-group/*"]},
  {"Sid": "CreateTagged", "Effect": "Allow", "Action": "ec2:CreateNetworkInterface",
   "Resource": "arn:aws:ec2:*:*:network-interface/*",
   "Condition": {"StringEquals": {"aws:RequestTag/cluster": "one"}}},
  {"Sid": "Tag", "Effect": "Allow", "Action": "ec2:CreateTags", "Resource": "arn:aws:ec2:*:*:network-interface/*",
   "Condition": {"StringEquals": {"ec2:CreateAction": "CreateNetworkInterface"},
                 "ForAllValues:StringEquals": {"aws:TagKeys": ["cluster", "node"]}}},
  {"Sid": "Ours", "Effect": "Allow", "Action": ["ec2:AttachNetworkInterface", "ec2:DetachNetworkInterface", "ec2:DeleteNetworkInterface"],
   "Resource": "arn:aws:ec2:*:*:network-interface/*",
   "Condition": {"StringEquals": {"aws:ResourceTag/cluster": "one"}}},
  {"Sid": "ToNode", "Effect": "Allow", "Action": ["ec2:AttachNetworkInterface", "ec2:DetachNetworkInterface"],
   "Resource": "arn:aws:ec2:*:*:instance/*"}]}"#;

fn region() -> (Region, Policy) {
    let region = Region::new();
    let policy: Policy = POLICY.parse().unwrap();
    region.ec2.set_policy(&policy);
    (region, policy)
}

fn ours() -> Tags {
    Tags::from([("cluster".into(), "one".into())])
}

#[test]
fn what_the_policy_allows_passes_and_each_statement_has_its_part() {
    let (region, policy) = region();
    let eni = region.created(region.creation().tagged(&ours())).network_interface_id;
    let attachment = region.attach(&eni, 1);
    region.describe(Select::default());
    region.call(detachment(&attachment)).unwrap();
    region.call(deletion(&eni)).unwrap();
    let mut all: Vec<&str> = policy.statements();
    all.sort_unstable();
    assert_eq!(region.ec2.granted(), all);
}

#[test]
fn without_any_one_statement_something_is_refused() {
    let (region, policy) = region();
    for statement in policy.statements() {
        region.ec2.set_policy(&policy.without(statement));
        let eni = region.subnet.eni().tag("cluster", "one").create().unwrap();
        let attached = region.subnet.eni().tag("cluster", "one").create().unwrap();
        let refused = [
            region.call(region.creation().tagged(&ours())).is_err(),
            region.call(region.attachment(attached.id(), 1)).is_err(),
            region.call(Request::DescribeSubnets(Select::default())).is_err(),
            region.call(deletion(eni.id())).is_err(),
        ];
        assert!(refused.contains(&true), "{statement}");
        if let Some(at) = attached.facts().unwrap().attachment {
            region.ec2.set_policy(&policy);
            region.call(detachment(at.attachment_id.as_str())).unwrap();
        }
    }
}

#[test]
fn enis_of_others_and_tags_that_are_not_ours_are_refused() {
    let (region, _) = region();
    let foreign = region.subnet.eni().tag("cluster", "two").create().unwrap();
    let refused = region.call(deletion(foreign.id())).unwrap_err();
    assert_eq!((refused.code.as_ref(), refused.status), ("UnauthorizedOperation", 403));
    assert_eq!(region.code(region.attachment(foreign.id(), 1)), "UnauthorizedOperation");
    assert_eq!(region.code(region.creation()), "UnauthorizedOperation");
    let mut more = ours();
    more.insert("colour".into(), "red".into());
    assert_eq!(region.code(region.creation().tagged(&more)), "UnauthorizedOperation");
    let later =
        CreateTags { resource_ids: vec![foreign.id().to_string()], tags: vec![("cluster".into(), "one".into())] };
    assert_eq!(region.code(later), "UnauthorizedOperation");
    assert!(region.fabric.enis().unwrap().len() == 1);
}

#[test]
fn a_principal_may_have_a_policy_and_keys_of_its_own() {
    let (region, _) = region();
    let own: Policy = r#"{"Version": "2012-10-17", "Statement": {"Sid": "Own", "Effect": "Allow", "Action": "*",
        "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/node": "${aws:PrincipalTag/node}"}}}}"#
        .parse()
        .unwrap();
    region.ec2.set_policy_of("n1", &own);
    region.ec2.set_key_of("n1", "aws:PrincipalTag/node", "n1");
    let (mine, other) = (
        region.subnet.eni().tag("node", "n1").create().unwrap(),
        region.subnet.eni().tag("node", "n2").create().unwrap(),
    );
    assert!(region.ec2.call("n1", deletion(mine.id())).outcome.is_ok());
    assert_eq!(region.ec2.call("n1", deletion(other.id())).outcome.unwrap_err().code, "UnauthorizedOperation");
}
