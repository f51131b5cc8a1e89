//! Documents that AWS has signed, and forged ones.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use identity::{Certificate, Document, MAX_TEXT, Refusal, RsaSignature, certificate_of_region, verify};
use jiff::Timestamp;
use lab::{IdentityAuthority, IdentityDocument};
use proptest::prelude::*;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

/// Published in gravitational/teleport, `lib/auth/join_ec2_test.go`.
const SAMPLES: [(&str, &str, &str, &str); 2] = [
    (
        "us-west-1",
        "883474662888",
        "i-01b940c45fd11fe74",
        include_str!("documents/us-west-1"),
    ),
    (
        "us-west-2",
        "278576220453",
        "i-078517ca8a70a1dde",
        include_str!("documents/us-west-2"),
    ),
];

fn is_valid(signature: RsaSignature<'_>) -> bool {
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, signature.public_key)
        .verify(signature.message, signature.signature)
        .is_ok()
}

fn certificate(region: &str) -> Certificate {
    Certificate::from_pem(certificate_of_region(region).unwrap()).unwrap()
}

/// The document of us-west-2.
fn sample() -> Vec<u8> {
    let text: String = SAMPLES[1].3.split_whitespace().collect();
    BASE64_STANDARD.decode(text).unwrap()
}

fn verify_bytes(bytes: &[u8]) -> Result<Document, Refusal> {
    verify(
        &BASE64_STANDARD.encode(bytes),
        &certificate("us-west-2"),
        is_valid,
    )
}

fn position(bytes: &[u8], part: &[u8]) -> usize {
    bytes
        .windows(part.len())
        .position(|window| window == part)
        .unwrap()
}

/// The document with one part replaced.
fn with(part: &[u8], replacement: &[u8]) -> Vec<u8> {
    let bytes = sample();
    let start = position(&bytes, part);
    [&bytes[..start], replacement, &bytes[start + part.len()..]].concat()
}

#[test]
fn documents_of_aws_are_accepted_with_the_certificate_of_their_region_only() {
    for (region, account, instance, text) in SAMPLES {
        let text: String = text.split_whitespace().collect();
        let document = verify(&text, &certificate(region), is_valid).unwrap();
        assert_eq!(document.instance_id, instance);
        let now = document.pending_time;
        assert_eq!(document.check(account, region, now), Ok(()));
        assert_eq!(
            document.check(account, "eu-west-1", now),
            Err(Refusal::WrongRegion)
        );
        let other = certificate("eu-west-1");
        assert_eq!(
            verify(&text, &other, is_valid).unwrap_err(),
            Refusal::InvalidSignature
        );
    }
}

#[test]
fn document_of_the_lab_is_accepted_and_an_invalid_signature_is_not() {
    let authority = IdentityAuthority::new().unwrap();
    let certificate = Certificate::from_pem(&authority.certificate().unwrap()).unwrap();
    let document = IdentityDocument {
        account: "123456789012".into(),
        region: "eu-west-1".into(),
        instance_id: "i-0123456789abcdef0".into(),
        private_ip: "10.0.0.9".into(),
        pending_time: "2026-01-01T12:00:00Z".parse().unwrap(),
    };
    let verified = verify(&authority.sign(&document), &certificate, is_valid).unwrap();
    assert_eq!(verified.private_ip, document.private_ip);
    assert_eq!(verified.pending_time, document.pending_time);
    let refused = verify(&authority.sign(&document), &certificate, |_| false);
    assert_eq!(refused, Err(Refusal::InvalidSignature));
    // Anything that is signed, but is not a document.
    let content = authority.encode(b"not JSON", Timestamp::UNIX_EPOCH);
    let refused = verify(&BASE64_STANDARD.encode(content), &certificate, is_valid);
    assert_eq!(refused, Err(Refusal::InvalidDocument));
}

#[test]
fn truncated_document_is_refused_at_every_byte() {
    let bytes = sample();
    for end in 0..bytes.len() {
        assert_eq!(
            verify_bytes(&bytes[..end]),
            Err(Refusal::InvalidDocument),
            "{end}"
        );
    }
    assert_eq!(
        verify_bytes(&[&bytes[..], &[0]].concat()),
        Err(Refusal::InvalidDocument)
    );
}

