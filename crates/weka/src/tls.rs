//! Verification of the backends' certificates.
//!
//! Weka's own certificate is self-signed, and backends are addressed by IP. So any certificate is accepted by default. If CA
//! certificates are given, the server must present one of them, or one that they signed, and have its private key.
//!
//! Weka before 4.2 creates a certificate with an RSA key of 1024 bits (docs.weka.io 4.0 and 4.1, "Manage the TLS certificate using
//! the CLI"), whose signatures no current TLS library verifies.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::sync::Arc;

/// The maximum length of the PEM text in bytes. The state machine passes it in its messages, which are limited to 256 KiB.
const MAX_PEM_BYTES: usize = 32 << 10;

/// CA certificates. A backend must present one of them, or one that they signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ca {
    pem: String,
    certificates: Vec<CertificateDer<'static>>,
}

/// Text that is not a valid list of certificates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCa {
    #[error("not valid PEM: {0}")]
    Pem(String),
    #[error("no certificate found (-----BEGIN CERTIFICATE-----)")]
    None,
    /// It contains something else, such as a private key, which must not be stored in the settings.
    #[error(
        "it contains something that is not a certificate; it must not contain a private key or another secret"
    )]
    Other,
    #[error("certificate {0} is not valid")]
    Certificate(usize),
    /// It is too long for the messages of the state machine.
    #[error("longer than {MAX_PEM_BYTES} bytes")]
    TooLong,
}

impl Ca {
    /// Parses one or more certificates in PEM.
    ///
    /// # Errors
    /// [`InvalidCa`]: there is no certificate, one is not valid, or the text contains something else.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidCa> {
        if pem.len() > MAX_PEM_BYTES {
            return Err(InvalidCa::TooLong);
        }
        let mut certificates = Vec::new();
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem.as_bytes()) {
            let (kind, der) = section.map_err(|error| InvalidCa::Pem(error.to_string()))?;
            if kind != SectionKind::Certificate {
                return Err(InvalidCa::Other);
            }
            let certificate = CertificateDer::from(der);
            let is_valid = ParsedCertificate::try_from(&certificate).is_ok()
                && RootCertStore::empty().add(certificate.clone()).is_ok();
            if !is_valid {
                return Err(InvalidCa::Certificate(certificates.len() + 1));
            }
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            return Err(InvalidCa::None);
        }
        Ok(Self {
            pem: pem.to_owned(),
            certificates,
        })
    }

    pub fn pem(&self) -> &str {
        &self.pem
    }
}

/// A TLS configuration that trusts `ca`, or any certificate.
pub(crate) fn config(ca: Option<&Ca>) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    for certificate in ca.iter().flat_map(|ca| &ca.certificates) {
        roots.add(certificate.clone())?;
    }
    let verifier = Verifier {
        trusted: ca.map(|ca| (ca.certificates.clone(), roots)),
        provider: provider.clone(),
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

#[derive(Debug)]
struct Verifier {
    trusted: Option<(Vec<CertificateDer<'static>>, RootCertStore)>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        // Not compared: backends are addressed by IP, which their certificates rarely contain.
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some((certificates, roots)) = &self.trusted else {
            return Ok(ServerCertVerified::assertion());
        };
        // A given certificate is trusted itself, whatever its extensions: Weka's is its own CA and not marked as a server's.
        if !certificates.contains(end_entity) {
            verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(end_entity)?,
                roots,
                intermediates,
                now,
                self.provider.signature_verification_algorithms.all,
            )?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if self.trusted.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        // Nothing is authenticated without trusted certificates: anyone can have a key for a certificate of their own.
        if self.trusted.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> String {
        rcgen::generate_simple_self_signed(["weka".to_owned()])
            .unwrap()
            .cert
            .pem()
    }

    #[test]
    fn parses_certificates_with_text_between_them() {
        assert_eq!(Ca::from_pem(&certificate()).unwrap().certificates.len(), 1);
        let bundle = format!("# one\n{}\n# another\n{}", certificate(), certificate());
        let ca = Ca::from_pem(&bundle).unwrap();
        assert_eq!(ca.certificates.len(), 2);
        assert_eq!(ca.pem(), bundle);
    }

    #[test]
    fn invalid_text_is_reported_with_its_problem() {
        assert_eq!(Ca::from_pem(""), Err(InvalidCa::None));
        assert_eq!(Ca::from_pem("hello"), Err(InvalidCa::None));
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        assert_eq!(
            Ca::from_pem(&format!("{}{key}", certificate())),
            Err(InvalidCa::Other)
        );
        let invalid = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(
            Ca::from_pem(&format!("{}{invalid}", certificate())),
            Err(InvalidCa::Certificate(2))
        );
        let truncated = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        assert!(matches!(Ca::from_pem(truncated), Err(InvalidCa::Pem(_))));
        assert_eq!(
            Ca::from_pem(&"#".repeat(MAX_PEM_BYTES + 1)),
            Err(InvalidCa::TooLong)
        );
    }
}
