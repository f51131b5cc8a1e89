//! One type for each kind of id, so that ids cannot be confused with each other.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

/// Text that is not a valid Weka id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a valid {kind}<number>")]
pub struct InvalidId {
    /// The expected kind, such as `HostId`.
    kind: &'static str,
    text: String,
}

/// Parses `kind<n>`. `kind<INVALID>`, which Weka writes when there is no such object, returns `None`.
fn parse_number(kind: &'static str, text: &str) -> Result<Option<u32>, InvalidId> {
    let invalid = || InvalidId {
        kind,
        text: text.chars().take(40).collect(),
    };
    let inner = text
        .strip_prefix(kind)
        .and_then(|rest| rest.strip_prefix('<')?.strip_suffix('>'))
        .ok_or_else(invalid)?;
    match inner {
        "INVALID" => Ok(None),
        // Only digits: `parse` would also accept a sign.
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().map(Some).map_err(|_| invalid())
        }
        _ => Err(invalid()),
    }
}

macro_rules! numeric_id {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// Parses an id, or `None` if it is `INVALID`.
            ///
            /// # Errors
            /// [`InvalidId`] if the text is neither.
            pub fn parse(text: &str) -> Result<Option<Self>, InvalidId> {
                Ok(parse_number(stringify!($name), text)?.map(Self))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)?.ok_or_else(|| InvalidId { kind: stringify!($name), text: text.to_owned() })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "<{}>"), self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!(stringify!($name), "<number>"))
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

numeric_id!(
    /// A container of a Weka cluster, which the API calls a host: `HostId<4>`.
    HostId
);
numeric_id!(
    /// A process of a container: `NodeId<80>`.
    NodeId
);
numeric_id!(
    /// A drive in `disks_list`: `DiskId<7>`.
    DiskId
);

impl NodeId {
    /// Whether this is the management process of its container. Weka reserves twenty ids for each container, and the first
    /// is the management process.
    pub fn is_management(self) -> bool {
        self.0.is_multiple_of(20)
    }
}

macro_rules! text_id {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// The UUID that identifies a drive in API calls.
    DriveUuid
);
text_id!(
    /// An EC2 instance id: `i-0123456789abcdef0`.
    InstanceId
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_parse_and_display_as_kind_and_number() {
        assert_eq!("HostId<4>".parse(), Ok(HostId(4)));
        assert_eq!(HostId::parse("HostId<INVALID>"), Ok(None));
        assert_eq!(HostId(4).to_string(), "HostId<4>");
        for invalid in [
            "",
            "4",
            "HostId<>x",
            "HostId<-1>",
            "HostId<+1>",
            "HostId<4",
            "NodeId<4>",
            "HostId<99999999999>",
        ] {
            assert!(invalid.parse::<HostId>().is_err(), "{invalid}");
        }
        let error = "HostId<INVALID>".parse::<HostId>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "'HostId<INVALID>' is not a valid HostId<number>"
        );
    }

    #[test]
    fn first_process_of_a_container_is_the_management_process() {
        assert!(NodeId(0).is_management() && NodeId(80).is_management());
        assert!(!NodeId(81).is_management() && !NodeId(19).is_management());
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text: String) {
            let _ = NodeId::parse(&text);
        }

        #[test]
        fn display_and_parse_round_trip(n: u32) {
            prop_assert_eq!(DiskId::parse(&DiskId(n).to_string()), Ok(Some(DiskId(n))));
        }
    }
}
