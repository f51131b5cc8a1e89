//! Proves which instance sent a request, with the instance identity document that EC2 signs.
//!
//! The crate is pure: the time, the certificate, what EC2 reports and the RSA verification are arguments.

#![forbid(unsafe_code)]

mod certificate;
mod der;
mod document;
mod instance;
mod nonce;
mod refusal;
mod regions;
mod signed;

pub use certificate::{Certificate, InvalidCertificate};
pub use document::{CLOCK_SKEW, Document, JOIN_TIMEOUT};
pub use instance::{Expected, Instance};
pub use nonce::Nonce;
pub use refusal::Refusal;
pub use regions::certificate_of_region;
pub use signed::{MAX_TEXT, RsaSignature, verify};
