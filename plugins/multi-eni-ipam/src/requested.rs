//! The addresses that the runtime asks for, by the order of the `static` plugin: `runtimeConfig.ips`, else
//! `args.cni.ips`, else `IP` of `CNI_ARGS`.

use cni::{Cidr, CniArgs, Code, NetworkConfig};
use serde_json::Value;
use std::net::IpAddr;

/// The addresses asked for, each once. The length of a prefix may stand behind one; the subnet's is answered anyway.
///
/// # Errors
/// Code 7, or 4 for `CNI_ARGS`, for what is no address.
pub(crate) fn of(config: &NetworkConfig, args: &CniArgs) -> Result<Vec<IpAddr>, cni::Error> {
    let lists = [("runtimeConfig.ips", config.runtime_config()), ("args.cni.ips", config.args_cni())];
    for (place, section) in lists {
        let texts = texts(place, section.and_then(|section| section.get("ips")))?;
        if !texts.is_empty() {
            return addresses(&texts).map_err(|text| refused(Code::CONFIG, place, &text));
        }
    }
    let texts: Vec<&str> =
        args.get("IP").unwrap_or_default().split(',').map(str::trim).filter(|text| !text.is_empty()).collect();
    addresses(&texts).map_err(|text| refused(Code::ENVIRONMENT, "IP in CNI_ARGS", &text))
}

fn texts<'a>(place: &str, value: Option<&'a Value>) -> Result<Vec<&'a str>, cni::Error> {
    let wrong = || cni::Error::new(Code::CONFIG, format!("{place} has to be a list of addresses"));
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(|one| one.as_str().ok_or_else(wrong)).collect(),
        Some(_) => Err(wrong()),
    }
}

fn addresses(texts: &[&str]) -> Result<Vec<IpAddr>, String> {
    let mut addresses = Vec::new();
    for &text in texts {
        let address =
            text.parse().or_else(|_| text.parse().map(|cidr: Cidr| cidr.ip())).map_err(|_| text.to_string())?;
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

fn refused(code: Code, place: &str, text: &str) -> cni::Error {
    cni::Error::new(code, format!("{place}: {text:?} is no address, with or without a prefix length"))
}

#[cfg(test)]
mod tests;
