use reqwest::Url;
use std::net::IpAddr;

/// A backend of the cluster.
#[derive(Debug)]
pub(crate) struct Backend {
    /// The index in the client's order.
    pub(crate) index: usize,
    /// The name or address that the caller passed.
    pub(crate) name: String,
    /// `None` if the name is not a valid host.
    pub(crate) url: Option<Url>,
    pub(crate) is_last: bool,
}

impl Backend {
    /// The URL of the API on `host`, an address or a name.
    pub(crate) fn url(scheme: &str, host: &str, port: u16) -> Option<Url> {
        let host = match host.parse() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            Ok(IpAddr::V4(address)) => address.to_string(),
            // No character that would turn it into another host or a path.
            Err(_)
                if host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) =>
            {
                host.to_owned()
            }
            Err(_) => return None,
        };
        Url::parse(&format!("{scheme}://{host}:{port}/api/v1")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_an_address_or_a_name() {
        let url = |host| Backend::url("https", host, 14000).map(String::from);
        assert_eq!(url("10.0.0.1").unwrap(), "https://10.0.0.1:14000/api/v1");
        assert_eq!(url("fd00::1").unwrap(), "https://[fd00::1]:14000/api/v1");
        assert_eq!(
            url("weka.example.com").unwrap(),
            "https://weka.example.com:14000/api/v1"
        );
        for invalid in [
            "",
            "a b",
            "user@host",
            "host/path",
            "host:1",
            "[::1]",
            "host?x",
            "é",
        ] {
            assert_eq!(url(invalid), None, "{invalid}");
        }
    }
}
