//! A reader of DER, and of BER's indefinite lengths where they are allowed.
//!
//! It does not recurse and does not allocate: the caller's grammar bounds the depth.

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const CONSTRUCTED_OCTET_STRING: u8 = 0x24;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// Context-specific, constructed, number 0.
pub(crate) const CONTEXT_0: u8 = 0xa0;

/// SHA-256, with NULL parameters.
pub(crate) const SHA_256: &[u8] = b"\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00";
/// RSA (PKCS #1 v1.5) with SHA-256, with NULL parameters.
pub(crate) const RSA_WITH_SHA_256: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00";

/// The bytes are not what the grammar needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    pub(crate) fn is_at(&self, tag: u8) -> bool {
        self.rest.first() == Some(&tag)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    /// These bytes.
    pub(crate) fn exactly(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        self.rest = self.rest.strip_prefix(bytes).ok_or(Malformed)?;
        Ok(())
    }

    /// The contents of an element with a definite length, encoded in as few bytes as possible.
    pub(crate) fn element(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        self.exactly(&[tag])?;
        let length = match *self.take(1)? {
            [short @ 0..=0x7f] => usize::from(short),
            [0x81] => match *self.take(1)? {
                [length @ 0x80..=0xff] => usize::from(length),
                _ => return Err(Malformed),
            },
            [0x82] => match *self.take(2)? {
                [high @ 1..=0xff, low] => usize::from(high) << 8 | usize::from(low),
                _ => return Err(Malformed),
            },
            _ => return Err(Malformed),
        };
        self.take(length)
    }

    /// An element with its tag and length.
    pub(crate) fn whole(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        let start = self.rest;
        self.element(tag)?;
        Ok(&start[..start.len() - self.rest.len()])
    }

    /// Reads the contents of an element that has a definite length.
    pub(crate) fn within<T>(
        &mut self,
        tag: u8,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        let mut contents = Self::new(self.element(tag)?);
        let value = read(&mut contents)?;
        contents.end()?;
        Ok(value)
    }

    /// Reads the contents of an element that has a definite or an indefinite length.
    pub(crate) fn within_any<T>(
        &mut self,
        tag: u8,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        if !self.rest.starts_with(&[tag, 0x80]) {
            return self.within(tag, read);
        }
        self.take(2)?;
        let value = read(self)?;
        self.exactly(&[0, 0])?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shortest_length_is_accepted() {
        let long = |head: &[u8], length: usize| [head, &vec![7; length]].concat();
        for (bytes, length) in [
            (long(&[4, 0], 0), Some(0)),
            (long(&[4, 0x7f], 0x7f), Some(0x7f)),
            (long(&[4, 0x81, 0x80], 0x80), Some(0x80)),
            (long(&[4, 0x82, 1, 0], 0x100), Some(0x100)),
            (long(&[4, 0x81, 0x7f], 0x7f), None),
            (long(&[4, 0x82, 0, 0x80], 0x80), None),
            (long(&[4, 0x83, 0, 1, 0], 0x100), None),
            (long(&[4, 0x80], 0), None),
            (long(&[4, 0x81], 0), None),
            (long(&[4, 5], 4), None),
            (long(&[5, 0], 0), None),
            (vec![4], None),
            (vec![], None),
        ] {
            let element = Reader::new(&bytes).element(OCTET_STRING);
            assert_eq!(element.ok().map(<[u8]>::len), length, "{bytes:?}");
        }
    }

    #[test]
    fn indefinite_length_needs_its_end() {
        for (bytes, valid) in [
            (&b"\x30\x80\x04\x01x\x00\x00"[..], true),
            (b"\x30\x03\x04\x01x", true),
            (b"\x30\x80\x04\x01x\x00", false),
            (b"\x30\x80\x04\x01x", false),
            (b"\x30\x80\x04\x01x\x04\x00\x00\x00", false),
            (b"\x30\x05\x04\x01x\x00\x00", false),
        ] {
            let read = Reader::new(bytes).within_any(SEQUENCE, |inner| inner.element(OCTET_STRING));
            assert_eq!(read.ok(), valid.then_some(&b"x"[..]), "{bytes:?}");
        }
    }
}
