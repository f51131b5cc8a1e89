use crate::names::HostGroup;
use std::collections::BTreeMap;
use weka_types::MINIMUM_BACKENDS;

/// Why a cluster cannot be imported: one line, with what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The stack is not Weka's.
    #[error(
        "stack '{stack}' is not a Weka stack (its description does not begin with '[WekaIO]'): `wekactl cluster list` shows those that are"
    )]
    NotWeka {
        /// The stack's name.
        stack: String,
    },
    /// The stack is being changed, or has failed.
    #[error(
        "stack '{stack}' is {status}: it must be complete, such as CREATE_COMPLETE; wait for it or repair it first"
    )]
    NotComplete {
        /// The stack's name.
        stack: String,
        /// Its status.
        status: String,
    },
    /// Instances that were given are not there.
    #[error("{} {} gone or never existed: leave {} out of --instance-ids", .0.join(", "), if .0.len() == 1 { "is" } else { "are" }, if .0.len() == 1 { "it" } else { "them" })]
    Gone(Vec<String>),
    /// Weka does not run with so few.
    #[error("{0} backend instances found, minimum is {MINIMUM_BACKENDS}")]
    TooFewBackends(usize),
    /// The instances are not alike.
    #[error("the {} instances are of several {}: {}; import only instances that are alike (--instance-ids)", group.role(), plural(fact), listed(values))]
    Mixed {
        /// The host group.
        group: HostGroup,
        /// In what they differ.
        fact: &'static str,
        /// The values, and who has each.
        values: BTreeMap<String, Vec<String>>,
    },
    /// An instance is managed by another group.
    #[error(
        "instance {instance} is in the Auto Scaling group '{group}' already: detach it first, or leave it out"
    )]
    InAnotherGroup {
        /// The instance.
        instance: String,
        /// The group.
        group: String,
    },
    /// An instance is tagged as another cluster's.
    #[error(
        "instance {instance} is tagged as cluster '{cluster}' (wekactl.io/cluster_name): import it under that name, or leave it out"
    )]
    OfAnotherCluster {
        /// The instance.
        instance: String,
        /// The cluster.
        cluster: String,
    },
    /// Instances that cannot be attached as they are.
    #[error("{} not running: a group takes only running instances; start or leave out", .0.join(", "))]
    NotRunning(Vec<String>),
    /// The instance type is in no table.
    #[error(
        "instance type {0} is unknown; known: {known}; for another give --cores compute=N,frontend=N,drive=N and --compute-memory SIZE",
        known = instances::known_types().collect::<Vec<_>>().join(", ")
    )]
    UnknownType(String),
    /// New instances would have no rights.
    #[error("instance {0} has no instance profile: new instances need the one that Weka's stack makes")]
    NoInstanceProfile(String),
    /// One flag without the other.
    #[error("--dns-alias and --dns-zone-id go together: give both or neither")]
    HalfAnAlias,
    /// The DNS name stands for something else.
    #[error("{alias} points at {target} already: remove that record, or choose another --dns-alias")]
    AliasTaken {
        /// The name.
        alias: String,
        /// What it points at.
        target: String,
    },
    /// The hosted zone for the DNS name is not there.
    #[error(
        "there is no hosted zone {zone_id}: --dns-zone-id takes the id of one of this account's, as Route 53 shows it"
    )]
    NoZone {
        /// The zone's id.
        zone_id: String,
    },
    /// The hosted zone can have no record of the DNS name.
    #[error(
        "--dns-alias {alias} is not within {zone}, of which hosted zone {zone_id} is: give a name within it, or another --dns-zone-id"
    )]
    AliasOutsideZone {
        /// The DNS name.
        alias: String,
        /// The zone's id.
        zone_id: String,
        /// The zone's name.
        zone: String,
    },
    /// No second subnet was found.
    #[error(
        "no second subnet for the load balancer: none in {vpc} in another availability zone than {subnet} shares its route table; name one with --additional-alb-subnet"
    )]
    NoSecondSubnet {
        /// The VPC.
        vpc: String,
        /// The backends' subnet.
        subnet: String,
    },
    /// The second subnet that was given does not do.
    #[error("--additional-alb-subnet {subnet} {reason}")]
    BadSecondSubnet {
        /// The subnet.
        subnet: String,
        /// Why.
        reason: String,
    },
    /// New instances could not reach the private API.
    #[error("--private-subnet needs an interface endpoint for {service} in {vpc}: {missing}")]
    NoApiEndpoint {
        /// The endpoint's service.
        service: String,
        /// The VPC.
        vpc: String,
        /// What is missing.
        missing: String,
    },
    /// The scale function could not read the table.
    #[error("--use-dynamodb-endpoint needs an endpoint for {service} in {vpc}: {missing}")]
    NoDynamoDbEndpoint {
        /// The endpoint's service.
        service: String,
        /// The VPC.
        vpc: String,
        /// What is missing.
        missing: String,
    },
    /// Only one can be attached and cared for.
    #[error("the stack has several classic load balancers ({}): wekactl attaches one", .0.join(", "))]
    SeveralClassicLoadBalancers(Vec<String>),
}

fn plural(fact: &str) -> String {
    if fact.ends_with('s') {
        fact.to_owned()
    } else {
        format!("{fact}s")
    }
}

fn listed(values: &BTreeMap<String, Vec<String>>) -> String {
    let each = |(value, who): (&String, &Vec<String>)| match who.as_slice() {
        [one] => format!("{value} ({one})"),
        [one, two] => format!("{value} ({one}, {two})"),
        [one, two, rest @ ..] => format!("{value} ({one}, {two} and {} more)", rest.len()),
        [] => value.clone(),
    };
    values.iter().map(each).collect::<Vec<_>>().join(", ")
}
