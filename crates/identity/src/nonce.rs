use crate::refusal::Refusal;
use sha2::{Digest, Sha256};

/// 32 random bytes that an instance generates once per boot: only the first request for an instance that has them is answered.
#[derive(Clone)]
pub struct Nonce([u8; 32]);

impl Nonce {
    /// Reads the nonce, in hexadecimal.
    ///
    /// # Errors
    /// [`Refusal::InvalidNonce`].
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| Refusal::InvalidNonce)?;
        Ok(Self(bytes))
    }

    /// What is stored: whoever can read the table does not learn the nonce.
    pub fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.0))
    }
}

impl std::fmt::Debug for Nonce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nonce(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonce_has_32_bytes_and_is_not_shown() {
        let text = "ab".repeat(32);
        let nonce = Nonce::parse(&text).unwrap();
        assert_eq!(nonce.hash().len(), 64);
        assert!(!format!("{nonce:?} {}", nonce.hash()).contains("abab"));
        for invalid in ["", "ab", &"ab".repeat(33), &"xy".repeat(32)] {
            assert_eq!(Nonce::parse(invalid).unwrap_err(), Refusal::InvalidNonce);
        }
    }
}
