use super::error::ImportError;
use std::collections::BTreeSet;

/// The network of a VPC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    pub subnets: Vec<Subnet>,
    pub route_tables: Vec<RouteTable>,
    pub endpoints: Vec<Endpoint>,
    /// Address ranges of the VPC.
    pub cidrs: Vec<String>,
    /// VPCs whose instances are dedicated by default.
    pub dedicated_vpcs: BTreeSet<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subnet {
    pub id: String,
    pub vpc: String,
    /// Availability zone.
    pub zone: String,
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
    /// Address ranges and security groups from which an interface endpoint allows HTTPS.
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

    /// An error if a private API lacks an interface endpoint that is open to the backends' security groups or the whole VPC.
    pub(super) fn check_private_api(
        &self,
        region: &str,
        vpc: &str,
        groups: &[String],
    ) -> Option<ImportError> {
        let is_open = |endpoint: &Endpoint| {
            groups.iter().all(|group| endpoint.https_from.contains(group))
                || self.cidrs.iter().all(|cidr| endpoint.https_from.contains(cidr))
                || endpoint.https_from.contains("0.0.0.0/0")
        };
        let (service, found) = self.endpoints_of(region, vpc, "execute-api", &["Interface"]);
        let missing = match found.as_slice() {
            [] => "there is none; create it (VPC > Endpoints)".to_owned(),
            found if found.iter().any(|endpoint| is_open(endpoint)) => return None,
            found => format!(
                "{} does not let port 443 in from {} or the whole VPC; allow it in its security groups",
                found.iter().map(|e| e.id.as_str()).collect::<Vec<_>>().join(", "),
                groups.join(", ")
            ),
        };
        Some(ImportError::NoApiEndpoint {
            service,
            vpc: vpc.to_owned(),
            missing,
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
