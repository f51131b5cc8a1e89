//! The options of `cluster import`, and the request that they make.

use crate::certificate_file;
use crate::failure::{Failure, USAGE};
use crate::flags::{ClusterFlag, DryRunFlags, LoginFlags, PackageFlag, YesFlag};
use clap::Args;
use deployment::import::ImportRequest;
use deployment::policy::is_policy_arn;
use deployment::{ClusterName, HostName, Tags};
use instances::{ClientMount, ComputeMemory, Cores, Profile};
use std::path::PathBuf;
use weka_types::WekaProtocol;

/// Import a running cluster and scale it with an Auto Scaling group
///
/// The instances are those of the CloudFormation stack with the cluster's name, or those of --instance-ids. Import is idempotent:
/// rerun it to resume; on an imported cluster without drift it is a no-op.
#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(flatten)]
    cluster: ClusterFlag,
    #[command(flatten)]
    pub(super) login: LoginFlags,
    /// Import these instances instead of those of a stack
    #[arg(short, long, value_delimiter = ',', value_name = "ID")]
    pub(super) instance_ids: Vec<String>,
    /// Tag for every created resource; can be repeated
    #[arg(short, long, value_name = "KEY=VALUE")]
    tags: Vec<String>,
    /// The subnet is private: assign no public addresses, and create a private join API
    #[arg(short = 's', long)]
    private_subnet: bool,
    /// Second subnet of the load balancer, in another availability zone
    #[arg(short = 'a', long, value_name = "SUBNET")]
    additional_alb_subnet: Option<String>,
    /// DNS name for the load balancer; requires --dns-zone-id
    #[arg(short = 'l', long, value_name = "NAME")]
    dns_alias: Option<String>,
    /// Hosted zone of the DNS name; requires --dns-alias
    #[arg(short = 'z', long, value_name = "ZONE")]
    dns_zone_id: Option<String>,
    /// The VPC has a DynamoDB endpoint: let the scale function read the credentials through it
    #[arg(short = 'd', long)]
    use_dynamodb_endpoint: bool,
    /// PEM file of trusted certificates: a backend must present one of them, or one signed by one of them
    #[arg(long, value_name = "FILE", conflicts_with = "weka_http")]
    weka_ca: Option<PathBuf>,
    /// Use plain HTTP for the backends' API: the Weka password is sent unencrypted
    #[arg(long)]
    pub(super) weka_http: bool,
    /// AMI of new instances, instead of that of the imported ones
    #[arg(long, value_name = "AMI")]
    image_id: Option<String>,
    /// Whether new instances require tokens for the instance metadata service (IMDSv2). Weka before 4.2.6 needs `optional`
    #[arg(long, value_name = "MODE", value_parser = ["required", "optional"], default_value = "required")]
    http_tokens: String,
    /// Do not import the stack's clients
    #[arg(long)]
    no_clients: bool,
    /// Weka filesystem that new clients mount, and where; can be repeated [default: default=/mnt/weka]
    #[arg(long, value_name = "FILESYSTEM=PATH", conflicts_with = "no_clients")]
    client_mount: Vec<String>,
    /// Do not verify the username and password with Weka first
    #[arg(long)]
    pub(super) no_verify: bool,
    /// Permissions boundary of the created roles. If it is omitted, an earlier import's is kept
    #[arg(long, value_name = "ARN")]
    permissions_boundary: Option<String>,
    /// PEM file of the RSA-2048 certificate that verifies the identity documents of new instances, for a region that wekactl does
    /// not know. If it is omitted, an earlier import's is kept
    #[arg(long, value_name = "FILE")]
    identity_cert: Option<PathBuf>,
    /// Do not check the permissions of the AWS credentials first
    #[arg(long)]
    pub(super) no_permission_check: bool,
    /// Weka cores, for an instance type that wekactl does not know; requires --compute-memory
    #[arg(long, value_name = "compute=N,frontend=N,drive=N")]
    cores: Option<String>,
    /// Memory of the compute container, for an instance type that wekactl does not know; requires --cores
    #[arg(long, value_name = "SIZE")]
    compute_memory: Option<String>,
    #[command(flatten)]
    pub(super) package: PackageFlag,
    #[command(flatten)]
    pub(super) dry_run: DryRunFlags,
    #[command(flatten)]
    pub(super) yes: YesFlag,
}

