use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, elf};
use std::fmt;

/// A version of the GNU C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub(super) u32, pub(super) u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// Returns the newest glibc version that an executable needs. An older glibc refuses to load it.
pub(super) fn newest_needed(executable: &[u8]) -> Result<Version, String> {
    versions(executable)
        .map_err(|error| format!("it is not a 64-bit ELF executable: {error}"))?
        .into_iter()
        .filter_map(|name| parse(&name))
        .max()
        .ok_or_else(|| "it does not name the glibc versions it needs".to_owned())
}

/// Returns the symbol versions that it needs from all libraries, such as `GLIBC_2.34` and `GCC_3.0`.
fn versions(executable: &[u8]) -> object::read::Result<Vec<String>> {
    let header = elf::FileHeader64::<Endianness>::parse(executable)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, executable)?;
    let mut names = Vec::new();
    for section in sections.iter() {
        let Some((mut libraries, strings)) = section.gnu_verneed(endian, executable)? else {
            continue;
        };
        let strings = sections.strings(endian, executable, strings)?;
        while let Some((_, mut needed)) = libraries.next()? {
            while let Some(version) = needed.next()? {
                names.push(String::from_utf8_lossy(version.name(endian, strings)?).into_owned());
            }
        }
    }
    Ok(names)
}

fn parse(name: &str) -> Option<Version> {
    let mut parts = name
        .strip_prefix("GLIBC_")?
        .split('.')
        .map(|part| part.parse().ok());
    Some(Version(parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(parse("GLIBC_2.2.5"), Some(Version(2, 2)));
        assert!(parse("GLIBC_2.9") < parse("GLIBC_2.34"));
        for other in ["GCC_3.0", "GLIBC_PRIVATE", "GLIBC_2"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn newest_version_is_read_from_this_test_program() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(
            newest_needed(&program).unwrap() >= Version(2, 17),
            "Rust needs at least glibc 2.17"
        );
    }

    #[test]
    fn file_that_is_not_an_executable_is_refused() {
        assert!(
            newest_needed(b"#!/bin/sh\n")
                .unwrap_err()
                .contains("not a 64-bit ELF")
        );
    }
}
