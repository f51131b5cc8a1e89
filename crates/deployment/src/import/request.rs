use crate::host_name::HostName;
use crate::names::ClusterName;
use crate::tags::Tags;
use weka_types::WekaProtocol;

/// What the user requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRequest {
    pub cluster: ClusterName,
    /// Tags in addition to wekactl's own.
    pub tags: Tags,
    /// `--private-subnet`.
    pub private_subnet: bool,
    /// `--additional-alb-subnet`.
    pub additional_subnet: Option<String>,
    /// `--dns-alias`.
    pub dns_alias: Option<HostName>,
    /// `--dns-zone-id`.
    pub dns_zone_id: Option<String>,
    /// `--use-dynamodb-endpoint`.
    pub use_dynamodb_endpoint: bool,
    /// `--weka-http`, or HTTPS.
    pub weka_protocol: WekaProtocol,
    /// The certificates of `--weka-ca`, in PEM.
    pub weka_ca: Option<String>,
    /// Whether clients get a host group: `false` with `--no-clients`.
    pub clients: bool,
    /// `--client-mount`: what new clients mount. If it is empty, an earlier import's is kept.
    pub client_mounts: Vec<instances::ClientMount>,
    /// `--cores` and `--compute-memory`.
    pub profile: Option<instances::Profile>,
    /// `--image-id`: the AMI of new instances; `None` for that of the imported ones.
    pub image_id: Option<String>,
    /// `--http-tokens`: the IMDS token mode of new instances, `optional` or `required`.
    pub http_tokens: String,
    /// `--permissions-boundary`: the ARN of a policy; `None` for that of an earlier import.
    pub permissions_boundary: Option<String>,
    /// `--identity-cert`, in PEM; `None` for that of an earlier import, or of the region.
    pub identity_certificate: Option<String>,
    /// The version of wekactl.
    pub build_version: String,
}
