use crate::execute::ExecutionResult;
use crate::printer::Printer;
use aws::cloud::Cloud;
use deployment::plan::Plan;
use deployment::{HostGroup, Output, Outputs, ResourceId, Settings};
use instances::MountScript;
use serde_json::{Value as Json, json};

/// Prints the result, and the next steps if the plan was fully executed. Returns the exit status.
pub(super) fn finish(
    cloud: &Cloud,
    plan: &Plan,
    settings: &Settings,
    result: &ExecutionResult,
    printer: &Printer,
) -> u8 {
    let code = result.exit_code();
    let script = if result.is_complete() {
        host(settings, &result.outputs).map(|host| MountScript { host }.render())
    } else {
        None
    };
    if printer.is_json() {
        let script = script.map_or(Json::Null, Json::from);
        printer.json(&result.json(cloud, plan, [json!({ "mount_script": script })]));
    } else if let Some(script) = script {
        printer.line(&next_steps(cloud));
        printer.data(&script);
    }
    code
}

fn next_steps(cloud: &Cloud) -> String {
    format!(
        "To scale the cluster, change the desired capacity of Auto Scaling group {}.\nMount script for stateless clients:",
        cloud.names.of(HostGroup::Backends)
    )
}

/// The name that clients mount from.
fn host(settings: &Settings, outputs: &Outputs) -> Option<String> {
    let load_balancer = || outputs.get(ResourceId::LoadBalancer, Output::DnsName);
    settings
        .dns_alias
        .clone()
        .or_else(|| Some(load_balancer()?.reveal().to_owned()))
}
