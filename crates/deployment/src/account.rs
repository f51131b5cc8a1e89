//! The account and region of a cluster, and its ARNs.

/// An account in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// For example `eu-west-1`.
    pub region: String,
    /// The partition in the caller's ARN: `aws`, `aws-cn`, `aws-us-gov`, ...
    pub partition: String,
}

impl Account {
    /// The account in a caller's ARN (`arn:aws:iam::123456789012:user/me`), or `None` if the text is not an ARN of an account.
    pub fn of_caller(arn: &str, region: &str) -> Option<Self> {
        let mut parts = arn.split(':');
        let (Some("arn"), Some(partition)) = (parts.next(), parts.next()) else {
            return None;
        };
        let id = parts.nth(2)?;
        (id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit())).then(|| Self {
            id: id.to_owned(),
            region: region.to_owned(),
            partition: partition.to_owned(),
        })
    }

    /// The ARN of a resource in this account and region. `resource` is the part after the account, for example
    /// `function:wekactl-wk-join-Backends`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:{}:{service}:{}:{}:{resource}",
            self.partition, self.region, self.id
        )
    }

    /// The DNS domain of the partition's services: `amazonaws.com`, in China `amazonaws.com.cn`. From the partition data of AWS's SDKs
    /// (botocore `data/partitions.json`), which the Rust SDK does not export.
    pub fn dns_suffix(&self) -> &'static str {
        match self.partition.as_str() {
            "aws-cn" => "amazonaws.com.cn",
            "aws-eusc" => "amazonaws.eu",
            "aws-iso" => "c2s.ic.gov",
            "aws-iso-b" => "sc2s.sgov.gov",
            "aws-iso-e" => "cloud.adc-e.uk",
            "aws-iso-f" => "csp.hci.ic.gov",
            // `aws`, `aws-us-gov`.
            _ => "amazonaws.com",
        }
    }

    /// The volume type in launch templates: gp3, and gp2 in the isolated partitions, which have no gp3.
    pub fn volume_type(&self) -> &'static str {
        if self.partition.starts_with("aws-iso") {
            "gp2"
        } else {
            "gp3"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_account_of_a_caller() {
        let account =
            Account::of_caller("arn:aws-cn:sts::123456789012:assumed-role/a/b", "cn-north-1").unwrap();
        assert_eq!(
            account.arn("lambda", "function:f"),
            "arn:aws-cn:lambda:cn-north-1:123456789012:function:f"
        );
        assert_eq!(account.dns_suffix(), "amazonaws.com.cn");
        assert_eq!(account.volume_type(), "gp3");
        for bad in [
            "",
            "arn:aws",
            "arn:aws:iam::12:user/me",
            "urn:aws:iam::123456789012:user/me",
        ] {
            assert_eq!(Account::of_caller(bad, "r"), None, "{bad}");
        }
    }
}
