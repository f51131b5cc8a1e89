//! How many cores and how much memory Weka uses on each instance type.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The number of cores of each container.
///
/// Parsing and deserializing apply the same limits: compute and drive have at least one core, and no container has more than 128.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredCores")]
pub struct Cores {
    /// Cores of the container `compute0`.
    pub compute: u32,
    /// Cores of the container `frontend0`; with 0, the container does not exist.
    pub frontend: u32,
    /// Cores of the container `drives0`.
    pub drive: u32,
}

impl Cores {
    /// The total: an instance has a secondary network interface for each I/O core.
    pub fn io_cores(self) -> u32 {
        self.compute + self.frontend + self.drive
    }

    /// Why these numbers are invalid; `None` if they are valid.
    fn invalid_reason(self) -> Option<&'static str> {
        if self.compute == 0 || self.drive == 0 {
            return Some("a backend needs at least one compute core and one drive core");
        }
        [self.compute, self.frontend, self.drive]
            .iter()
            .any(|number| *number > MAX_CORES)
            .then_some("a container has more than 128 cores")
    }
}

/// A larger number is treated as a typing error: Weka's own sizing uses at most 14. The sum of three cannot overflow.
const MAX_CORES: u32 = 128;

/// Stored cores, before validation.
#[derive(Deserialize)]
struct StoredCores {
    compute: u32,
    frontend: u32,
    drive: u32,
}

impl TryFrom<StoredCores> for Cores {
    type Error = InvalidProfile;

    fn try_from(stored: StoredCores) -> Result<Self, Self::Error> {
        let StoredCores {
            compute,
            frontend,
            drive,
        } = stored;
        let cores = Self {
            compute,
            frontend,
            drive,
        };
        match cores.invalid_reason() {
            None => Ok(cores),
            Some(reason) => Err(InvalidProfile(format!(
                "cores compute={compute},frontend={frontend},drive={drive}: {reason}"
            ))),
        }
    }
}

/// The memory of the container `compute0` in Weka's notation: `31796436575B`, `32.9GB`. Parsing and deserializing apply the same
/// check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ComputeMemory(String);

impl ComputeMemory {
    /// The size with its unit, such as `32.9GB`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ComputeMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ComputeMemory> for String {
    fn from(memory: ComputeMemory) -> Self {
        memory.0
    }
}

impl TryFrom<String> for ComputeMemory {
    type Error = InvalidProfile;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// The cores and the memory that Weka uses on an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub cores: Cores,
    pub compute_memory: ComputeMemory,
}

/// Why cores or memory are invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidProfile(String);

impl FromStr for Cores {
    type Err = InvalidProfile;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason: String| {
            InvalidProfile(format!(
                "invalid cores '{text}': {reason}; the format is compute=N,frontend=N,drive=N"
            ))
        };
        let (mut compute, mut frontend, mut drive) = (None, None, None);
        for part in text.split(',') {
            let (name, number) = part
                .split_once('=')
                .ok_or_else(|| invalid(format!("'{part}' has no '='")))?;
            let slot = match name.trim() {
                "compute" => &mut compute,
                "frontend" => &mut frontend,
                "drive" => &mut drive,
                other => return Err(invalid(format!("unknown container '{other}'"))),
            };
            let number: u32 = number
                .trim()
                .parse()
                .map_err(|_| invalid(format!("'{number}' is not a number")))?;
            if slot.replace(number).is_some() {
                return Err(invalid(format!("{} is given twice", name.trim())));
            }
        }
        let missing = |name: &str| invalid(format!("{name} is missing"));
        let cores = Self {
            compute: compute.ok_or_else(|| missing("compute"))?,
            frontend: frontend.ok_or_else(|| missing("frontend"))?,
            drive: drive.ok_or_else(|| missing("drive"))?,
        };
        match cores.invalid_reason() {
            None => Ok(cores),
            Some(reason) => Err(invalid(reason.to_owned())),
        }
    }
}

impl FromStr for ComputeMemory {
    type Err = InvalidProfile;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = &text[number.len()..];
        let decimal = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
        let is_number = match number.split_once('.') {
            None => decimal(number),
            Some((whole, part)) => decimal(whole) && decimal(part),
        };
        let has_unit = ["B", "MB", "MiB", "GB", "GiB", "TB", "TiB"].contains(&unit);
        if is_number && has_unit && number.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidProfile(format!(
                "invalid compute memory '{text}': write it as 31796436575B, 29.6GiB or 32GB"
            )))
        }
    }
}

