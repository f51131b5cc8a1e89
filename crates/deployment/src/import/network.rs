use super::error::ImportError;
use ipnet::Ipv4Net;
use std::collections::BTreeSet;

/// The network of a VPC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    pub subnets: Vec<Subnet>,
    pub route_tables: Vec<RouteTable>,
    pub endpoints: Vec<Endpoint>,
    /// VPCs whose instances are dedicated by default.
    pub dedicated_vpcs: BTreeSet<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subnet {
    pub id: String,
    pub vpc: String,
    /// Availability zone.
    pub zone: String,
    /// The IPv4 addresses: `10.0.1.0/24`.
    pub cidr: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteTable {
    pub id: String,
    pub vpc: String,
    /// Whether it is the main route table of the VPC.
    pub main: bool,
    /// Associated subnets.
    pub subnets: BTreeSet<String>,
}

/// A VPC endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    pub id: String,
    pub vpc: String,
    /// For example `com.amazonaws.eu-west-1.execute-api`.
    pub service: String,
    /// `Interface` or `Gateway`.
    pub kind: String,
    /// `available` if it is in service.
    pub state: String,
    /// Route tables of a gateway endpoint.
    pub route_tables: BTreeSet<String>,
    /// Whether it resolves the service's public name in the VPC.
    pub private_dns: bool,
    /// Address ranges, prefix lists and security groups from which an interface endpoint allows HTTPS.
    pub https_from: BTreeSet<String>,
}

impl Network {
    /// The route table of a subnet: its own, else the main route table of the VPC.
    fn route_table(&self, subnet: &str, vpc: &str) -> Option<&RouteTable> {
        self.route_tables
            .iter()
            .find(|table| table.subnets.contains(subnet))
            .or_else(|| {
                self.route_tables
                    .iter()
                    .find(|table| table.main && table.vpc == vpc)
            })
    }

    /// The second subnet of the load balancer: as requested, else the first by id in another availability zone that has the
    /// same route table as the backends.
    pub(super) fn second_subnet(
        &self,
        subnet: &str,
        vpc: &str,
        wanted: Option<&str>,
    ) -> Result<String, ImportError> {
        let zone = self
            .subnets
            .iter()
            .find(|s| s.id == subnet)
            .map(|s| s.zone.as_str());
        if let Some(wanted) = wanted {
            let invalid = |reason: &str| {
                Err(ImportError::InvalidSecondSubnet {
                    subnet: wanted.to_owned(),
                    reason: reason.to_owned(),
                })
            };
            return match self.subnets.iter().find(|s| s.id == wanted) {
                None => invalid(&format!("is not a subnet of the backends' VPC {vpc}")),
                Some(found) if Some(found.zone.as_str()) == zone => invalid(&format!(
                    "is in the backends' own availability zone {}: a load balancer needs two",
                    found.zone
                )),
                Some(found) => Ok(found.id.clone()),
            };
        }
        let table = self.route_table(subnet, vpc);
        self.subnets
            .iter()
            .filter(|s| s.vpc == vpc && zone.is_some_and(|zone| s.zone != zone))
            .filter(|s| table.is_some() && self.route_table(&s.id, vpc) == table)
            .map(|s| s.id.clone())
            .min()
            .ok_or_else(|| ImportError::NoSecondSubnet {
                vpc: vpc.to_owned(),
                subnet: subnet.to_owned(),
            })
    }

