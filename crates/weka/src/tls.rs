//! Whom to believe to be a backend.
//!
//! Weka's own certificate is self-signed and backends are addressed by IP, so that by default any certificate will do,
//! as long as the server has its key. With given certificates the server must show one of them or one that they vouch for.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::sync::Arc;

/// The longest PEM text that is taken. It travels in the state machine's data, of which a message may have 256 KiB.
const MOST: usize = 32 << 10;

/// Certificates of which a backend must show one, or one that they vouch for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ca {
    pem: String,
    certificates: Vec<CertificateDer<'static>>,
}

/// A text that is no list of certificates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCa {
    /// It is not PEM.
    #[error("it is not PEM: {0}")]
    Pem(String),
    /// There is no certificate in it.
    #[error("there is no certificate in it (-----BEGIN CERTIFICATE-----)")]
    None,
    /// There is something else in it, such as a private key, which must not be stored with the settings.
    #[error(
        "there is something in it that is no certificate: a private key or another secret must not stand there"
    )]
    Other,
    /// One of the certificates cannot be read.
    #[error("certificate {0} in it cannot be read")]
    Certificate(usize),
    /// It is too long to travel with every run.
    #[error("it is longer than {MOST} bytes")]
    TooLong,
}

impl Ca {
    /// Reads one or several certificates in PEM.
    ///
    /// # Errors
    /// [`InvalidCa`]: none is there, one cannot be read, or something else stands beside them.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidCa> {
        if pem.len() > MOST {
            return Err(InvalidCa::TooLong);
        }
        let mut certificates = Vec::new();
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem.as_bytes()) {
            let (kind, der) = section.map_err(|error| InvalidCa::Pem(error.to_string()))?;
            if kind != SectionKind::Certificate {
                return Err(InvalidCa::Other);
            }
            let certificate = CertificateDer::from(der);
            let readable = ParsedCertificate::try_from(&certificate).is_ok()
                && RootCertStore::empty().add(certificate.clone()).is_ok();
            if !readable {
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

    /// As it was read.
    pub fn pem(&self) -> &str {
        &self.pem
    }
}

/// TLS that believes what `ca` says, or anyone.
pub(crate) fn config(ca: Option<&Ca>) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    for certificate in ca.iter().flat_map(|ca| &ca.certificates) {
        roots.add(certificate.clone())?;
    }
    let trust = Trust {
        given: ca.map(|ca| (ca.certificates.clone(), roots)),
        provider: provider.clone(),
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(trust))
        .with_no_client_auth())
}

#[derive(Debug)]
struct Trust {
    given: Option<(Vec<CertificateDer<'static>>, RootCertStore)>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        // Not compared: backends are addressed by IP, and their certificates rarely name it.
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some((certificates, roots)) = &self.given else {
            return Ok(ServerCertVerified::assertion());
        };
        // The very certificate that was given is believed whatever it says of itself: Weka's is its own CA and no server's.
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
    fn reads_one_or_several_certificates_with_text_between() {
        assert_eq!(Ca::from_pem(&certificate()).unwrap().certificates.len(), 1);
        let bundle = format!("# one\n{}\n# another\n{}", certificate(), certificate());
        let ca = Ca::from_pem(&bundle).unwrap();
        assert_eq!(ca.certificates.len(), 2);
        assert_eq!(ca.pem(), bundle);
    }

    #[test]
    fn says_what_is_wrong_with_others() {
        assert_eq!(Ca::from_pem(""), Err(InvalidCa::None));
        assert_eq!(Ca::from_pem("hello"), Err(InvalidCa::None));
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        assert_eq!(
            Ca::from_pem(&format!("{}{key}", certificate())),
            Err(InvalidCa::Other)
        );
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(
            Ca::from_pem(&format!("{}{cut}", certificate())),
            Err(InvalidCa::Certificate(2))
        );
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        assert!(matches!(Ca::from_pem(broken), Err(InvalidCa::Pem(_))));
        assert_eq!(Ca::from_pem(&"#".repeat(MOST + 1)), Err(InvalidCa::TooLong));
    }
}
