use secrecy::SecretString;

/// The credentials of a Weka user.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub username: String,
    pub password: SecretString,
}
