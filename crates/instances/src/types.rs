//! How many cores and how much memory Weka gets on an instance, by its type.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The cores of each kind of container.
///
/// Read from stored settings they are held to the same limits as from the command line: compute and drive have at least one,
/// none has more than 128.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredCores")]
pub struct Cores {
    /// Cores of `compute0`.
    pub compute: u32,
    /// Cores of `frontend0`; without any there is no such container.
    pub frontend: u32,
    /// Cores of `drives0`.
    pub drive: u32,
}

impl Cores {
    /// All of them: an instance has a network interface for each.
    pub fn io_cores(self) -> u32 {
        self.compute + self.frontend + self.drive
    }

    /// What is wrong with these numbers, if anything is.
    fn fault(self) -> Option<&'static str> {
        if self.compute == 0 || self.drive == 0 {
            return Some("give compute or drive no core, and a backend needs one of each");
        }
        [self.compute, self.frontend, self.drive]
            .iter()
            .any(|number| *number > MAX_CORES)
            .then_some("give a container more than 128, which is taken for a slip")
    }
}

/// A number above is taken for a slip: Weka's own sizing gives no container more than 14. The sum of three cannot overflow.
const MAX_CORES: u32 = 128;

/// Cores as they are stored, not looked at yet.
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
        match cores.fault() {
            None => Ok(cores),
            Some(fault) => Err(InvalidProfile(format!(
                "cores compute={compute},frontend={frontend},drive={drive} {fault}"
            ))),
        }
    }
}

/// The memory of `compute0`, as Weka takes it: `31796436575B`, `32.9GB`. Read from stored settings it is checked as from the
/// command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ComputeMemory(String);

impl ComputeMemory {
    /// The size with its unit.
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

/// What Weka gets of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Cores.
    pub cores: Cores,
    /// Memory of the compute container.
    pub compute_memory: ComputeMemory,
}

/// What is wrong with cores or memory given by hand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidProfile(String);

impl FromStr for Cores {
    type Err = InvalidProfile;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |reason: String| {
            InvalidProfile(format!(
                "cores '{text}' {reason}: write them as compute=N,frontend=N,drive=N"
            ))
        };
        let (mut compute, mut frontend, mut drive) = (None, None, None);
        for part in text.split(',') {
            let (name, number) = part
                .split_once('=')
                .ok_or_else(|| bad(format!("have '{part}', without '='")))?;
            let slot = match name.trim() {
                "compute" => &mut compute,
                "frontend" => &mut frontend,
                "drive" => &mut drive,
                other => return Err(bad(format!("name '{other}', which is none of the three"))),
            };
            let number: u32 = number
                .trim()
                .parse()
                .map_err(|_| bad(format!("have '{number}', which is no number")))?;
            if slot.replace(number).is_some() {
                return Err(bad(format!("give {} twice", name.trim())));
            }
        }
        let missing = |name: &str| bad(format!("lack {name}"));
        let cores = Self {
            compute: compute.ok_or_else(|| missing("compute"))?,
            frontend: frontend.ok_or_else(|| missing("frontend"))?,
            drive: drive.ok_or_else(|| missing("drive"))?,
        };
        match cores.fault() {
            None => Ok(cores),
            Some(fault) => Err(bad(fault.to_owned())),
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
        let known = ["B", "MB", "MiB", "GB", "GiB", "TB", "TiB"].contains(&unit);
        if is_number && known && number.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidProfile(format!(
                "compute memory '{text}' is no size: write it as 31796436575B, 29.6GiB or 32GB"
            )))
        }
    }
}

/// Type, compute, frontend and drive cores, compute memory. From Weka's sizing of each type.
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
    ("i3en.24xlarge", 9, 1, 4, "602459825769B"),
    ("i8ge.2xlarge", 1, 1, 1, "32.9GB"),
    ("i8ge.3xlarge", 3, 1, 1, "62GB"),
    ("i8ge.6xlarge", 6, 1, 2, "136.5GB"),
    ("i8ge.12xlarge", 6, 1, 4, "310.7GB"),
    ("i8ge.18xlarge", 11, 1, 3, "347GB"),
    ("i8ge.24xlarge", 10, 1, 4, "384GB"),
    ("i8ge.48xlarge", 14, 1, 8, "384GB"),
    // Converged: Weka shares the instance with the user's own work.
    ("z1d.12xlarge", 2, 1, 1, "318122146852B"),
];

/// What Weka gets of an instance of this type; `None` for a type that is not known.
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

/// The types that are known.
pub fn known_types() -> impl Iterator<Item = &'static str> {
    TYPES.iter().map(|(name, ..)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_type_is_whole() {
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
    fn reads_cores_in_any_order() {
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
    fn says_what_is_wrong_with_cores() {
        for (text, reason) in [
            ("", "without '='"),
            ("compute=1,frontend=1", "lack drive"),
            ("compute=1,frontend=1,drive=0", "needs one of each"),
            ("compute=1,compute=1,drive=1", "compute twice"),
            ("compute=x,frontend=1,drive=1", "no number"),
            ("compute=-1,frontend=1,drive=1", "no number"),
            ("compute=1,frontend=129,drive=1", "more than 128"),
            ("compute=5000000000,frontend=1,drive=1", "no number"),
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
    fn what_is_stored_is_checked_as_it_is_read() {
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
            ("/cores/drive", serde_json::json!(0), "needs one of each"),
            ("/cores/frontend", serde_json::json!(1000), "more than 128"),
            ("/compute_memory", serde_json::json!("much"), "is no size"),
        ] {
            let mut bad = stored.clone();
            *bad.pointer_mut(field).unwrap() = value;
            let error = serde_json::from_value::<Profile>(bad).unwrap_err().to_string();
            assert!(error.contains(reason), "{field}: {error}");
        }
    }

    #[test]
    fn says_what_is_no_size() {
        for good in ["1B", "32.9GB", "29.6GiB"] {
            assert!(good.parse::<ComputeMemory>().is_ok(), "{good}");
        }
        for bad in ["", "GB", "0GB", "1", "1 GB", "1.GB", "-1GB", "1GB;rm", "1e3GB"] {
            assert!(bad.parse::<ComputeMemory>().is_err(), "{bad}");
        }
    }
}