    /// An error if new instances in the subnet could not reach a private API: it needs an interface endpoint with private DNS, which
    /// resolves the API's name, and which is open to the subnet or to one of the backends' security groups.
    pub(super) fn check_private_api(
        &self,
        region: &str,
        vpc: &str,
        subnet: &str,
        groups: &[String],
    ) -> Option<ImportError> {
        let (service, found) = self.api_endpoints(region, vpc);
        let missing = match found.iter().find(|endpoint| endpoint.private_dns) {
            Some(endpoint) if self.is_open(endpoint, subnet, groups) => return None,
            Some(Endpoint { id, .. }) => format!(
                "{id} does not let port 443 in from {} or {subnet}; allow it in its security groups",
                groups.join(", ")
            ),
            None => match found.first() {
                Some(Endpoint { id, .. }) => format!(
                    "{id} has no private DNS name, so the name of the API cannot be resolved; set it with `aws ec2 modify-vpc-endpoint --private-dns-enabled --vpc-endpoint-id {id}`"
                ),
                None => "there is none; create it (VPC > Endpoints)".to_owned(),
            },
        };
        Some(ImportError::NoApiEndpoint {
            service,
            vpc: vpc.to_owned(),
            missing,
        })
    }

    /// An error if new instances could not reach a regional API: an endpoint with private DNS resolves the names of all APIs of the
    /// region to itself, and answers with 403 for one that is not private
    /// (<https://repost.aws/knowledge-center/api-gateway-vpc-connections>).
    pub(super) fn check_regional_api(&self, region: &str, vpc: &str) -> Option<ImportError> {
        let (_, found) = self.api_endpoints(region, vpc);
        let endpoint = found.into_iter().find(|endpoint| endpoint.private_dns)?;
        Some(ImportError::RegionalApiUnreachable {
            endpoint: endpoint.id.clone(),
            vpc: vpc.to_owned(),
        })
    }

    fn api_endpoints(&self, region: &str, vpc: &str) -> (String, Vec<&Endpoint>) {
        self.endpoints_of(region, vpc, "execute-api", &["Interface"])
    }

    /// Whether an endpoint lets HTTPS in from instances in the subnet with these security groups. What a prefix list contains is not
    /// known, so it counts as open.
    fn is_open(&self, endpoint: &Endpoint, subnet: &str, groups: &[String]) -> bool {
        let subnet = self.subnets.iter().find(|other| other.id == subnet);
        let addresses: Option<Ipv4Net> = subnet.and_then(|subnet| subnet.cidr.parse().ok());
        endpoint
            .https_from
            .iter()
            .any(|source| match source.parse::<Ipv4Net>() {
                Ok(range) => addresses.is_some_and(|addresses| range.contains(&addresses)),
                Err(_) => groups.contains(source) || source.starts_with("pl-"),
            })
    }

    /// An error if the table cannot be read from the VPC: it needs an endpoint on the route table of the backends' subnet.
    pub(super) fn check_dynamodb_endpoint(
        &self,
        region: &str,
        vpc: &str,
        subnet: &str,
    ) -> Option<ImportError> {
        let (service, found) = self.endpoints_of(region, vpc, "dynamodb", &["Gateway", "Interface"]);
        let table = self
            .route_table(subnet, vpc)
            .map(|table| table.id.as_str())
            .unwrap_or_default();
        let missing = if found.is_empty() {
            "there is none; create it (VPC > Endpoints)".to_owned()
        } else if found
            .iter()
            .any(|e| e.kind == "Interface" || e.route_tables.contains(table))
        {
            return None;
        } else {
            format!("it is not on the route table of the backends' subnet {subnet}; add {table} to it")
        };
        Some(ImportError::NoDynamoDbEndpoint {
            service,
            vpc: vpc.to_owned(),
            missing,
        })
    }

    /// The full name of a service in this region, and its available endpoints.
    fn endpoints_of(
        &self,
        region: &str,
        vpc: &str,
        service: &str,
        kinds: &[&str],
    ) -> (String, Vec<&Endpoint>) {
        let tail = format!(".{region}.{service}");
        let found: Vec<_> = self
            .endpoints
            .iter()
            .filter(|e| e.vpc == vpc && e.service.ends_with(&tail) && kinds.contains(&e.kind.as_str()))
            .filter(|e| e.state.eq_ignore_ascii_case("available"))
            .collect();
        (format!("com.amazonaws{tail}"), found)
    }
}
