use super::Resolve;
use crate::secret::Secret;
use serde::Serialize;

/// The table item with the credentials that the functions use to log in to Weka.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Credentials {
    pub username: String,
    pub password: Secret,
}

impl Resolve for Credentials {
    fn secrets(&self) -> Vec<(&'static str, Option<&Secret>)> {
        vec![("password", Some(&self.password))]
    }
}
