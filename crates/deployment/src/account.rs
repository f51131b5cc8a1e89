//! Where the cluster lives, and the ARNs that follow from that and a name.

/// An account in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The account's id, twelve digits.
    pub id: String,
    /// The region, such as `eu-west-1`.
    pub region: String,
    /// The partition that the caller's ARN names: `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
}

impl Account {
    /// The account of a caller's ARN (`arn:aws:iam::123456789012:user/me`), or `None` if it is not one.
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

    /// The ARN of something in this account and region: `resource` is what follows the account, such as
    /// `function:wekactl-wk-join-Backends`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:{}:{service}:{}:{}:{resource}",
            self.partition, self.region, self.id
        )
    }

    /// The domain under which the partition's services answer: `amazonaws.com`, in China `amazonaws.com.cn`.
    pub fn dns_suffix(&self) -> &'static str {
        if self.partition == "aws-cn" {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        }
    }

    /// The type of the volumes that a launch template asks for: gp3, and gp2 in the isolated partitions, which have no gp3.
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
