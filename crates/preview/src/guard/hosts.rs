//! The names by which the server may be reached, and the origins that may change something.

use std::net::{IpAddr, SocketAddr};

/// The accepted values of `Host`. A page of another site that points its own name at this machine (DNS rebinding) has another one.
pub(crate) struct Hosts {
    address: SocketAddr,
    names: Vec<String>,
}

impl Hosts {
    pub(crate) fn new(address: SocketAddr, names: &[String]) -> Self {
        Self { address, names: names.iter().map(|name| name.to_ascii_lowercase()).collect() }
    }

    /// Returns true if a request may name this host.
    pub(crate) fn allows(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        if self.names.contains(&host) {
            return true;
        }
        let name = match host.rsplit_once(':') {
            Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host.as_str(),
        };
        if name == "localhost" || self.names.iter().any(|known| known == name) {
            return true;
        }
        let ip = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        // On all addresses each number is one of the machine. A number cannot be rebound.
        ip.is_ok_and(|ip| ip.is_loopback() || ip == self.address.ip() || self.address.ip().is_unspecified())
    }
}

/// Returns true if an `Origin` is the site of the request itself.
pub(crate) fn is_same_origin(origin: &str, host: &str) -> bool {
    let site = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    site.is_some_and(|site| site.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_and_the_address_are_allowed() {
        let hosts = Hosts::new("10.0.0.5:80".parse().unwrap(), &["Cameras.example".into()]);
        for host in
            ["localhost", "LOCALHOST:80", "127.0.0.1:8088", "[::1]:8088", "10.0.0.5", "cameras.example:443"]
        {
            assert!(hosts.allows(host), "{host}");
        }
    }

    #[test]
    fn names_of_others_are_refused() {
        let hosts = Hosts::new("127.0.0.1:80".parse().unwrap(), &["cameras.example".into()]);
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example:80",
            "10.0.0.5",
            "",
            ":",
            "[",
            "cameras.example.evil",
        ] {
            assert!(!hosts.allows(host), "{host}");
        }
    }

    #[test]
    fn an_origin_is_the_same_only_with_scheme_host_and_port() {
        assert!(is_same_origin("http://127.0.0.1:8088", "127.0.0.1:8088"));
        for origin in
            ["null", "http://127.0.0.1", "http://evil.example", "ftp://127.0.0.1:8088", "127.0.0.1:8088", ""]
        {
            assert!(!is_same_origin(origin, "127.0.0.1:8088"), "{origin}");
        }
    }
}
