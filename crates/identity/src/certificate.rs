use crate::der::{BIT_STRING, CONTEXT_0, INTEGER, Malformed, RSA_WITH_SHA_256, Reader, SEQUENCE};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
/// RSA, with NULL parameters.
const RSA: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
/// The bytes of a modulus of 2,048 bits. A zero precedes it, because its first bit is set.
const MODULUS: usize = 257;
const EXPONENT: &[u8] = b"\x01\x00\x01";

/// The certificate that verifies the identity documents of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The issuer's name and the serial number, each as a whole element: they name the certificate in a signature.
    pub(crate) issuer: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    /// `RSAPublicKey` of PKCS #1, in DER.
    pub(crate) public_key: Vec<u8>,
}

/// The text is not a certificate that can verify identity documents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCertificate {
    #[error("not one certificate in PEM")]
    NotPem,
    #[error("not an X.509 certificate with a 2048-bit RSA key that is signed with SHA-256")]
    NotRsa2048,
}

impl Certificate {
    /// Reads the PEM text of one certificate. Its validity period does not matter: AWS documents are verified by key, as with
    /// `openssl smime -verify -noverify` in the EC2 User Guide.
    ///
    /// # Errors
    /// The text is not one certificate, or the certificate has another kind of key.
    pub fn from_pem(text: &str) -> Result<Self, InvalidCertificate> {
        let encoded = text
            .trim()
            .strip_prefix(BEGIN)
            .and_then(|rest| rest.strip_suffix(END))
            .ok_or(InvalidCertificate::NotPem)?;
        let encoded: String = encoded.split_ascii_whitespace().collect();
        let der = BASE64_STANDARD
            .decode(encoded)
            .map_err(|_| InvalidCertificate::NotPem)?;
        Self::from_der(&der).map_err(|Malformed| InvalidCertificate::NotRsa2048)
    }

    fn from_der(der: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(der);
        let certificate = reader.within(SEQUENCE, |reader| {
            let certificate = Reader::new(reader.element(SEQUENCE)?).signed_fields()?;
            reader.exactly(RSA_WITH_SHA_256)?;
            reader.element(BIT_STRING)?;
            Ok(certificate)
        })?;
        reader.end()?;
        Ok(certificate)
    }
}

impl Reader<'_> {
    /// `TBSCertificate`, up to the key.
    fn signed_fields(&mut self) -> Result<Certificate, Malformed> {
        if self.is_at(CONTEXT_0) {
            self.element(CONTEXT_0)?;
        }
        let serial = self.whole(INTEGER)?;
        self.exactly(RSA_WITH_SHA_256)?;
        let issuer = self.whole(SEQUENCE)?;
        let _validity = self.element(SEQUENCE)?;
        let _subject = self.element(SEQUENCE)?;
        let public_key = self.within(SEQUENCE, |key| {
            key.exactly(RSA)?;
            let bits = key.element(BIT_STRING)?;
            // The number of unused bits comes first.
            bits.strip_prefix(&[0]).ok_or(Malformed)
        })?;
        let mut key = Reader::new(public_key);
        let (modulus, exponent) =
            key.within(SEQUENCE, |key| Ok((key.element(INTEGER)?, key.element(INTEGER)?)))?;
        key.end()?;
        if modulus.len() != MODULUS || !matches!(modulus, [0, 0x80..=0xff, ..]) || exponent != EXPONENT {
            return Err(Malformed);
        }
        Ok(Certificate {
            issuer: issuer.to_owned(),
            serial: serial.to_owned(),
            public_key: public_key.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_rsa_2048_certificate_in_pem_is_accepted() {
        let pem = include_str!("../certificates/eu-west-1.pem");
        let certificate = Certificate::from_pem(pem).unwrap();
        assert_eq!(
            Certificate::from_pem(&pem.replace('\n', "\r\n")).unwrap(),
            certificate
        );
        let elliptic = rcgen::generate_simple_self_signed([]).unwrap().cert.pem();
        for (text, error) in [
            (String::new(), InvalidCertificate::NotPem),
            (format!("{pem}{pem}"), InvalidCertificate::NotPem),
            (pem.replace("MII", "M*I"), InvalidCertificate::NotPem),
            (
                pem.replacen("MIIEEj", "MIIEEz", 1),
                InvalidCertificate::NotRsa2048,
            ),
            (elliptic, InvalidCertificate::NotRsa2048),
        ] {
            assert_eq!(Certificate::from_pem(&text).unwrap_err(), error, "{text}");
        }
    }
}
