//! Verification of certificates.

use crate::fleet::{Fleet, client, empty};
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, BufReader};
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

/// A backend with an RSA key of 1024 bits. The TLS library of the tests refuses to use one, so that Python serves it.
const RSA_1024_SERVER: &str = r#"
import http.server, json, ssl, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"software_release": "4.0.5"}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.set_ciphers("DEFAULT@SECLEVEL=0")
context.load_cert_chain(sys.argv[1])
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

/// Weka before 4.2 has such a key. The certificate and its key were made for this test.
#[tokio::test]
async fn certificate_with_a_short_rsa_key_is_accepted_without_a_ca() {
    let pem = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/client/rsa1024.pem");
    let mut server = tokio::process::Command::new("python3")
        .args(["-c", RSA_1024_SERVER, pem])
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let port = lines.next_line().await.unwrap().unwrap().parse().unwrap();
    let release = |pem: Option<&str>| {
        let options = Options {
            protocol: Protocol::Https {
                ca: pem.map(|pem| Ca::from_pem(pem).unwrap()),
            },
            port,
            ..Options::default()
        };
        let client = client(["127.0.0.1".to_owned()], &options);
        async move { client.software_release().await }
    };
    assert_eq!(release(None).await.unwrap(), "4.0.5");
    let (certificate, _) = self_signed();
    let error = release(Some(&certificate.pem())).await.unwrap_err();
    assert_eq!(error.name(), "WekaCertificateRefused", "{error}");
}
