use deployment::{FunctionType, HostGroup};
use scaling::seal::SealKey;

/// What import puts into a function's environment (specification "AWS resources", "Function environment").
#[derive(Debug, Clone)]
pub struct Environment {
    /// `LAMBDA`: which function this is.
    pub function: FunctionType,
    /// `REGION`.
    pub region: String,
    /// `CLUSTER_NAME`.
    pub cluster: String,
    /// `ASG_NAME`: the Auto Scaling group.
    pub group_name: String,
    /// `TABLE_NAME`: the cluster's table.
    pub table: String,
    /// `ROLE`: whose function this is.
    pub host_group: HostGroup,
    /// `SEAL_KEY`, in *fetch* and *scale* without `USE_DYNAMODB_ENDPOINT`: under what credentials travel. Where there is none they do
    /// not travel.
    pub seal_key: Option<SealKey>,
}

/// A variable that is missing or cannot be read. The value is not said where it is a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEnvironment {
    /// It is not set, or empty.
    #[error("environment variable {0} is not set")]
    Missing(&'static str),
    /// It has no value of the kind it must have.
    #[error("environment variable {name}: {reason}")]
    Invalid {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl Environment {
    /// Reads the environment; `variable` reads one variable of it.
    ///
    /// # Errors
    /// The first variable that is missing or bad.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidEnvironment> {
        let required = |name: &'static str| {
            variable(name)
                .filter(|value| !value.is_empty())
                .ok_or(InvalidEnvironment::Missing(name))
        };
        let function: FunctionType =
            required("LAMBDA")?
                .parse()
                .map_err(|reason| InvalidEnvironment::Invalid {
                    name: "LAMBDA",
                    reason,
                })?;
        let role = required("ROLE")?;
        let host_group = HostGroup::ALL
            .into_iter()
            .find(|group| group.role() == role)
            .ok_or_else(|| InvalidEnvironment::Invalid {
                name: "ROLE",
                reason: format!("'{role}' is neither backend nor client"),
            })?;
        let scale_reads_the_table = match required("USE_DYNAMODB_ENDPOINT")?.as_str() {
            "true" => true,
            "false" => false,
            other => {
                return Err(InvalidEnvironment::Invalid {
                    name: "USE_DYNAMODB_ENDPOINT",
                    reason: format!("'{other}' is neither true nor false"),
                });
            }
        };
        let seals = matches!(function, FunctionType::Fetch | FunctionType::Scale);
        let seal_key = if seals && !scale_reads_the_table {
            let key = SealKey::from_base64(&required("SEAL_KEY")?);
            Some(key.map_err(|error| InvalidEnvironment::Invalid {
                name: "SEAL_KEY",
                reason: error.to_string(),
            })?)
        } else {
            None
        };
        Ok(Self {
            function,
            region: required("REGION")?,
            cluster: required("CLUSTER_NAME")?,
            group_name: required("ASG_NAME")?,
            table: required("TABLE_NAME")?,
            host_group,
            seal_key,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn variables() -> BTreeMap<&'static str, &'static str> {
        BTreeMap::from([
            ("LAMBDA", "fetch"),
            ("REGION", "eu-west-1"),
            ("CLUSTER_NAME", "wk"),
            ("ASG_NAME", "wekactl-wk-Backends"),
            ("TABLE_NAME", "wekactl-wk"),
            ("ROLE", "backend"),
            ("USE_DYNAMODB_ENDPOINT", "false"),
            ("SEAL_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ])
    }

    fn read(variables: &BTreeMap<&'static str, &'static str>) -> Result<Environment, InvalidEnvironment> {
        Environment::read(|name| variables.get(name).map(|&value| value.to_owned()))
    }

    #[test]
    fn reads_all_of_it() {
        let environment = read(&variables()).unwrap();
        assert_eq!(environment.function, FunctionType::Fetch);
        assert_eq!(environment.host_group, HostGroup::Backends);
        assert_eq!(environment.group_name, "wekactl-wk-Backends");
        assert!(environment.seal_key.is_some());
    }

    #[test]
    fn names_the_variable_that_is_missing() {
        for name in variables().into_keys() {
            for value in [None, Some("")] {
                let mut variables = variables();
                variables.remove(name);
                value.map(|value| variables.insert(name, value));
                assert_eq!(read(&variables).unwrap_err(), InvalidEnvironment::Missing(name));
            }
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_variable_but_never_the_key() {
        for (name, value, reason) in [
            ("LAMBDA", "jion", "'jion' is no function type: one of join"),
            ("ROLE", "Backends", "'Backends' is neither backend nor client"),
            ("USE_DYNAMODB_ENDPOINT", "yes", "'yes' is neither true nor false"),
            ("SEAL_KEY", "c2VjcmV0", "not 32 bytes in base64"),
        ] {
            let mut variables = variables();
            variables.insert(name, value);
            let error = read(&variables).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(reason), "{error}");
            assert!(!error.contains("c2VjcmV0"), "{error}");
        }
    }

    #[test]
    fn only_fetch_that_hands_credentials_on_needs_the_key() {
        for (name, value) in [
            ("USE_DYNAMODB_ENDPOINT", "true"),
            ("LAMBDA", "join"),
            ("LAMBDA", "transient"),
        ] {
            let mut variables = variables();
            variables.remove("SEAL_KEY");
            variables.insert(name, value);
            assert!(read(&variables).unwrap().seal_key.is_none());
        }
    }
}
