use crate::python::scripts;
use crate::{Error, Moto};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The properties of a Weka CloudFormation stack. The default is a typical stack.
#[derive(Debug, Clone, Serialize)]
pub struct StackOptions {
    /// 1 to 128 letters, digits and hyphens.
    pub name: String,
    /// The number of running backends.
    pub backends: u32,
    /// The number of clients. With 0, their instance profile is also omitted.
    pub clients: u32,
    /// The number of terminated backends that the stack still lists.
    pub terminated_backends: u32,
    /// Adds a subnet in a second zone with the same route table.
    pub second_subnet: bool,
    /// Adds a classic load balancer named `<name>-elb` on port 14000.
    pub classic_load_balancer: bool,
    pub backend_type: String,
    /// The last backend's instance type if it differs.
    pub odd_backend_type: Option<String>,
    pub client_type: String,
    /// `optional` or `required`: whether the instance metadata service requires tokens.
    pub http_tokens: String,
    /// The VPC is `127.<network>.0.0/16`. Concurrent clusters on one machine need different networks, because a backend's
    /// API listens on its instance's address.
    pub network: u8,
    /// The number of additional resources, to test pagination (100 per page).
    pub other_resources: u32,
    /// The description of Weka's template starts with `[WekaIO]`.
    pub description: String,
}

impl Default for StackOptions {
    fn default() -> Self {
        Self {
            name: "wk".to_owned(),
            backends: 6,
            clients: 2,
            terminated_backends: 0,
            second_subnet: true,
            classic_load_balancer: true,
            backend_type: "i3en.2xlarge".to_owned(),
            odd_backend_type: None,
            client_type: "c5.2xlarge".to_owned(),
            http_tokens: "optional".to_owned(),
            network: 10,
            other_resources: 0,
            description: "[WekaIO] A Weka cluster in the lab".to_owned(),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stack {
    /// The stack's ARN.
    pub id: String,
    pub name: String,
    pub vpc: String,
    pub route_table: String,
    /// The instances' subnet, then the second one if it exists.
    pub subnets: Vec<String>,
    pub security_group: String,
    /// The running backends.
    pub backends: Vec<String>,
    pub terminated_backends: Vec<String>,
    pub clients: Vec<String>,
    /// The name of the classic load balancer.
    pub load_balancer: Option<String>,
}

/// Creates a stack and waits until it is complete.
///
/// # Errors
/// [`Error::Script`], for example if the name already exists.
pub fn create_stack(moto: &Moto, options: &StackOptions) -> Result<Stack, Error> {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/weka-stack.yaml");
    let options = serde_json::to_string(options).map_err(|source| Error::InvalidOutput {
        of: "the stack's options".to_owned(),
        source,
    })?;
    moto.run(
        &scripts().join("stack.py"),
        [template.as_os_str(), options.as_ref()],
    )
}
