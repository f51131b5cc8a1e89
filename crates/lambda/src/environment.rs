use crate::failure::Failure;
use deployment::{FunctionType, HostGroup};
use identity::{Certificate, certificate_of_region};
use jiff::Timestamp;
use scaling::authentication::MessageKey;
use scaling::seal::SealKey;
use std::sync::Arc;

/// A function's environment variables, which import sets (see "Function environment" under "AWS resources" in the specification).
#[derive(Debug, Clone)]
pub struct Environment {
    /// `LAMBDA`
    pub function: FunctionType,
    /// `REGION`
    pub region: String,
    /// `CLUSTER_NAME`
    pub cluster: String,
    /// `ASG_NAME`: the Auto Scaling group's name
    pub group_name: String,
    /// `TABLE_NAME`: the cluster's DynamoDB table
    pub table: String,
    /// `ROLE`: the role of the host group's instances
    pub host_group: HostGroup,
    /// `USE_DYNAMODB_ENDPOINT`: *scale* reads the credentials from the table, so that messages contain none.
    pub scale_reads_table: bool,
    /// `SEAL_KEY`: only *fetch*, *scale* and *terminate* have keys.
    pub keys: Option<Keys>,
    /// Present only in *join*.
    pub requirements: Option<Requirements>,
}

/// The keys of the functions that exchange messages.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Seals the credentials.
    pub seal: SealKey,
    /// Signs the messages.
    pub message: Arc<MessageKey>,
}

/// What a request to join must prove.
#[derive(Debug, Clone)]
pub struct Requirements {
    /// `ACCOUNT_ID`
    pub account: String,
    /// `LAUNCH_TEMPLATE_ID`: the group's launch template
    pub launch_template: String,
    /// `PRIVATE_API`: whether API Gateway sees an instance's private address
    pub private_api: bool,
    /// `IDENTITY_CERTIFICATE`, in PEM, or else the region's
    pub certificate: Certificate,
    /// `IDENTITY_REQUIRED_AFTER`: until then, requests without identity are answered. `None`: they never are.
    pub required_after: Option<Timestamp>,
}

/// An environment variable that is missing or invalid. The error never contains a secret value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEnvironment {
    /// The variable is not set or empty.
    #[error("environment variable {0} is not set")]
    Missing(&'static str),
    #[error("environment variable {name}: {reason}")]
    Invalid { name: &'static str, reason: String },
}

impl Environment {
    /// # Errors
    /// The function has no keys: it exchanges no messages.
    pub(crate) fn keys(&self) -> Result<&Keys, Failure> {
        self.keys.as_ref().ok_or(Failure::NoKeys)
    }

    /// Reads the environment. `variable` returns the value of one variable.
    ///
    /// # Errors
    /// The first variable that is missing or invalid.
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
        const USE_ENDPOINT: &str = "USE_DYNAMODB_ENDPOINT";
        let scale_reads_table = boolean(USE_ENDPOINT, &required(USE_ENDPOINT)?)?;
        let keys = if function.has_seal_key() {
            let key = SealKey::from_base64(&required("SEAL_KEY")?);
            let seal = key.map_err(|error| InvalidEnvironment::Invalid {
                name: "SEAL_KEY",
                reason: error.to_string(),
            })?;
            let message = Arc::new(MessageKey::from(&seal));
            Some(Keys { seal, message })
        } else {
            None
        };
        let region = required("REGION")?;
        let requirements = (function == FunctionType::Join)
            .then(|| Requirements::read(&variable, &region))
            .transpose()?;
        Ok(Self {
            function,
            region,
            cluster: required("CLUSTER_NAME")?,
            group_name: required("ASG_NAME")?,
            table: required("TABLE_NAME")?,
            host_group,
            scale_reads_table,
            keys,
            requirements,
        })
    }
}

