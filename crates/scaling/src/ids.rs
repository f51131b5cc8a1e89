//! A type per kind of id, so that one is never taken for another.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

/// An id that is not of the form in which Weka writes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not of the form {kind}<number>")]
pub struct InvalidId {
    /// What was to be read, such as `HostId`.
    kind: &'static str,
    /// What stands there.
    text: String,
}

/// Reads `kind<n>`: the number, or none for `kind<INVALID>`, which is how Weka writes that there is none.
fn number(kind: &'static str, text: &str) -> Result<Option<u32>, InvalidId> {
    let bad = || InvalidId {
        kind,
        text: text.chars().take(40).collect(),
    };
    let inner = text
        .strip_prefix(kind)
        .and_then(|rest| rest.strip_prefix('<')?.strip_suffix('>'))
        .ok_or_else(bad)?;
    match inner {
        "INVALID" => Ok(None),
        // Digits alone: `parse` would take a sign as well.
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().map(Some).map_err(|_| bad())
        }
        _ => Err(bad()),
    }
}

macro_rules! numbered {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// Reads an id that may be `INVALID`: then none.
            ///
            /// # Errors
            /// [`InvalidId`] if the text is neither.
            pub fn read(text: &str) -> Result<Option<Self>, InvalidId> {
                Ok(number(stringify!($name), text)?.map(Self))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::read(text)?.ok_or_else(|| InvalidId { kind: stringify!($name), text: text.to_owned() })
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

numbered!(
    /// A container of a Weka cluster, which Weka's API calls a host: `HostId<4>`.
    HostId
);
numbered!(
    /// A process of a container: `NodeId<80>`.
    NodeId
);
numbered!(
    /// A drive in Weka's list: `DiskId<7>`.
    DiskId
);

impl NodeId {
    /// Whether it is the management process of its container: Weka gives each container twenty ids, the first to this.
    pub fn is_management(self) -> bool {
        self.0.is_multiple_of(20)
    }
}

macro_rules! text {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// As AWS or Weka writes it.
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

text!(
    /// The uuid by which Weka's calls name a drive.
    DriveUuid
);
text!(
    /// An EC2 instance: `i-0123456789abcdef0`.
    InstanceId
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_is_its_kind_and_a_number() {
        assert_eq!("HostId<4>".parse(), Ok(HostId(4)));
        assert_eq!(HostId::read("HostId<INVALID>"), Ok(None));
        assert_eq!(HostId(4).to_string(), "HostId<4>");
        for bad in [
            "",
            "4",
            "HostId<>x",
            "HostId<-1>",
            "HostId<+1>",
            "HostId<4",
            "NodeId<4>",
            "HostId<99999999999>",
        ] {
            assert!(bad.parse::<HostId>().is_err(), "{bad}");
        }
        let error = "HostId<INVALID>".parse::<HostId>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "'HostId<INVALID>' is not of the form HostId<number>"
        );
    }

    #[test]
    fn a_container_s_first_process_manages_it() {
        assert!(NodeId(0).is_management() && NodeId(80).is_management());
        assert!(!NodeId(81).is_management() && !NodeId(19).is_management());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = NodeId::read(&text);
        }

        #[test]
        fn is_written_as_it_is_read(n: u32) {
            prop_assert_eq!(DiskId::read(&DiskId(n).to_string()), Ok(Some(DiskId(n))));
        }
    }
}
