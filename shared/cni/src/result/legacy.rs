//! The results of 0.1.0 and 0.2.0: `ip4` and `ip6`, each `{ip, gateway, routes}`.

use serde_json::Value;

use super::decode::{dns_of, route};
use super::field::Object;
use super::{CniResult, DecodeError, IpConfig, Route};

pub(super) fn result(object: Object<'_>) -> Result<CniResult, DecodeError> {
    let mut result = CniResult { dns: dns_of(object)?, ..CniResult::default() };
    for key in ["ip4", "ip6"] {
        if let Some(value) = object.present(key) {
            let (ip, routes) = family(value, key)?;
            result.ips.push(ip);
            result.routes.extend(routes);
        }
    }
    Ok(result)
}

fn family(value: &Value, key: &str) -> Result<(IpConfig, Vec<Route>), DecodeError> {
    let object = Object::new(value, key)?;
    let ip = IpConfig { interface: None, address: object.required("ip")?, gateway: object.parsed("gateway")? };
    if ip.address.is_ipv4() != (key == "ip4") {
        return Err(DecodeError::Invalid {
            at: object.path("ip"),
            reason: "is of the other address family".to_owned(),
        });
    }
    Ok((ip, object.each("routes", route)?))
}
