//! Verification of certificates.

use crate::fleet::{Fleet, client, empty};
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto::ring};
use weka::{Ca, Options, Protocol};

/// A server with this certificate chain, its own certificate first.
fn acceptor(chain: &[&Certificate], key: &KeyPair) -> TlsAcceptor {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            chain
                .iter()
                .map(|certificate| certificate.der().clone())
                .collect(),
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A certificate for a name that no test uses, like Weka's own.
fn self_signed() -> (Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["weka.invalid".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap(), key)
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn https(fleet: &Fleet, pem: Option<&str>) -> Options {
    Options {
        protocol: Protocol::Https {
            ca: pem.map(|pem| Ca::from_pem(pem).unwrap()),
        },
        ..fleet.options()
    }
}

#[tokio::test]
async fn any_certificate_is_accepted_without_a_ca() {
    let (certificate, key) = self_signed();
    let fleet = Fleet::start(vec![Some(acceptor(&[&certificate], &key))], empty).await;
    fleet.client_with(&https(&fleet, None)).snapshot().await.unwrap();
}

#[tokio::test]
async fn given_certificate_is_trusted_even_if_it_is_a_ca() {
    let (certificate, key) = self_signed();
    let ca_key = KeyPair::generate().unwrap();
    let own_ca = ca_params().self_signed(&ca_key).unwrap();
    let servers = vec![
        Some(acceptor(&[&certificate], &key)),
        Some(acceptor(&[&own_ca], &ca_key)),
    ];
    let fleet = Fleet::start(servers, empty).await;
    let both = certificate.pem() + &own_ca.pem();
    for n in [1, 2] {
        let client = client([format!("127.0.0.{n}")], &https(&fleet, Some(&both)));
        client.hosts().await.unwrap();
    }
}

#[tokio::test]
async fn chain_to_the_given_certificate_is_trusted_regardless_of_its_name() {
    let root_key = KeyPair::generate().unwrap();
    let root_params = ca_params();
    let root = root_params.self_signed(&root_key).unwrap();
    let root_issuer = Issuer::new(root_params, root_key);
    let middle_key = KeyPair::generate().unwrap();
    let middle_params = ca_params();
    let middle = middle_params.signed_by(&middle_key, &root_issuer).unwrap();
    let middle_issuer = Issuer::new(middle_params, middle_key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["weka.invalid".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &middle_issuer).unwrap();
    let fleet = Fleet::start(vec![Some(acceptor(&[&certificate, &middle], &key))], empty).await;
    for pem in [root.pem(), middle.pem()] {
        fleet
            .client_with(&https(&fleet, Some(&pem)))
            .hosts()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn other_certificate_is_rejected_with_its_own_error() {
    let (certificate, key) = self_signed();
    let (other, _) = self_signed();
    let acceptor = acceptor(&[&certificate], &key);
    let fleet = Fleet::start(vec![Some(acceptor.clone()), Some(acceptor)], empty).await;
    let error = fleet
        .client_with(&https(&fleet, Some(&other.pem())))
        .hosts()
        .await
        .unwrap_err();
    assert_eq!(error.name(), "WekaCertificateRefused");
    let text = error.to_string();
    assert!(
        text.starts_with(
            "hosts_list: no backend has a trusted certificate: 127.0.0.1: certificate rejected: "
        ),
        "{text}"
    );
    assert_eq!(fleet.requests(), []);
}

#[tokio::test]
async fn backend_with_the_other_protocol_is_an_error() {
    let (certificate, key) = self_signed();
    let fleet = Fleet::start(vec![Some(acceptor(&[&certificate], &key)), None], empty).await;
    let https_client = client(["127.0.0.2".to_owned()], &https(&fleet, None));
    let http_client = client(["127.0.0.1".to_owned()], &fleet.options());
    assert_eq!(https_client.hosts().await.unwrap_err().name(), "WekaUnreachable");
    assert_eq!(http_client.hosts().await.unwrap_err().name(), "WekaUnreachable");
}
