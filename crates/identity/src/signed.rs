//! The signed document: `SignedData` of CMS (RFC 5652) in BER, as the metadata service returns it at
//! `instance-identity/rsa2048`.
//!
//! The signature covers the signed attributes only, and they cover the content. Everything else has exactly one accepted form.

use crate::certificate::Certificate;
use crate::der::{
    CONSTRUCTED_OCTET_STRING, CONTEXT_0, INTEGER, Malformed, OBJECT_IDENTIFIER, OCTET_STRING,
    RSA_WITH_SHA_256, Reader, SEQUENCE, SET, SHA_256,
};
use crate::document::Document;
use crate::refusal::Refusal;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

/// The largest text that is read, in bytes. A document has about 1,500; API Gateway limits all headers together to 10,240 bytes.
pub const MAX_TEXT: usize = 8192;
/// The number of bytes of an RSA-2048 signature.
const SIGNATURE: usize = 256;

const SIGNED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const CONTENT_TYPE: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03";
const MESSAGE_DIGEST: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04";
/// Version 1, as a whole element.
const VERSION_1: &[u8] = b"\x02\x01\x01";

/// A signature to verify: RSA (PKCS #1 v1.5) with SHA-256.
#[derive(Debug, Clone, Copy)]
pub struct RsaSignature<'a> {
    /// `RSAPublicKey` of PKCS #1, in DER.
    pub public_key: &'a [u8],
    pub message: &'a [u8],
    pub signature: &'a [u8],
}

/// Reads a document, in base64 without line breaks, and verifies its signature. `is_valid` is the RSA verification.
///
/// # Errors
/// [`Refusal::InvalidDocument`] or [`Refusal::InvalidSignature`].
pub fn verify(
    text: &str,
    certificate: &Certificate,
    is_valid: impl FnOnce(RsaSignature<'_>) -> bool,
) -> Result<Document, Refusal> {
    if text.len() > MAX_TEXT {
        return Err(Refusal::InvalidDocument);
    }
    let bytes = BASE64_STANDARD
        .decode(text)
        .map_err(|_| Refusal::InvalidDocument)?;
    let signed = read(&bytes).map_err(|Malformed| Refusal::InvalidDocument)?;
    let content = signed.content.concat();
    // The attributes are signed as a SET, although the message has them with another tag (RFC 5652, 5.4).
    let mut message = signed.attributes.to_owned();
    message[0] = SET;
    let signature = RsaSignature {
        public_key: &certificate.public_key,
        message: &message,
        signature: signed.signature,
    };
    if signed.issuer != certificate.issuer
        || signed.serial != certificate.serial
        || signed.digest != Sha256::digest(&content).as_slice()
        || !is_valid(signature)
    {
        return Err(Refusal::InvalidSignature);
    }
    Document::parse(&content)
}

/// The parts of a signed document.
struct Signed<'a> {
    /// In chunks.
    content: Vec<&'a [u8]>,
    issuer: &'a [u8],
    serial: &'a [u8],
    /// The whole element, with the tag that it has in the message.
    attributes: &'a [u8],
    /// The attribute messageDigest.
    digest: &'a [u8],
    signature: &'a [u8],
}

fn read(bytes: &[u8]) -> Result<Signed<'_>, Malformed> {
    let mut reader = Reader::new(bytes);
    let signed = reader.within_any(SEQUENCE, |info| {
        info.identifier(SIGNED_DATA)?;
        info.within_any(CONTEXT_0, |explicit| {
            explicit.within_any(SEQUENCE, Reader::signed_data)
        })
    })?;
    reader.end()?;
    Ok(signed)
}

impl<'a> Reader<'a> {
    fn identifier(&mut self, identifier: &[u8]) -> Result<(), Malformed> {
        if self.element(OBJECT_IDENTIFIER)? == identifier {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    fn signed_data(&mut self) -> Result<Signed<'a>, Malformed> {
        self.exactly(VERSION_1)?;
        self.within(SET, |algorithms| algorithms.exactly(SHA_256))?;
        let content = self.within_any(SEQUENCE, |content| {
            content.identifier(DATA)?;
            content.within_any(CONTEXT_0, Self::octets)
        })?;
        // AWS embeds no certificates. The only signer is the only element of the set.
        let signer = self.within(SET, |signers| signers.within(SEQUENCE, Self::signer))?;
        Ok(Signed { content, ..signer })
    }

    /// The chunks of a string. A writer of BER splits it into chunks of equal length, except for the last.
    fn octets(&mut self) -> Result<Vec<&'a [u8]>, Malformed> {
        if self.is_at(OCTET_STRING) {
            return Ok(vec![self.element(OCTET_STRING)?]);
        }
        self.within_any(CONSTRUCTED_OCTET_STRING, |string| {
            let mut chunks = vec![string.element(OCTET_STRING)?];
            let length = chunks[0].len();
            while string.is_at(OCTET_STRING) {
                if chunks.last().is_none_or(|chunk| chunk.len() != length) {
                    return Err(Malformed);
                }
                let chunk = string.element(OCTET_STRING)?;
                if chunk.is_empty() || chunk.len() > length {
                    return Err(Malformed);
                }
                chunks.push(chunk);
            }
            Ok(chunks)
        })
    }

    /// `SignerInfo`, without the content.
    fn signer(&mut self) -> Result<Signed<'a>, Malformed> {
        self.exactly(VERSION_1)?;
        let (issuer, serial) = self.within(SEQUENCE, |id| Ok((id.whole(SEQUENCE)?, id.whole(INTEGER)?)))?;
        self.exactly(SHA_256)?;
        let attributes = self.whole(CONTEXT_0)?;
        let digest = Reader::new(attributes).within(CONTEXT_0, Self::attributes)?;
        self.exactly(RSA_WITH_SHA_256)?;
        let signature = self.element(OCTET_STRING)?;
        if signature.len() != SIGNATURE {
            return Err(Malformed);
        }
        Ok(Signed {
            content: Vec::new(),
            issuer,
            serial,
            attributes,
            digest,
            signature,
        })
    }

    /// The signed attributes: the content's type and its digest, each once, and others. Returns the digest.
    fn attributes(&mut self) -> Result<&'a [u8], Malformed> {
        let (mut digest, mut content_type) = (None, None);
        while self.end().is_err() {
            let (name, mut value) = self.within(SEQUENCE, |attribute| {
                let name = attribute.element(OBJECT_IDENTIFIER)?;
                Ok((name, Reader::new(attribute.element(SET)?)))
            })?;
            let repeated = match name {
                CONTENT_TYPE => content_type.replace(value.identifier(DATA)?).is_some(),
                MESSAGE_DIGEST => digest.replace(value.element(OCTET_STRING)?).is_some(),
                _ => continue,
            };
            value.end()?;
            if repeated {
                return Err(Malformed);
            }
        }
        content_type.and(digest).ok_or(Malformed)
    }
}
