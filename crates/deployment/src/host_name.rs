//! A name under which clients reach the cluster.

use crate::resource::AliasRecord;
use std::fmt;
use std::str::FromStr;

/// A host's name in DNS: `weka.example.com`. It goes into the mount script, so that a wildcard is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(String);

/// Why a text is no host's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{name}' is no host name: {reason}; one is written like weka.example.com")]
pub struct InvalidHostName {
    name: String,
    reason: &'static str,
}

impl FromStr for HostName {
    type Err = InvalidHostName;

    /// By RFC 952 and RFC 1123; a dot may end it.
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
    /// The name, as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a hosted zone of this name may have records of it.
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
    fn names_that_hosts_may_bear() {
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
    fn a_zone_has_its_own_name_and_those_below() {
        let name: HostName = "Weka.example.com.".parse().unwrap();
        assert!(name.is_within("example.COM."));
        assert!(name.is_within("weka.example.com"));
        assert!(!name.is_within("ample.com"));
        assert!(!name.is_within("x.weka.example.com"));
        assert!(!name.is_within("example.org."));
    }
}