#[test]
fn every_changed_byte_is_refused() {
    let bytes = sample();
    for index in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[index] ^= 1 << bit;
            assert!(verify_bytes(&changed).is_err(), "bit {bit} of byte {index}");
        }
    }
}

#[test]
fn two_signers_are_refused() {
    let bytes = sample();
    let start = position(&bytes, b"\x31\x82\x02\x2f\x30\x82");
    let signer = &bytes[start + 4..start + 4 + 0x22f];
    let set = [b"\x31\x82\x04\x5e", signer, signer].concat();
    let two = [&bytes[..start], &set, &bytes[start + 4 + 0x22f..]].concat();
    assert_eq!(verify_bytes(&two), Err(Refusal::InvalidDocument));
    let none = [&bytes[..start], b"\x31\x00", &bytes[start + 4 + 0x22f..]].concat();
    assert_eq!(verify_bytes(&none), Err(Refusal::InvalidDocument));
}

#[test]
fn nested_and_oversized_documents_are_refused() {
    let nested = with(b"\x24\x80\x04\x82", b"\x24\x80\x24\x80\x04\x82");
    assert_eq!(verify_bytes(&nested), Err(Refusal::InvalidDocument));
    assert_eq!(
        verify_bytes(&[0x30, 0x80].repeat(3000)),
        Err(Refusal::InvalidDocument)
    );
    assert_eq!(
        verify_bytes(&[0x24, 0x80].repeat(3000)),
        Err(Refusal::InvalidDocument)
    );
    let oversized = "A".repeat(MAX_TEXT + 4);
    assert_eq!(
        verify(&oversized, &certificate("us-west-2"), is_valid),
        Err(Refusal::InvalidDocument)
    );
    for text in ["", "not base64", "MIAGCSqGSIb3DQEHAqCAMIACAQExDzAN\n"] {
        assert_eq!(
            verify(text, &certificate("us-west-2"), is_valid),
            Err(Refusal::InvalidDocument)
        );
    }
}

/// What the signature does not cover has one form only.
#[test]
fn other_forms_of_the_same_document_are_refused() {
    for (part, replacement) in [
        // Versions.
        (&b"\x02\x01\x01\x31"[..], &b"\x02\x01\x03\x31"[..]),
        (b"\x02\x01\x01\x30\x69", b"\x02\x01\x03\x30\x69"),
        // The set of digest algorithms, with another one.
        (
            b"\x31\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01",
            b"\x31\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03",
        ),
        // Embedded certificates.
        (
            b"\x00\x00\x00\x00\x00\x00\x31\x82",
            b"\x00\x00\x00\x00\x00\x00\xa0\x00\x31\x82",
        ),
        // An unsigned attribute after the signature.
        (
            b"\x31\x82\x02\x2f\x30\x82\x02\x2b",
            b"\x31\x82\x02\x2f\x30\x82\x02\x2c",
        ),
    ] {
        assert_eq!(
            verify_bytes(&with(part, replacement)),
            Err(Refusal::InvalidDocument),
            "{part:?}"
        );
    }
    // Another serial number.
    let serial = with(b"\x02\x09\x00\xb6", b"\x02\x09\x00\xb7");
    assert_eq!(verify_bytes(&serial), Err(Refusal::InvalidSignature));
}

fn cases() -> u32 {
    option_env!("WEKACTL_IDENTITY_CASES").map_or(2_000, |cases| cases.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// Bytes are replaced, inserted and removed anywhere: only the unchanged document is accepted, and nothing panics.
    #[test]
    fn only_the_unchanged_document_is_accepted(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4usize, prop::collection::vec(any::<u8>(), 0..4)), 1..4),
    ) {
        let original = sample();
        let mut bytes = original.clone();
        for (index, removed, inserted) in edits {
            let start = index.index(bytes.len());
            let end = (start + removed).min(bytes.len());
            bytes.splice(start..end, inserted);
        }
        prop_assert_eq!(verify_bytes(&bytes).is_ok(), bytes == original);
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in "\\PC{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(verify(&text, &certificate("us-west-2"), is_valid).is_err());
        prop_assert!(verify_bytes(&bytes).is_err());
    }
}
