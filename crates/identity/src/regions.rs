//! The certificates with which AWS signs identity documents, per region.
//!
//! Source: the EC2 User Guide, "AWS public certificates for instance identity document signatures" (RSA-2048), as in
//! spiffe/spire, `pkg/server/plugin/nodeattestor/awsiid/awsrsa2048/cacerts.go`. Other regions need `--identity-cert`.

macro_rules! certificates {
    ($($region:literal)*) => {
        &[$(($region, include_str!(concat!("../certificates/", $region, ".pem")))),*]
    };
}

const CERTIFICATES: &[(&str, &str)] = certificates![
    "af-south-1"
    "ap-east-1"
    "ap-east-2"
    "ap-northeast-1"
    "ap-northeast-2"
    "ap-northeast-3"
    "ap-south-1"
    "ap-south-2"
    "ap-southeast-1"
    "ap-southeast-2"
    "ap-southeast-3"
    "ap-southeast-4"
    "ap-southeast-5"
    "ap-southeast-6"
    "ap-southeast-7"
    "ca-central-1"
    "ca-west-1"
    "cn-north-1"
    "cn-northwest-1"
    "eu-central-1"
    "eu-central-2"
    "eu-north-1"
    "eu-south-1"
    "eu-south-2"
    "eu-west-1"
    "eu-west-2"
    "eu-west-3"
    "eusc-de-east-1"
    "il-central-1"
    "me-central-1"
    "me-south-1"
    "mx-central-1"
    "sa-east-1"
    "us-east-1"
    "us-east-2"
    "us-gov-east-1"
    "us-gov-west-1"
    "us-west-1"
    "us-west-2"
];

/// The certificate of a region, in PEM; `None` for a region that this version does not know.
pub fn certificate_of_region(region: &str) -> Option<&'static str> {
    let mut certificates = CERTIFICATES.iter();
    certificates.find_map(|&(name, pem)| (name == region).then_some(pem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Certificate;
    use crate::der::{BIT_STRING, RSA_WITH_SHA_256, Reader, SEQUENCE};
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use std::collections::BTreeSet;

    /// A certificate that was changed in a copy does not verify its own signature.
    #[test]
    fn every_certificate_is_self_signed_with_a_key_of_its_own() {
        let mut keys = BTreeSet::new();
        for (region, pem) in CERTIFICATES {
            let certificate = Certificate::from_pem(pem).expect(region);
            let lines = pem.lines().filter(|line| !line.starts_with('-'));
            let der = BASE64_STANDARD.decode(lines.collect::<String>()).unwrap();
            let (signed, signature) = Reader::new(&der)
                .within(SEQUENCE, |reader| {
                    let signed = reader.whole(SEQUENCE)?;
                    reader.exactly(RSA_WITH_SHA_256)?;
                    Ok((signed, reader.element(BIT_STRING)?))
                })
                .unwrap();
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &certificate.public_key)
                .verify(signed, &signature[1..])
                .expect(region);
            assert!(
                keys.insert(certificate.public_key),
                "{region} has the key of another region"
            );
        }
        assert_eq!(keys.len(), CERTIFICATES.len());
    }

    #[test]
    fn every_certificate_file_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/certificates");
        let files: BTreeSet<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        let embedded = CERTIFICATES
            .iter()
            .map(|(region, _)| format!("{region}.pem"))
            .collect();
        assert_eq!(files, embedded);
        assert_eq!(certificate_of_region("eu-west-9"), None);
    }
}
