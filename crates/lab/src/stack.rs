//! A Weka CloudFormation stack in the local AWS.

use crate::python::scripts;
use crate::{Error, Moto};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// How the stack shall be. What is not said is as [`StackOptions::default`] has it: Weka's usual stack.
#[derive(Debug, Clone, Serialize)]
pub struct StackOptions {
    /// Its name; 1 to 128 letters, digits and hyphens.
    pub name: String,
    /// The number of backends that run.
    pub backends: u32,
    /// The number of clients; 0 leaves out their instance profile too.
    pub clients: u32,
    /// The number of backends that the stack still names though they were terminated.
    pub terminated_backends: u32,
    /// Whether there is a subnet in a second zone on the same route table.
    pub second_subnet: bool,
    /// Whether there is a classic load balancer, named `<name>-elb`, on port 14000.
    pub classic_load_balancer: bool,
    /// The backends' instance type.
    pub backend_type: String,
    /// The last backend's instance type, if it differs.
    pub odd_backend_type: Option<String>,
    /// The clients' instance type.
    pub client_type: String,
    /// `optional` or `required`, as the instances' metadata service wants tokens.
    pub http_tokens: String,
    /// The VPC is `127.<network>.0.0/16`. Clusters that run side by side on one machine have different ones, because a
    /// backend's API listens on its instance's address.
    pub network: u8,
    /// How many resources there are beside the usual, to have several pages (of 100) of them.
    pub other_resources: u32,
    /// The template's description; Weka's begins with `[WekaIO]`.
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

/// What was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stack {
    /// The stack's ARN.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The VPC.
    pub vpc: String,
    /// The route table of its subnets.
    pub route_table: String,
    /// The instances' subnet, and the second one where there is one.
    pub subnets: Vec<String>,
    /// The instances' security group.
    pub security_group: String,
    /// The backends that run.
    pub backends: Vec<String>,
    /// Those that do not.
    pub terminated_backends: Vec<String>,
    /// The clients.
    pub clients: Vec<String>,
    /// The classic load balancer's name.
    pub load_balancer: Option<String>,
}

/// Makes a stack and waits until it is complete.
///
/// # Errors
/// [`Error::Script`], for example for a name that is taken.
pub fn create(moto: &Moto, options: &StackOptions) -> Result<Stack, Error> {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/weka-stack.yaml");
    let options = serde_json::to_string(options).map_err(|source| Error::Answer {
        of: "the stack's options".to_owned(),
        source,
    })?;
    moto.run(
        &scripts().join("stack.py"),
        [template.as_os_str(), options.as_ref()],
    )
}
