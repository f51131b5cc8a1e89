use crate::names::HostGroup;
use std::collections::BTreeMap;
use weka_types::MINIMUM_BACKENDS;

/// Why a cluster cannot be imported. The message is one line and says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The stack is not a Weka stack.
    #[error(
        "stack '{stack}' is not a Weka stack (its description does not begin with '[WekaIO]'): `wekactl cluster list` shows those that are"
    )]
    NotWeka { stack: String },
    /// The stack is being changed, or has failed.
    #[error(
        "stack '{stack}' is {status}: it must be complete, such as CREATE_COMPLETE; wait for it or fix it first"
    )]
    NotComplete { stack: String, status: String },
    /// Requested instances do not exist.
    #[error("{} {} gone or never existed: omit {} from --instance-ids", .0.join(", "), if .0.len() == 1 { "is" } else { "are" }, if .0.len() == 1 { "it" } else { "them" })]
    MissingInstances(Vec<String>),
    /// Weka needs more backends.
    #[error("{0} backend instances found, minimum is {MINIMUM_BACKENDS}")]
    TooFewBackends(usize),
    /// The instances differ.
    #[error("the {} instances have different {}: {}; import only instances with the same settings (--instance-ids)", group.role(), plural(fact), listed(values))]
    Mixed {
        group: HostGroup,
        fact: &'static str,
        values: BTreeMap<String, Vec<String>>,
    },
    /// An instance is a member of another Auto Scaling group.
    #[error(
        "instance {instance} is in the Auto Scaling group '{group}' already: detach it first, or omit it"
    )]
    InAnotherGroup { instance: String, group: String },
    /// An instance has the tag of another cluster.
    #[error(
        "instance {instance} is tagged as cluster '{cluster}' (wekactl.io/cluster_name): import it under that name, or omit it"
    )]
    OfAnotherCluster { instance: String, cluster: String },
    /// Stopped instances cannot be attached.
    #[error("{} not running: only running instances can be attached to a group; start or omit them", .0.join(", "))]
    NotRunning(Vec<String>),
    /// wekactl's tags have a '/' in their keys, which EC2 refuses while an instance's tags are in its metadata.
    #[error(
        "{} instance tags in the instance metadata: EC2 refuses wekactl's tags then; turn it off with `aws ec2 modify-instance-metadata-options --instance-metadata-tags disabled --instance-id ID`",
        if .0.len() == 1 { format!("{} allows", .0[0]) } else { format!("{} allow", .0.join(", ")) }
    )]
    MetadataTags(Vec<String>),
    /// wekactl does not know the instance type.
    #[error(
        "instance type {0} is unknown; known: {known}; for other types use --cores compute=N,frontend=N,drive=N and --compute-memory SIZE",
        known = instances::known_types().collect::<Vec<_>>().join(", ")
    )]
    UnknownType(String),
    /// New instances could not be launched.
    #[error("{image}, the AMI of the {} instances, {problem}: set one for new instances with --image-id AMI", group.role())]
    NoImage {
        group: HostGroup,
        image: String,
        problem: String,
    },
    /// The requested AMI cannot be used.
    #[error("--image-id {image} {problem}: use another AMI")]
    InvalidImage { image: String, problem: String },
    /// New instances could not be launched.
    #[error(
        "key pair '{key}' of the {} instances does not exist, so EC2 would launch no new instance: import a public key under this name with `aws ec2 import-key-pair`",
        group.role()
    )]
    NoKeyPair { group: HostGroup, key: String },
    /// New instances could not be launched.
    #[error(
        "{key}, which encrypts the volumes of the {} instances, does not let EC2 Auto Scaling use it, so it would launch no new instance: allow AWSServiceRoleForAutoScaling in the key policy or by a grant, see docs/permissions.md",
        group.role()
    )]
    KeyRefusesAutoScaling { group: HostGroup, key: String },
    /// Lambda does not attach functions to such a VPC:
    /// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>.
    #[error(
        "{0} has dedicated instance tenancy, which Lambda functions cannot be attached to: change it with `aws ec2 modify-vpc-tenancy --instance-tenancy default --vpc-id {0}`; it does not affect running instances"
    )]
    DedicatedVpc(String),
    /// New instances would have no permissions.
    #[error(
        "instance {0} has no instance profile: new instances need the instance profile that Weka's stack creates"
    )]
    NoInstanceProfile(String),
    /// IAM would refuse the creation of the roles.
    #[error(
        "--permissions-boundary {boundary} is not a policy of account {account} or of AWS in its partition: use one that is"
    )]
    ForeignBoundary { boundary: String, account: String },
    /// New instances could not prove their identity.
    #[error(
        "wekactl has no certificate for the instance identity documents of region {0}: use --identity-cert FILE with the region's RSA-2048 certificate from the EC2 User Guide"
    )]
    NoIdentityCertificate(String),
    /// One option is given without the other.
    #[error("--dns-alias and --dns-zone-id require each other: use both or neither")]
    HalfAnAlias,
    /// The DNS name is in use.
    #[error("{alias} already points at {target}: remove that record, or choose another --dns-alias")]
    AliasTaken { alias: String, target: String },
    /// The hosted zone does not exist.
    #[error(
        "hosted zone {zone_id} does not exist: --dns-zone-id is the id of a hosted zone of this account, as Route 53 shows it"
    )]
    NoZone { zone_id: String },
    /// The hosted zone cannot contain the DNS name.
    #[error(
        "--dns-alias {alias} is not within {zone}, the domain of hosted zone {zone_id}: use a name within it, or another --dns-zone-id"
    )]
    AliasOutsideZone {
        alias: String,
        zone_id: String,
        zone: String,
    },
    /// No second subnet was found.
    #[error(
        "no second subnet for the load balancer: no subnet of {vpc} in another availability zone has the route table of {subnet}; set one with --additional-alb-subnet"
    )]
    NoSecondSubnet { vpc: String, subnet: String },
    /// The requested second subnet cannot be used.
    #[error("--additional-alb-subnet {subnet} {reason}")]
    InvalidSecondSubnet { subnet: String, reason: String },
    /// New instances could not reach the private API.
    #[error("--private-subnet needs an interface endpoint for {service} in {vpc}: {missing}")]
    NoApiEndpoint {
        service: String,
        vpc: String,
        missing: String,
    },
    /// New instances could not reach the regional API.
    #[error(
        "{endpoint} in {vpc} has a private DNS name for execute-api, so new instances could not reach a regional join API: use --private-subnet, or remove the name with `aws ec2 modify-vpc-endpoint --no-private-dns-enabled --vpc-endpoint-id {endpoint}`"
    )]
    RegionalApiUnreachable { endpoint: String, vpc: String },
    /// The scale function could not read the table.
    #[error("--use-dynamodb-endpoint needs an endpoint for {service} in {vpc}: {missing}")]
    NoDynamoDbEndpoint {
        service: String,
        vpc: String,
        missing: String,
    },
    /// The option would have no effect.
    #[error("--client-mount: no client is imported, so nothing would be mounted; omit the option")]
    NoClientsToMount,
    /// wekactl attaches only one.
    #[error("the stack has several classic load balancers ({}): wekactl attaches one", .0.join(", "))]
    SeveralClassicLoadBalancers(Vec<String>),
}

pub(super) fn plural(fact: &str) -> String {
    if fact.ends_with('s') {
        fact.to_owned()
    } else {
        format!("{fact}s")
    }
}

pub(super) fn listed(values: &BTreeMap<String, Vec<String>>) -> String {
    let each = |(value, who): (&String, &Vec<String>)| match who.as_slice() {
        [one] => format!("{value} ({one})"),
        [one, two] => format!("{value} ({one}, {two})"),
        [one, two, rest @ ..] => format!("{value} ({one}, {two} and {} more)", rest.len()),
        [] => value.clone(),
    };
    values.iter().map(each).collect::<Vec<_>>().join(", ")
}
