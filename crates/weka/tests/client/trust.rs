//! Whom the client believes to be a backend.

use crate::fleet::{Fleet, client, empty};
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto::ring};
use weka::{Ca, Options, Protocol};

/// A server that shows these certificates; its own is the first.
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

/// A certificate for a name that no test uses, as Weka's own is.
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

fn trusting(fleet: &Fleet, pem: Option<&str>) -> Options {
    Options {
        protocol: Protocol::Https {
            ca: pem.map(|pem| Ca::from_pem(pem).unwrap()),
        },
        ..fleet.options()
    }
}

#[tokio::test]
async fn without_a_ca_any_certificate_will_do() {
    let (certificate, key) = self_signed();
    let fleet = Fleet::start(vec![Some(acceptor(&[&certificate], &key))], empty).await;
    fleet
        .client_with(&trusting(&fleet, None))
        .snapshot()
        .await
        .unwrap();
}

#[tokio::test]
async fn the_given_certificate_itself_is_believed_even_if_it_is_a_ca_s() {
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
        let client = client([format!("127.0.0.{n}")], &trusting(&fleet, Some(&both)));
        client.hosts().await.unwrap();
    }
}

#[tokio::test]
async fn a_chain_to_the_given_certificate_is_believed_whatever_name_it_has() {
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
            .client_with(&trusting(&fleet, Some(&pem)))
            .hosts()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn another_certificate_is_refused_and_the_error_says_so() {
    let (certificate, key) = self_signed();
    let (other, _) = self_signed();
    let acceptor = acceptor(&[&certificate], &key);
    let fleet = Fleet::start(vec![Some(acceptor.clone()), Some(acceptor)], empty).await;
    let error = fleet
        .client_with(&trusting(&fleet, Some(&other.pem())))
        .hosts()
        .await
        .unwrap_err();
    assert_eq!(error.name(), "WekaCertificateRefused");
    let text = error.to_string();
    assert!(
        text.starts_with(
            "hosts_list: no backend has a certificate that is trusted: 127.0.0.1 has a certificate that is refused: "
        ),
        "{text}"
    );
    assert_eq!(fleet.asked(), []);
}

#[tokio::test]
async fn a_backend_that_speaks_the_other_protocol_is_an_error() {
    let (certificate, key) = self_signed();
    let fleet = Fleet::start(vec![Some(acceptor(&[&certificate], &key)), None], empty).await;
    let https = client(["127.0.0.2".to_owned()], &trusting(&fleet, None));
    let http = client(["127.0.0.1".to_owned()], &fleet.options());
    assert_eq!(https.hosts().await.unwrap_err().name(), "WekaUnreachable");
    assert_eq!(http.hosts().await.unwrap_err().name(), "WekaUnreachable");
}
