//! No input panics, and only the unchanged document is accepted.
//!
//! The first byte selects whether the input is a document or an edit of a valid one: a position, and bytes that replace those there.

#![no_main]

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use identity::{Certificate, RsaSignature, certificate_of_region, verify};
use libfuzzer_sys::fuzz_target;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

const SAMPLE: &str = include_str!("../../tests/documents/us-west-2");

fn is_valid(signature: RsaSignature<'_>) -> bool {
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, signature.public_key)
        .verify(signature.message, signature.signature)
        .is_ok()
}

fuzz_target!(|input: &[u8]| {
    let pem = certificate_of_region("us-west-2").expect("the region has a certificate");
    let certificate = Certificate::from_pem(pem).expect("the certificate is valid");
    let text: String = SAMPLE.split_whitespace().collect();
    let sample = BASE64_STANDARD.decode(text).expect("the sample is base64");
    let document = match input {
        [0, document @ ..] => document.to_vec(),
        [_, high, low, bytes @ ..] => {
            let start = usize::from(u16::from_be_bytes([*high, *low])) % sample.len();
            let end = (start + bytes.len()).min(sample.len());
            [&sample[..start], bytes, &sample[end..]].concat()
        }
        _ => return,
    };
    let accepted = verify(&BASE64_STANDARD.encode(&document), &certificate, is_valid).is_ok();
    assert_eq!(accepted, document == sample);
    // Any text, such as one that is not base64.
    if let Ok(text) = std::str::from_utf8(input) {
        let _ = verify(text, &certificate, is_valid);
    }
    let _ = Certificate::from_pem(&String::from_utf8_lossy(input));
});
