use std::io::{Cursor, Write};
use zip::result::ZipResult;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Compression {
    /// For uploads to Lambda.
    Best,
    /// For the lab.
    Fast,
}

/// Creates an archive with one executable. It is deterministic: the same bytes result in the same archive.
pub(crate) fn zip(name: &str, executable: &[u8], compression: Compression) -> ZipResult<Vec<u8>> {
    let level = match compression {
        Compression::Best => 9,
        Compression::Fast => 1,
    };
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(level))
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file(name, options)?;
    archive.write_all(executable)?;
    Ok(archive.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn archive_is_deterministic() {
        let executable: Vec<u8> = (0..100_000_u32).flat_map(|n| n.to_le_bytes()).collect();
        let archive = zip("bootstrap", &executable, Compression::Best).unwrap();
        assert_eq!(archive, zip("bootstrap", &executable, Compression::Best).unwrap());
        assert!(archive.len() < executable.len());

        let mut archive = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
        assert_eq!(archive.len(), 1);
        let mut file = archive.by_index(0).unwrap();
        assert_eq!(file.name(), "bootstrap");
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        assert_eq!(file.last_modified(), Some(DateTime::default()));
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        assert_eq!(content, executable);
    }
}
