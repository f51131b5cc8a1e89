//! The DNS name with which clients reach the cluster.

use crate::resource::AliasRecord;
use std::fmt;
use std::str::FromStr;

/// A DNS host name: `weka.example.com`. It is used in the mount script, so wildcards are not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(String);

/// Why a text is not a valid host name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{name}' is not a valid host name: {reason}; example: weka.example.com")]
pub struct InvalidHostName {
    name: String,
    reason: &'static str,
}

impl FromStr for HostName {
    type Err = InvalidHostName;

    /// Syntax of RFC 952 and RFC 1123, with an optional final dot.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let labels = || name.strip_suffix('.').unwrap_or(name).split('.');
        let reason = if name.len() > 253 {
            "it is longer than 253 characters"
        } else if !labels().all(|label| (1..=63).contains(&label.len())) {
            "each part has 1 to 63 characters"
        } else if !labels().all(|label| label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')) {
            "it has characters other than letters, digits, hyphens and dots"
        } else if labels().any(|label| label.starts_with('-') || label.ends_with('-')) {
            "a part begins or ends with a hyphen"
        } else {
            return Ok(Self(name.to_owned()));
        };
        Err(InvalidHostName {
            name: name.to_owned(),
            reason,
        })
    }
}

impl HostName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name is in the hosted zone with the name `zone`.
    pub fn is_within(&self, zone: &str) -> bool {
        let (name, zone) = (AliasRecord::comparable(&self.0), AliasRecord::comparable(zone));
        let rest = name.strip_suffix(&zone);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_validated() {
        for good in [
            "weka.example.com",
            "weka.example.com.",
            "WEKA",
            "1.weka-2.x",
            "10.0.0.1",
        ] {
            assert_eq!(good.parse::<HostName>().unwrap().as_str(), good);
        }
        let long = format!("{}.com", "x".repeat(64));
        let longer = "x.".repeat(127);
        let bad = [
            ("", "1 to 63"),
            (".", "1 to 63"),
            ("weka..com", "1 to 63"),
            (&long, "1 to 63"),
            (&longer, "longer"),
            ("*.example.com", "characters"),
            ("weka.example.com/x", "characters"),
            ("a b", "characters"),
            ("$(id)", "characters"),
            ("wéka.com", "characters"),
            ("-weka.com", "hyphen"),
            ("weka-.com", "hyphen"),
        ];
        for (name, reason) in bad {
            let error = name.parse::<HostName>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn zone_contains_its_own_name_and_subdomains() {
        let name: HostName = "Weka.example.com.".parse().unwrap();
        assert!(name.is_within("example.COM."));
        assert!(name.is_within("weka.example.com"));
        assert!(!name.is_within("ample.com"));
        assert!(!name.is_within("x.weka.example.com"));
        assert!(!name.is_within("example.org."));
    }
}
