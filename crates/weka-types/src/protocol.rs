use serde::{Deserialize, Serialize};

/// How to connect to the Weka management API of the backends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WekaApi {
    #[serde(default)]
    pub protocol: WekaProtocol,
    /// CA certificates in PEM. A backend must present one of them, or a certificate that one of them signed; `None`
    /// accepts any certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

/// The protocol of the Weka management API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WekaProtocol {
    /// Weka's default.
    #[default]
    Https,
    /// Without encryption.
    Http,
}