impl Import {
    /// # Errors
    /// All invalid options together.
    pub(super) fn request(&self) -> Result<ImportRequest, Failure> {
        let mut errors = Vec::new();
        let cluster = self
            .cluster
            .name
            .parse::<ClusterName>()
            .map_err(|error| errors.push(error.to_string()))
            .ok();
        let tags = Tags::from_arguments(self.tags.iter().map(String::as_str));
        let tags = tags
            .map_err(|invalid| errors.extend(invalid.iter().map(ToString::to_string)))
            .unwrap_or_default();
        let profile = match (&self.cores, &self.compute_memory) {
            (None, None) => None,
            (Some(cores), Some(memory)) => {
                let cores = cores
                    .parse::<Cores>()
                    .map_err(|error| errors.push(error.to_string()));
                let memory = memory
                    .parse::<ComputeMemory>()
                    .map_err(|error| errors.push(error.to_string()));
                cores
                    .ok()
                    .zip(memory.ok())
                    .map(|(cores, compute_memory)| Profile {
                        cores,
                        compute_memory,
                    })
            }
            _ => {
                errors
                    .push("--cores and --compute-memory require each other: use both or neither".to_owned());
                None
            }
        };
        let mut client_mounts: Vec<ClientMount> = Vec::new();
        for text in &self.client_mount {
            match text.parse::<ClientMount>() {
                Ok(mount) if client_mounts.iter().any(|other| other.path() == mount.path()) => {
                    errors.push(format!("--client-mount: {} is given twice", mount.path()));
                }
                Ok(mount) => client_mounts.push(mount),
                Err(error) => errors.push(format!("--client-mount: {error}")),
            }
        }
        let dns_alias = self.dns_alias.as_deref().and_then(|name| {
            let name = name
                .parse::<HostName>()
                .map_err(|error| errors.push(format!("--dns-alias: {error}")));
            name.ok()
        });
        if self.dns_alias.is_some() != self.dns_zone_id.is_some() {
            errors.push("--dns-alias and --dns-zone-id require each other: use both or neither".to_owned());
        }
        let weka_ca = self.weka_ca.as_deref().and_then(|path| {
            let ca = certificate_file::weka_ca("--weka-ca", path).map_err(|error| errors.push(error));
            ca.ok().map(|ca| ca.pem().to_owned())
        });
        let identity_certificate = self.identity_cert.as_deref().and_then(|path| {
            let pem = certificate_file::identity(path).map_err(|error| errors.push(error));
            pem.ok()
        });
        if self.login.username.is_empty() {
            errors.push("--username is empty".to_owned());
        }
        for id in &self.instance_ids {
            if !is_id(id, "i-") {
                errors.push(format!(
                    "'{id}' is not an instance ID: use an ID like i-0123456789abcdef0"
                ));
            }
        }
        if let Some(id) = self.image_id.as_deref().filter(|id| !is_id(id, "ami-")) {
            errors.push(format!(
                "--image-id: '{id}' is not an AMI ID: use an ID like ami-0123456789abcdef0"
            ));
        }
        if let Some(arn) = self
            .permissions_boundary
            .as_deref()
            .filter(|arn| !is_policy_arn(arn))
        {
            errors.push(format!(
                "--permissions-boundary: '{arn}' is not the ARN of a policy: use an ARN like arn:aws:iam::123456789012:policy/NAME"
            ));
        }
        let (Some(cluster), true) = (cluster, errors.is_empty()) else {
            return Err(Failure::all(USAGE, errors));
        };
        Ok(ImportRequest {
            cluster,
            tags,
            private_subnet: self.private_subnet,
            additional_subnet: self.additional_alb_subnet.clone(),
            dns_alias,
            dns_zone_id: self.dns_zone_id.clone(),
            use_dynamodb_endpoint: self.use_dynamodb_endpoint,
            weka_protocol: if self.weka_http {
                WekaProtocol::Http
            } else {
                WekaProtocol::Https
            },
            weka_ca,
            clients: !self.no_clients,
            client_mounts,
            profile,
            image_id: self.image_id.clone(),
            permissions_boundary: self.permissions_boundary.clone(),
            identity_certificate,
            http_tokens: self.http_tokens.clone(),
            build_version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }
}

/// Whether a text has the form of an EC2 id with this prefix.
fn is_id(text: &str, prefix: &str) -> bool {
    let hex = text.strip_prefix(prefix).unwrap_or_default();
    !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}
