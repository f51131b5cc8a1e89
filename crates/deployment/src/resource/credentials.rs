use super::Resolve;
use crate::secret::Secret;
use serde::Serialize;

/// The item of the credentials with which the functions log in to Weka.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// The password.
    pub password: Secret,
}

impl Resolve for Credentials {
    fn secrets(&self) -> Vec<(&'static str, Option<&Secret>)> {
        vec![("password", Some(&self.password))]
    }
}
