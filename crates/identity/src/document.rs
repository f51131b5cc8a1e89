use crate::refusal::Refusal;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// The time within which an instance must join after its start. User data gives up earlier.
pub const JOIN_TIMEOUT: SignedDuration = SignedDuration::from_mins(30);
/// How far the clocks of EC2 and of a function may differ.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);
/// Longer than any instance id, which has 17 digits.
const MAX_ID_DIGITS: usize = 32;

/// A verified instance identity document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    pub account_id: String,
    pub region: String,
    pub instance_id: String,
    pub private_ip: String,
    /// When the instance was started: at its launch, and again whenever it is started after a stop.
    pub pending_time: Timestamp,
}

impl Document {
    pub(crate) fn parse(content: &[u8]) -> Result<Self, Refusal> {
        let document: Self = serde_json::from_slice(content).map_err(|_| Refusal::InvalidDocument)?;
        let is_id = document.instance_id.strip_prefix("i-").is_some_and(|digits| {
            (1..=MAX_ID_DIGITS).contains(&digits.len())
                && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        });
        if is_id {
            Ok(document)
        } else {
            Err(Refusal::InvalidDocument)
        }
    }

    /// The conditions that need no request.
    ///
    /// # Errors
    /// The first condition that does not hold.
    pub fn check(&self, account: &str, region: &str, now: Timestamp) -> Result<(), Refusal> {
        let age = now.duration_since(self.pending_time);
        if self.account_id != account {
            Err(Refusal::WrongAccount)
        } else if self.region != region {
            Err(Refusal::WrongRegion)
        } else if age > JOIN_TIMEOUT + CLOCK_SKEW {
            Err(Refusal::DocumentExpired)
        } else if age < -CLOCK_SKEW {
            Err(Refusal::DocumentInFuture)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(id: &str, more: &str) -> String {
        format!(
            r#"{{"accountId":"123456789012","region":"eu-west-1","instanceId":"{id}","privateIp":"10.0.0.9",
            "pendingTime":"2026-01-01T12:00:00Z","kernelId":null{more}}}"#
        )
    }

    #[test]
    fn documents_with_all_fields_are_parsed() {
        let valid = json("i-0123456789abcdef0", "");
        assert_eq!(Document::parse(valid.as_bytes()).unwrap().private_ip, "10.0.0.9");
        for invalid in [
            json("0123", ""),
            json("i-", ""),
            json("i-01/../cluster-settings", ""),
            json(&format!("i-{}", "0".repeat(33)), ""),
            json("i-1", r#","region":"eu-west-2""#),
            valid.replace("pendingTime", "time"),
            valid.replace("12:00:00Z", "noon"),
            format!("{valid}x"),
            String::new(),
        ] {
            assert_eq!(
                Document::parse(invalid.as_bytes()),
                Err(Refusal::InvalidDocument),
                "{invalid}"
            );
        }
    }

    #[test]
    fn account_region_and_age_are_checked() {
        let document = Document::parse(json("i-1", "").as_bytes()).unwrap();
        let started = document.pending_time;
        let check = |account, region, age: i64| {
            document.check(account, region, started + SignedDuration::from_secs(age))
        };
        let (account, region) = ("123456789012", "eu-west-1");
        for (age, result) in [
            (0, Ok(())),
            (-60, Ok(())),
            (31 * 60, Ok(())),
            (-61, Err(Refusal::DocumentInFuture)),
            (31 * 60 + 1, Err(Refusal::DocumentExpired)),
        ] {
            assert_eq!(check(account, region, age), result, "{age}");
        }
        assert_eq!(check("210987654321", region, 0), Err(Refusal::WrongAccount));
        assert_eq!(check("", region, 0), Err(Refusal::WrongAccount));
        assert_eq!(check(account, "eu-west-2", 0), Err(Refusal::WrongRegion));
    }
}