/// Instance type; compute, frontend and drive cores; compute memory. The values are Weka's own sizing, which allows at most 384 GB
/// for a container (docs/weka-compatibility.md).
const TYPES: [(&str, u32, u32, u32, &str); 20] = [
    ("r3.2xlarge", 1, 1, 1, "30905689230B"),
    ("r3.4xlarge", 5, 1, 1, "71507949875B"),
    ("r3.8xlarge", 4, 1, 2, "183542333132B"),
    ("i3.2xlarge", 1, 1, 1, "29646994591B"),
    ("i3.4xlarge", 5, 1, 1, "67592831765B"),
    ("i3.8xlarge", 4, 1, 2, "182925137336B"),
    ("i3.16xlarge", 9, 1, 4, "351188766774B"),
    ("i3en.2xlarge", 1, 1, 1, "31796436575B"),
    ("i3en.3xlarge", 1, 1, 1, "55955545954B"),
    ("i3en.6xlarge", 4, 1, 2, "130433516148B"),
    ("i3en.12xlarge", 4, 1, 2, "312901542392B"),
    ("i3en.24xlarge", 9, 1, 4, "384GB"),
    ("i8ge.2xlarge", 1, 1, 1, "32.9GB"),
    ("i8ge.3xlarge", 3, 1, 1, "62GB"),
    ("i8ge.6xlarge", 6, 1, 2, "136.5GB"),
    ("i8ge.12xlarge", 6, 1, 4, "310.7GB"),
    ("i8ge.18xlarge", 11, 1, 3, "347GB"),
    ("i8ge.24xlarge", 10, 1, 4, "384GB"),
    ("i8ge.48xlarge", 14, 1, 8, "384GB"),
    // Converged: the instance also runs the user's own applications.
    ("z1d.12xlarge", 2, 1, 1, "318122146852B"),
];

/// The profile of an instance type; `None` if the type is unknown.
pub fn profile_of(instance_type: &str) -> Option<Profile> {
    TYPES
        .iter()
        .find(|(name, ..)| *name == instance_type)
        .map(|&(_, compute, frontend, drive, memory)| Profile {
            cores: Cores {
                compute,
                frontend,
                drive,
            },
            compute_memory: ComputeMemory(memory.to_owned()),
        })
}

/// All instance types that have a profile.
pub fn known_types() -> impl Iterator<Item = &'static str> {
    TYPES.iter().map(|(name, ..)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_type_has_a_valid_profile() {
        for name in known_types() {
            let profile = profile_of(name).unwrap();
            assert!(profile.cores.compute >= 1 && profile.cores.drive >= 1, "{name}");
            assert_eq!(
                profile.compute_memory.as_str().parse(),
                Ok(profile.compute_memory.clone()),
                "{name}"
            );
        }
        assert_eq!(profile_of("i3en.2xlarge").unwrap().cores.io_cores(), 3);
        assert_eq!(profile_of("t3.micro"), None);
    }

    #[test]
    fn cores_are_parsed_in_any_order() {
        let cores = "drive=2, compute=4,frontend=0".parse::<Cores>().unwrap();
        assert_eq!(
            cores,
            Cores {
                compute: 4,
                frontend: 0,
                drive: 2
            }
        );
    }

    #[test]
    fn invalid_cores_are_rejected_with_the_reason() {
        for (text, reason) in [
            ("", "has no '='"),
            ("compute=1,frontend=1", "drive is missing"),
            (
                "compute=1,frontend=1,drive=0",
                "at least one compute core and one drive core",
            ),
            ("compute=1,compute=1,drive=1", "compute is given twice"),
            ("compute=x,frontend=1,drive=1", "is not a number"),
            ("compute=-1,frontend=1,drive=1", "is not a number"),
            ("compute=1,frontend=129,drive=1", "more than 128"),
            ("compute=5000000000,frontend=1,drive=1", "is not a number"),
            ("compute=1,frontend=1,drive=1,disk=1", "'disk'"),
        ] {
            let error = text.parse::<Cores>().unwrap_err().to_string();
            assert!(
                error.contains(reason) && error.contains("compute=N"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn stored_profile_is_validated() {
        let profile = profile_of("i3en.2xlarge").unwrap();
        let stored = serde_json::to_value(&profile).unwrap();
        assert_eq!(
            stored,
            serde_json::json!({
                "cores": { "compute": 1, "frontend": 1, "drive": 1 },
                "compute_memory": "31796436575B",
            })
        );
        assert_eq!(
            serde_json::from_value::<Profile>(stored.clone()).unwrap(),
            profile
        );
        for (field, value, reason) in [
            (
                "/cores/drive",
                serde_json::json!(0),
                "at least one compute core and one drive core",
            ),
            ("/cores/frontend", serde_json::json!(1000), "more than 128"),
            (
                "/compute_memory",
                serde_json::json!("much"),
                "invalid compute memory",
            ),
        ] {
            let mut invalid = stored.clone();
            *invalid.pointer_mut(field).unwrap() = value;
            let error = serde_json::from_value::<Profile>(invalid)
                .unwrap_err()
                .to_string();
            assert!(error.contains(reason), "{field}: {error}");
        }
    }

    #[test]
    fn memory_without_valid_number_or_unit_is_rejected() {
        for valid in ["1B", "32.9GB", "29.6GiB"] {
            assert!(valid.parse::<ComputeMemory>().is_ok(), "{valid}");
        }
        for invalid in ["", "GB", "0GB", "1", "1 GB", "1.GB", "-1GB", "1GB;rm", "1e3GB"] {
            assert!(invalid.parse::<ComputeMemory>().is_err(), "{invalid}");
        }
    }
}
