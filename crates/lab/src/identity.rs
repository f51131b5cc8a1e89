//! Signs instance identity documents as EC2 does, with a key of the lab's own.
//!
//! The encoding is that of public samples, for example in gravitational/teleport, `lib/auth/join_ec2_test.go`: BER with indefinite
//! lengths around the content, DER for the signer, no certificate.

use crate::Error;
use crate::installation::{Installation, io_error, run};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Generates the key and the certificate. They differ on each machine, because they are not part of the source.
const GENERATE: &str = include_str!("../python/identity_authority.py");

const SHA_256: &[u8] = b"\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00";
const RSA_WITH_SHA_256: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00";
const SIGNED_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
const DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const CONTENT_TYPE: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03";
const SIGNING_TIME: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05";
const ALGORITHM_PROTECTION: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x34";
const MESSAGE_DIGEST: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04";

/// Who signs the lab's documents. Its certificate is the file for `--identity-cert`.
#[derive(Debug)]
pub struct IdentityAuthority {
    folder: PathBuf,
    key: RsaKeyPair,
    /// `IssuerAndSerialNumber`.
    signer_id: Vec<u8>,
}

/// What a document states.
#[derive(Debug, Clone)]
pub struct IdentityDocument {
    pub account: String,
    pub region: String,
    pub instance_id: String,
    pub private_ip: String,
    pub pending_time: Timestamp,
}

impl IdentityDocument {
    /// The document's text.
    pub fn text(&self) -> String {
        let document = json!({
            "accountId": self.account,
            "architecture": "x86_64",
            "availabilityZone": format!("{}a", self.region),
            "billingProducts": null,
            "devpayProductCodes": null,
            "marketplaceProductCodes": null,
            "imageId": "ami-0123456789abcdef0",
            "instanceId": self.instance_id,
            "instanceType": "i3en.2xlarge",
            "kernelId": null,
            "pendingTime": self.pending_time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "privateIp": self.private_ip,
            "ramdiskId": null,
            "region": self.region,
            "version": "2017-09-30",
        });
        format!("{document:#}")
    }
}

impl IdentityAuthority {
    /// Reads the key, and generates it first if this machine has none.
    ///
    /// # Errors
    /// The key cannot be generated or read.
    pub fn new() -> Result<Self, Error> {
        let python = crate::ensure_python()?;
        let installation = Installation {
            name: "identity",
            packages: GENERATE,
        };
        let folder = installation.ensure(|folder| {
            fs::create_dir_all(folder).map_err(io_error("create", folder))?;
            run(
                Command::new(&python).args(["-c", GENERATE]).arg(folder),
                "generate the key that signs identity documents",
                "check the Python environment in target/lab/venv",
            )
        })?;
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read(&path).map_err(io_error("read", &path))
        };
        let path = folder.join("key.der");
        let key = RsaKeyPair::from_pkcs8(&read("key.der")?)
            .map_err(|error| io_error("read", &path)(std::io::Error::other(error.to_string())))?;
        Ok(Self {
            key,
            signer_id: read("signer-id.der")?,
            folder,
        })
    }

    /// The certificate's file, in PEM.
    pub fn certificate_file(&self) -> PathBuf {
        self.folder.join("certificate.pem")
    }

    /// The certificate, in PEM.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn certificate(&self) -> Result<String, Error> {
        let path = self.certificate_file();
        fs::read_to_string(&path).map_err(io_error("read", &path))
    }

    /// The signed document, in base64 without line breaks.
    pub fn sign(&self, document: &IdentityDocument) -> String {
        BASE64_STANDARD.encode(self.encode(document.text().as_bytes(), document.pending_time))
    }

    /// Signs any content.
    pub fn encode(&self, content: &[u8], signing_time: Timestamp) -> Vec<u8> {
        let time = signing_time.strftime("%y%m%d%H%M%SZ").to_string();
        let digest = ring::digest::digest(&ring::digest::SHA256, content);
        let attributes = [
            attribute(CONTENT_TYPE, DATA),
            attribute(SIGNING_TIME, &element(0x17, time.as_bytes())),
            attribute(
                ALGORITHM_PROTECTION,
                &element(0x30, &[SHA_256, &element(0xa1, &RSA_WITH_SHA_256[2..])].concat()),
            ),
            attribute(MESSAGE_DIGEST, &element(0x04, digest.as_ref())),
        ]
        .concat();
        let signer = [
            b"\x02\x01\x01",
            self.signer_id.as_slice(),
            SHA_256,
            &element(0xa0, &attributes),
            RSA_WITH_SHA_256,
            &element(0x04, &self.signature(&element(0x31, &attributes))),
        ]
        .concat();
        let octets = indefinite(0x24, &element(0x04, content));
        let signed = [
            b"\x02\x01\x01",
            element(0x31, SHA_256).as_slice(),
            &indefinite(0x30, &[DATA, &indefinite(0xa0, &octets)].concat()),
            &element(0x31, &element(0x30, &signer)),
        ]
        .concat();
        indefinite(
            0x30,
            &[SIGNED_DATA, &indefinite(0xa0, &indefinite(0x30, &signed))].concat(),
        )
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.key.public().modulus_len()];
        #[expect(
            clippy::expect_used,
            reason = "signing fails only for a buffer of another length"
        )]
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .expect("the buffer has the length of the modulus");
        signature
    }
}

fn attribute(name: &[u8], value: &[u8]) -> Vec<u8> {
    element(0x30, &[name, &element(0x31, value)].concat())
}

/// An element with a definite length below 65,536.
fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let [.., high, low] = contents.len().to_be_bytes();
    let head = match (high, low) {
        (0, low @ ..0x80) => vec![tag, low],
        (0, low) => vec![tag, 0x81, low],
        (high, low) => vec![tag, 0x82, high, low],
    };
    [head.as_slice(), contents].concat()
}

fn indefinite(tag: u8, contents: &[u8]) -> Vec<u8> {
    [&[tag, 0x80], contents, &[0, 0]].concat()
}
