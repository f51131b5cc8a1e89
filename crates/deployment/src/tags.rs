//! The tags that identify wekactl's resources, and the tags of the user.

use crate::names::{ClusterName, HostGroup};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The prefix of wekactl's tags.
pub const PREFIX: &str = "wekactl.io/";
/// The cluster that owns the resource.
pub const CLUSTER_NAME: &str = "wekactl.io/cluster_name";
pub const HOSTGROUP_NAME: &str = "wekactl.io/hostgroup_name";
/// `backend` or `client`.
pub const HOSTGROUP_TYPE: &str = "wekactl.io/hostgroup_type";
/// The use of an IAM role.
pub const USE: &str = "wekactl.io/use";
/// The stack that the cluster was imported from (on the table only).
pub const STACK_ID: &str = "wekactl.io/stack_id";
pub const VERSION: &str = "wekactl.io/version";

/// The number of tags that AWS allows on a resource.
const MAX_TAGS: usize = 50;
/// The number reserved for wekactl: a resource has at most that many.
const RESERVED: usize = 8;

/// Tags, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(pub BTreeMap<String, String>);

impl Tags {
    /// The tags of every resource of a cluster. wekactl's tags replace the user's.
    pub fn managed(cluster: &ClusterName, group: Option<HostGroup>, version: &str, user: &Self) -> Self {
        let mut tags = user.clone();
        tags.set("wekactl.io/managed", "true");
        tags.set("wekactl.io/api_version", "v1");
        tags.set(VERSION, version);
        tags.set(CLUSTER_NAME, cluster.as_str());
        if let Some(group) = group {
            tags.set(HOSTGROUP_NAME, group.name());
            tags.set(HOSTGROUP_TYPE, group.role());
        }
        tags
    }

    /// Reads `key=value` arguments.
    ///
    /// # Errors
    /// All errors together.
    pub fn from_arguments<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<Self, Vec<InvalidTag>> {
        let mut tags = Self::default();
        let mut errors = Vec::new();
        for argument in arguments {
            match parse(argument) {
                // IAM compares tag keys without case.
                Ok((key, _)) if tags.iter().any(|(other, _)| other.eq_ignore_ascii_case(key)) => {
                    errors.push(InvalidTag(format!("tag '{key}' is given twice")));
                }
                Ok((key, value)) => tags.set(key, value),
                Err(error) => errors.push(error),
            }
        }
        if tags.0.len() > MAX_TAGS - RESERVED {
            errors.push(InvalidTag(format!(
                "{} tags are given, at most {} are allowed",
                tags.0.len(),
                MAX_TAGS - RESERVED
            )));
        }
        if errors.is_empty() { Ok(tags) } else { Err(errors) }
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    pub fn set(&mut self, key: &str, value: &str) {
        self.0.insert(key.to_owned(), value.to_owned());
    }

    /// Whether a resource with these tags belongs to `cluster`.
    pub fn are_of(&self, cluster: &ClusterName) -> bool {
        self.get(CLUSTER_NAME) == Some(cluster.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The tags that `actual` lacks or has with another value. Tags that only `actual` has belong to the user.
    pub fn missing_in(&self, actual: &Self) -> Self {
        self.iter()
            .filter(|(key, value)| actual.get(key) != Some(value))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, String)> for Tags {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(tags: I) -> Self {
        Self(tags.into_iter().collect())
    }
}

/// Why a tag argument is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTag(String);

fn parse(argument: &str) -> Result<(&str, &str), InvalidTag> {
    let invalid = |reason: &str| Err(InvalidTag(format!("tag '{argument}' {reason}")));
    let Some((key, value)) = argument.split_once('=') else {
        return invalid("has no '=': use key=value");
    };
    if value.contains('=') {
        return invalid("has several '=': use key=value");
    }
    if key.is_empty() {
        return invalid("has no key: use key=value");
    }
    let lower = key.to_ascii_lowercase();
    if lower.starts_with(PREFIX) || lower.starts_with("aws:") {
        return invalid("is reserved: a key may not begin with 'wekactl.io/' or 'aws:'");
    }
    if key.chars().count() > 128 {
        return invalid("has a key longer than 128 characters");
    }
    if value.chars().count() > 256 {
        return invalid("has a value longer than 256 characters");
    }
    let allowed = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/+-@".contains(c);
    if !argument.chars().all(|c| c == '=' || allowed(c)) {
        return invalid(
            "has characters that AWS does not allow: letters, digits, spaces and _ . : / + - @ are",
        );
    }
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wekactl_tags_replace_user_tags() {
        let user = Tags::from_arguments(["env=prod", "team=storage"]).unwrap();
        let tags = Tags::managed(&"wk".parse().unwrap(), Some(HostGroup::Backends), "v3", &user);
        let text: Vec<_> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            text,
            [
                "env=prod",
                "team=storage",
                "wekactl.io/api_version=v1",
                "wekactl.io/cluster_name=wk",
                "wekactl.io/hostgroup_name=Backends",
                "wekactl.io/hostgroup_type=backend",
                "wekactl.io/managed=true",
                "wekactl.io/version=v3",
            ]
        );
        assert!(tags.are_of(&"wk".parse().unwrap()));
        assert!(!tags.are_of(&"wk-2".parse().unwrap()));
    }

    #[test]
    fn all_invalid_tags_are_reported_together() {
        let long_key = format!("{}=v", "k".repeat(129));
        let long_value = format!("k={}", "v".repeat(257));
        let arguments = [
            "env",
            "a=b=c",
            "=v",
            "wekactl.io/x=1",
            "AWS:x=1",
            "e=1",
            "E=2",
            "q=?",
            &long_key,
            &long_value,
        ];
        let errors: Vec<_> = Tags::from_arguments(arguments)
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect();
        for (error, part) in errors.iter().zip([
            "'env' has no '='",
            "several '='",
            "has no key",
            "is reserved",
            "is reserved",
            "'E' is given twice",
            "does not allow",
            "key longer than 128",
            "value longer than 256",
        ]) {
            assert!(error.contains(part), "{error}: {part}");
        }
        assert_eq!(errors.len(), 9);
    }

    #[test]
    fn at_most_42_user_tags_are_allowed() {
        let arguments: Vec<_> = (0..43).map(|n| format!("k{n}=v")).collect();
        assert!(Tags::from_arguments(arguments[..42].iter().map(String::as_str)).is_ok());
        assert!(Tags::from_arguments(arguments.iter().map(String::as_str)).is_err());
    }

    #[test]
    fn missing_tags_are_those_that_differ() {
        let want: Tags = [("a".into(), "1".into()), ("b".into(), "2".into())]
            .into_iter()
            .collect();
        let have: Tags = [("b".into(), "x".into()), ("c".into(), "3".into())]
            .into_iter()
            .collect();
        assert_eq!(want.missing_in(&have), want);
        assert!(want.missing_in(&want).is_empty());
    }
}
