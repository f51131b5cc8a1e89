//! Encryption of the credentials that *fetch* passes to *scale*.
//!
//! Anyone who may view the executions of a state machine can read its data, so it must never contain credentials in plain
//! text. Import generates a key and puts it into the environment of the functions. The credentials are encrypted with
//! AES-256-GCM and bound to the execution and to the backends that get them, so that they cannot be replayed in another
//! message.

use crate::authentication::Run;
use crate::messages::HostGroupInfo;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use weka_types::{Credentials, WekaApi};
use zeroize::{Zeroize, Zeroizing};

/// The length of the key in bytes.
pub const KEY_BYTES: usize = 32;
/// The length of the nonce in bytes: the standard length for GCM.
pub const NONCE_BYTES: usize = 12;

/// The length of a block of SHA-256 in bytes: HMAC pads a shorter key with zeros to this length.
const BLOCK_BYTES: usize = 64;

/// The secret that *fetch*, *scale* and *terminate* of a host group share: their environment variable `SEAL_KEY`, 32 bytes in
/// base64. The key of each purpose is derived from it.
#[derive(Clone)]
pub struct SealKey(Zeroizing<[u8; KEY_BYTES]>);

impl SealKey {
    /// Parses the key from the environment variable.
    ///
    /// # Errors
    /// [`InvalidSeal::Key`] if it is not 32 bytes in base64.
    pub fn from_base64(text: &str) -> Result<Self, InvalidSeal> {
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| InvalidSeal::Key)?);
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if bytes.len() != key.len() {
            return Err(InvalidSeal::Key);
        }
        key.copy_from_slice(&bytes);
        Ok(Self(key))
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.derive("wekactl credentials 2")).into())
    }

    /// The key for this purpose. It reveals neither the secret nor the keys for other purposes.
    pub(crate) fn derive(&self, purpose: &str) -> Zeroizing<[u8; KEY_BYTES]> {
        Zeroizing::new(hmac(&self.0, purpose.as_bytes()).finalize().into_bytes().into())
    }
}

/// The HMAC-SHA-256 of `data`, which can be compared in constant time.
pub(crate) fn hmac(key: &[u8; KEY_BYTES], data: &[u8]) -> Hmac<Sha256> {
    let mut block = Zeroizing::new([0; BLOCK_BYTES]);
    block[..KEY_BYTES].copy_from_slice(key);
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new((&*block).into());
    mac.update(data);
    mac
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(hidden)")
    }
}

/// Where sealed credentials are valid. It is authenticated, but not sent: both functions know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding<'a> {
    pub cluster: &'a str,
    /// The name of the host group, such as `Backends`.
    pub host_group: &'a str,
    /// The id of the execution.
    pub execution: &'a str,
    /// The addresses to which *scale* sends the credentials.
    pub backends: &'a [String],
    /// How it connects to them.
    pub weka: Option<&'a WekaApi>,
}

impl<'a> Binding<'a> {
    /// Where the credentials in this message are valid.
    pub fn new(run: Run<'a>, info: &'a HostGroupInfo) -> Self {
        Self {
            cluster: run.cluster,
            host_group: run.host_group,
            execution: run.execution,
            backends: &info.backend_ips,
            weka: info.weka.as_ref(),
        }
    }

    /// Encoded as JSON, so that two different bindings never have the same data, whatever the names contain.
    fn associated_data(&self) -> Vec<u8> {
        serde_json::json!([
            "wekactl credentials 2",
            self.cluster,
            self.host_group,
            self.execution,
            self.backends,
            self.weka,
        ])
        .to_string()
        .into_bytes()
    }
}

/// Credentials that cannot be sealed or opened. No message contains anything of the credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSeal {
    /// The key is not 32 bytes in base64.
    #[error("the seal key is not {KEY_BYTES} bytes in base64")]
    Key,
    /// The cipher refused them, which happens only to many gigabytes of text.
    #[error("the credentials are too long to be sealed")]
    TooLong,
    /// The received text is not sealed text.
    #[error("the sealed credentials are truncated or not in base64")]
    Form,
    /// Sealed with another key, for another execution, cluster, host group or other backends, or modified.
    #[error(
        "the sealed credentials cannot be opened: they were sealed with another key or for another message, or were modified"
    )]
    Refused,
    /// Opened, but the content does not have the format that this version seals.
    #[error("the sealed credentials were opened, but are not a username and a password")]
    Content,
}

