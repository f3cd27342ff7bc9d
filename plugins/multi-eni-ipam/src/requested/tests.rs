use super::*;
use cni::Version;
use serde_json::json;

fn read(runtime: &Value, args: &Value, variable: &str) -> Result<Vec<String>, cni::Error> {
    let raw = json!({"runtimeConfig": {"ips": runtime}, "args": {"cni": {"ips": args}}});
    let config = NetworkConfig {
        version: Version::V1_0_0,
        name: "n".parse().unwrap(),
        plugin_type: None,
        ipam_type: None,
        dns: None,
        prev_result: None,
        raw: raw.as_object().unwrap().clone(),
    };
    let found = of(&config, &CniArgs::parse(variable).unwrap())?;
    Ok(found.iter().map(ToString::to_string).collect())
}

#[test]
fn the_first_of_the_three_places_that_has_any_counts() {
    let (runtime, args) = (json!(["10.0.3.5/24"]), json!(["10.0.3.6"]));
    assert_eq!(read(&runtime, &args, "IP=10.0.3.7").unwrap(), ["10.0.3.5"]);
    assert_eq!(read(&json!([]), &args, "IP=10.0.3.7").unwrap(), ["10.0.3.6"]);
    assert_eq!(read(&Value::Null, &Value::Null, "IP=10.0.3.7/32, fd00::1").unwrap(), ["10.0.3.7", "fd00::1"]);
    assert!(read(&Value::Null, &Value::Null, "").unwrap().is_empty());
}

#[test]
fn an_address_asked_for_twice_is_one() {
    assert_eq!(read(&json!(["10.0.3.5", "10.0.3.5/24"]), &Value::Null, "").unwrap(), ["10.0.3.5"]);
}

#[test]
fn what_is_no_address_is_refused() {
    for bad in [json!(["10.0.3"]), json!("10.0.3.5"), json!([7]), json!(["10.0.3.5/33"])] {
        assert_eq!(read(&bad, &Value::Null, "").unwrap_err().code, Code::CONFIG, "{bad}");
    }
    assert_eq!(read(&Value::Null, &Value::Null, "IP=x").unwrap_err().code, Code::ENVIRONMENT);
}