impl Requirements {
    fn read(variable: impl Fn(&str) -> Option<String>, region: &str) -> Result<Self, InvalidEnvironment> {
        let optional = |name| variable(name).filter(|value| !value.is_empty());
        let required = |name| optional(name).ok_or(InvalidEnvironment::Missing(name));
        let invalid = |name, reason: &dyn std::fmt::Display| InvalidEnvironment::Invalid {
            name,
            reason: reason.to_string(),
        };
        const CERTIFICATE: &str = "IDENTITY_CERTIFICATE";
        let pem = optional(CERTIFICATE).or_else(|| certificate_of_region(region).map(str::to_owned));
        let pem = pem.ok_or(InvalidEnvironment::Missing(CERTIFICATE))?;
        const REQUIRED_AFTER: &str = "IDENTITY_REQUIRED_AFTER";
        Ok(Self {
            account: required("ACCOUNT_ID")?,
            launch_template: required("LAUNCH_TEMPLATE_ID")?,
            private_api: boolean("PRIVATE_API", &required("PRIVATE_API")?)?,
            certificate: Certificate::from_pem(&pem).map_err(|error| invalid(CERTIFICATE, &error))?,
            required_after: optional(REQUIRED_AFTER)
                .map(|text| text.parse().map_err(|error| invalid(REQUIRED_AFTER, &error)))
                .transpose()?,
        })
    }
}

fn boolean(name: &'static str, text: &str) -> Result<bool, InvalidEnvironment> {
    text.parse().map_err(|_| InvalidEnvironment::Invalid {
        name,
        reason: format!("'{text}' is neither true nor false"),
    })
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

    fn variables_of_join() -> BTreeMap<&'static str, &'static str> {
        let mut variables = variables();
        variables.extend([
            ("LAMBDA", "join"),
            ("ACCOUNT_ID", "123456789012"),
            ("LAUNCH_TEMPLATE_ID", "lt-1"),
            ("PRIVATE_API", "false"),
        ]);
        variables
    }

    fn read(variables: &BTreeMap<&'static str, &'static str>) -> Result<Environment, InvalidEnvironment> {
        Environment::read(|name| variables.get(name).map(|&value| value.to_owned()))
    }

    #[test]
    fn all_variables_are_read() {
        let environment = read(&variables()).unwrap();
        assert_eq!(environment.function, FunctionType::Fetch);
        assert_eq!(environment.host_group, HostGroup::Backends);
        assert_eq!(environment.group_name, "wekactl-wk-Backends");
        assert!(environment.keys.is_some() && !environment.scale_reads_table);
    }

    #[test]
    fn missing_variable_is_named() {
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
    fn invalid_variable_is_explained_without_showing_the_key() {
        for (name, value, reason) in [
            (
                "LAMBDA",
                "jion",
                "'jion' is not a function type; it is one of join",
            ),
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
    fn seal_key_is_needed_only_by_functions_that_exchange_messages() {
        for (function, needed) in [
            ("join", false),
            ("fetch", true),
            ("scale", true),
            ("terminate", true),
            ("transient", false),
        ] {
            let mut variables = variables_of_join();
            variables.insert("LAMBDA", function);
            // The messages are signed also if they contain no credentials.
            variables.insert("USE_DYNAMODB_ENDPOINT", "true");
            assert_eq!(read(&variables).unwrap().keys.is_some(), needed, "{function}");
            variables.remove("SEAL_KEY");
            assert_eq!(read(&variables).is_err(), needed, "{function}");
        }
    }

    #[test]
    fn join_needs_what_it_compares_and_a_certificate() {
        let requirements = read(&variables_of_join()).unwrap().requirements.unwrap();
        assert_eq!(requirements.required_after, None);
        assert!(read(&variables()).unwrap().requirements.is_none());
        for (name, value, error) in [
            ("ACCOUNT_ID", "", "environment variable ACCOUNT_ID is not set"),
            (
                "LAUNCH_TEMPLATE_ID",
                "",
                "environment variable LAUNCH_TEMPLATE_ID is not set",
            ),
            ("PRIVATE_API", "maybe", "'maybe' is neither true nor false"),
            (
                "REGION",
                "eu-west-9",
                "environment variable IDENTITY_CERTIFICATE is not set",
            ),
            (
                "IDENTITY_CERTIFICATE",
                "text",
                "IDENTITY_CERTIFICATE: not one certificate in PEM",
            ),
            ("IDENTITY_REQUIRED_AFTER", "noon", "IDENTITY_REQUIRED_AFTER: "),
        ] {
            let mut variables = variables_of_join();
            variables.insert(name, value);
            let shown = read(&variables).unwrap_err().to_string();
            assert!(shown.contains(error), "{shown}");
        }
        let mut variables = variables_of_join();
        variables.insert("IDENTITY_REQUIRED_AFTER", "2026-01-01T12:00:00Z");
        assert!(
            read(&variables)
                .unwrap()
                .requirements
                .unwrap()
                .required_after
                .is_some()
        );
    }
}