/// The sealed content. Both fields are in base64, as in the table, so that neither shows a password at a glance.
#[derive(Serialize, Deserialize)]
struct Content {
    username: Zeroed,
    password: Zeroed,
}

/// Text that is zeroed when it is dropped.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Zeroed(String);

impl Drop for Zeroed {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Seals `credentials`: base64 of the nonce, the encrypted text and its tag.
///
/// `nonce` must be random for each call: two texts with the same key and nonce reveal each other. At one call per minute, random
/// nonces do not collide for thousands of years.
///
/// # Errors
/// [`InvalidSeal::TooLong`].
pub fn seal(
    credentials: &Credentials,
    key: &SealKey,
    binding: Binding<'_>,
    nonce: [u8; NONCE_BYTES],
) -> Result<String, InvalidSeal> {
    let content = Content {
        username: Zeroed(STANDARD.encode(&credentials.username)),
        password: Zeroed(STANDARD.encode(credentials.password.expose_secret())),
    };
    let plain = Zeroizing::new(serde_json::to_vec(&content).map_err(|_| InvalidSeal::Content)?);
    let payload = Payload {
        msg: &plain,
        aad: &binding.associated_data(),
    };
    let encrypted = key
        .cipher()
        .encrypt(Nonce::from_slice(&nonce), payload)
        .map_err(|_| InvalidSeal::TooLong)?;
    Ok(STANDARD.encode([nonce.as_slice(), &encrypted].concat()))
}

/// Decrypts the output of [`seal`] with the same key and binding.
///
/// # Errors
/// [`InvalidSeal::Form`], [`InvalidSeal::Refused`] or [`InvalidSeal::Content`].
pub fn open(sealed: &str, key: &SealKey, binding: Binding<'_>) -> Result<Credentials, InvalidSeal> {
    let bytes = STANDARD.decode(sealed).map_err(|_| InvalidSeal::Form)?;
    let (nonce, encrypted) = bytes
        .split_first_chunk::<NONCE_BYTES>()
        .ok_or(InvalidSeal::Form)?;
    let payload = Payload {
        msg: encrypted,
        aad: &binding.associated_data(),
    };
    let plain = key
        .cipher()
        .decrypt(Nonce::from_slice(nonce), payload)
        .map_err(|_| InvalidSeal::Refused)?;
    let plain = Zeroizing::new(plain);
    let content: Content = serde_json::from_slice(&plain).map_err(|_| InvalidSeal::Content)?;
    let mut username = decode(&content.username.0)?;
    let mut password = decode(&content.password.0)?;
    Ok(Credentials {
        username: std::mem::take(&mut *username),
        password: SecretString::from(std::mem::take(&mut *password)),
    })
}

fn decode(text: &str) -> Result<Zeroizing<String>, InvalidSeal> {
    let bytes = STANDARD.decode(text).map_err(|_| InvalidSeal::Content)?;
    String::from_utf8(bytes).map(Zeroizing::new).map_err(|error| {
        error.into_bytes().zeroize();
        InvalidSeal::Content
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use weka_types::WekaProtocol;

    const BINDING: Binding<'_> = Binding {
        cluster: "wk",
        host_group: "Backends",
        execution: "execution-1",
        backends: &[],
        weka: None,
    };

    fn key(byte: u8) -> SealKey {
        SealKey::from_base64(&STANDARD.encode([byte; KEY_BYTES])).unwrap()
    }

    fn admin(password: &str) -> Credentials {
        Credentials {
            username: "admin".to_owned(),
            password: SecretString::from(password),
        }
    }

    #[test]
    fn key_must_be_32_bytes_in_base64() {
        for invalid in [
            "",
            "AAAA",
            "not base64!",
            &STANDARD.encode([0; 31]),
            &STANDARD.encode([0; 33]),
        ] {
            let error = SealKey::from_base64(invalid).unwrap_err();
            assert_eq!(error.to_string(), "the seal key is not 32 bytes in base64");
        }
        assert_eq!(format!("{:?}", key(7)), "SealKey(hidden)");
    }

    #[test]
    fn opens_only_with_the_same_key_and_binding() {
        let sealed = seal(&admin("hunter2"), &key(1), BINDING, [9; NONCE_BYTES]).unwrap();
        let opened = open(&sealed, &key(1), BINDING).unwrap();
        assert_eq!(
            (opened.username.as_str(), opened.password.expose_secret()),
            ("admin", "hunter2")
        );
        assert_eq!(open(&sealed, &key(2), BINDING).unwrap_err(), InvalidSeal::Refused);
        let http = WekaApi {
            protocol: WekaProtocol::Http,
            ca: None,
        };
        for other in [
            Binding {
                cluster: "wk2",
                ..BINDING
            },
            Binding {
                host_group: "Clients",
                ..BINDING
            },
            Binding {
                cluster: "wk\",\"Backends",
                host_group: "execution-1",
                execution: "",
                ..BINDING
            },
            Binding {
                execution: "execution-2",
                ..BINDING
            },
            Binding {
                backends: &["10.0.0.66".to_owned()],
                ..BINDING
            },
            Binding {
                weka: Some(&http),
                ..BINDING
            },
        ] {
            assert_eq!(open(&sealed, &key(1), other).unwrap_err(), InvalidSeal::Refused);
        }
    }

    #[test]
    fn invalid_text_is_reported_with_its_problem() {
        for invalid in ["", "!", "AAAA", &STANDARD.encode([0; 11])] {
            assert_eq!(
                open(invalid, &key(1), BINDING).unwrap_err(),
                InvalidSeal::Form,
                "{invalid}"
            );
        }
        assert_eq!(
            open(&STANDARD.encode([0; 12]), &key(1), BINDING).unwrap_err(),
            InvalidSeal::Refused
        );
        let payload = Payload {
            msg: b"{}",
            aad: &BINDING.associated_data(),
        };
        let foreign = key(1)
            .cipher()
            .encrypt(Nonce::from_slice(&[0; 12]), payload)
            .unwrap();
        let foreign = STANDARD.encode([[0; 12].as_slice(), &foreign].concat());
        assert_eq!(
            open(&foreign, &key(1), BINDING).unwrap_err(),
            InvalidSeal::Content
        );
    }

    #[test]
    fn no_output_contains_the_password() {
        let credentials = admin("hunter2");
        assert!(!format!("{credentials:?}").contains("hunter2"));
        let sealed = seal(&credentials, &key(1), BINDING, [0; NONCE_BYTES]).unwrap();
        let bytes = STANDARD.decode(&sealed).unwrap();
        for secret in ["hunter2".to_owned(), STANDARD.encode("hunter2")] {
            assert!(!sealed.contains(&secret));
            assert!(
                !bytes
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes())
            );
        }
    }

    proptest! {
        #[test]
        fn any_credentials_round_trip(
            username: String, password: String, cluster: String, host_group: String,
            key_bytes: [u8; KEY_BYTES], nonce: [u8; NONCE_BYTES],
        ) {
            let key = SealKey::from_base64(&STANDARD.encode(key_bytes)).unwrap();
            let binding = Binding { cluster: &cluster, host_group: &host_group, ..BINDING };
            let credentials = Credentials { username: username.clone(), password: SecretString::from(password.clone()) };
            let opened = open(&seal(&credentials, &key, binding, nonce).unwrap(), &key, binding).unwrap();
            prop_assert_eq!(opened.username, username);
            prop_assert_eq!(opened.password.expose_secret(), password);
        }

        #[test]
        fn one_modified_bit_is_detected(bit in 0_usize..8 * 60) {
            let sealed = seal(&admin("hunter2"), &key(1), BINDING, [3; NONCE_BYTES]).unwrap();
            let mut bytes = STANDARD.decode(&sealed).unwrap();
            let bit = bit % (8 * bytes.len());
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(open(&STANDARD.encode(bytes), &key(1), BINDING).unwrap_err(), InvalidSeal::Refused);
        }

        #[test]
        fn different_nonces_produce_different_text(a: [u8; NONCE_BYTES], b: [u8; NONCE_BYTES]) {
            let sealed = |nonce| seal(&admin("hunter2"), &key(1), BINDING, nonce).unwrap();
            prop_assert_eq!(sealed(a) == sealed(b), a == b);
        }
    }
}
