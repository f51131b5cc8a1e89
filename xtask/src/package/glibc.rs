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

/// The newest version of glibc whose symbols an executable needs: an older one refuses to load it.
pub(super) fn newest(executable: &[u8]) -> Result<Version, String> {
    versions(executable)
        .map_err(|error| format!("it is no 64-bit ELF executable: {error}"))?
        .into_iter()
        .filter_map(|name| parse(&name))
        .max()
        .ok_or_else(|| "it names no version of glibc that it needs".to_owned())
}

/// The names of the versions that it needs of all its libraries, such as `GLIBC_2.34` and `GCC_3.0`.
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
    fn reads_what_this_very_program_needs() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(
            newest(&program).unwrap() >= Version(2, 17),
            "the oldest that Rust runs on"
        );
    }

    #[test]
    fn what_is_no_executable_is_refused() {
        assert!(newest(b"#!/bin/sh\n").unwrap_err().contains("no 64-bit ELF"));
    }
}
