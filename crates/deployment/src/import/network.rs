use super::ImportError;
use std::collections::BTreeSet;

/// The network of the VPC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// The VPC's subnets.
    pub subnets: Vec<Subnet>,
    /// Its route tables.
    pub route_tables: Vec<RouteTable>,
    /// Its endpoints.
    pub endpoints: Vec<Endpoint>,
    /// The VPC's own address ranges.
    pub cidrs: Vec<String>,
}

/// A subnet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// Its availability zone.
    pub zone: String,
}

/// A route table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteTable {
    /// Its id.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// Whether it is the VPC's main one.
    pub main: bool,
    /// The subnets that are associated with it.
    pub subnets: BTreeSet<String>,
}

/// A VPC endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// Its service, such as `com.amazonaws.eu-west-1.execute-api`.
    pub service: String,
    /// `Interface` or `Gateway`.
    pub kind: String,
    /// `available` when it works.
    pub state: String,
    /// The route tables of a gateway.
    pub route_tables: BTreeSet<String>,
    /// From where an interface lets HTTPS in: address ranges and security groups.
    pub https_from: BTreeSet<String>,
}

impl Network {
    /// The route table of a subnet: its own, else the VPC's main one.
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

    /// The load balancer's second subnet: the one given, else the first by id in another availability zone that shares
    /// the backends' route table.
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
            let bad = |reason: &str| {
                Err(ImportError::BadSecondSubnet {
                    subnet: wanted.to_owned(),
                    reason: reason.to_owned(),
                })
            };
            return match self.subnets.iter().find(|s| s.id == wanted) {
                None => bad(&format!("is no subnet of the backends' VPC {vpc}")),
                Some(found) if Some(found.zone.as_str()) == zone => bad(&format!(
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

    /// What a private API lacks: an interface endpoint, open to the backends' security groups or the whole VPC.
    pub(super) fn check_private_api(
        &self,
        region: &str,
        vpc: &str,
        groups: &[String],
    ) -> Option<ImportError> {
        let open = |endpoint: &Endpoint| {
            groups.iter().all(|group| endpoint.https_from.contains(group))
                || self.cidrs.iter().all(|cidr| endpoint.https_from.contains(cidr))
                || endpoint.https_from.contains("0.0.0.0/0")
        };
        let (service, found) = self.endpoints_of(region, vpc, "execute-api", &["Interface"]);
        let missing = match found.as_slice() {
            [] => "there is none; create it (VPC > Endpoints)".to_owned(),
            found if found.iter().any(|endpoint| open(endpoint)) => return None,
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

    /// What reading the table from within the VPC lacks: an endpoint on the route table of the backends' subnet.
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

    /// The full name of a service in this region, and its endpoints that work.
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
