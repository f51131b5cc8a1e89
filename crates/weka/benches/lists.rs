//! Benchmark of parsing Weka's lists and planning for large clusters; `cargo xtask bench` runs it.
//!
//! Prints one line for each cluster size: the size of the lists, how fast they are parsed, and how long building the view,
//! planning and checking take: once with nothing to do, and once with a tenth of the machines in excess.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a benchmark prints times and panics on errors"
)]

use jiff::Timestamp;
use scaling::drain::{check, plan};
use scaling::messages::{Instance, Role};
use scaling::policy::{GracePeriods, Group};
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};
use weka::response::parse;
use weka_types::lists::{Drives, Hosts, Lists, Nodes, Status};

const REPETITIONS: usize = 7;

fn main() {
    println!("machines  containers  lists MB  parse MB/s  plan+check ms  with a tenth in excess ms");
    for machines in [1_000, 10_000, 100_000] {
        let repetitions = if machines > 10_000 { 3 } else { REPETITIONS };
        measure(machines, repetitions);
    }
}

fn measure(machines: u32, repetitions: usize) {
    let texts = [hosts(machines), disks(machines), nodes(machines)];
    let bytes: usize = texts.iter().map(String::len).sum();
    let mut lists = Lists {
        status: Status {
            io_status: "STARTED".into(),
            ..Status::default()
        },
        ..Lists::default()
    };
    let parsing = shortest(repetitions, || {
        lists.hosts = parse::<Hosts>(texts[0].as_bytes()).unwrap();
        lists.drives = parse::<Drives>(texts[1].as_bytes()).unwrap();
        lists.nodes = parse::<Nodes>(texts[2].as_bytes()).unwrap();
    });
    drop(texts);
    let now: Timestamp = "2026-01-31T08:00:00Z".parse().unwrap();
    let mut planning = [Duration::ZERO; 2];
    for (time, desired) in planning.iter_mut().zip([machines, machines - machines / 10]) {
        let group = Group {
            role: Role::Backend,
            desired,
            instances: (0..machines)
                .map(|machine| Instance {
                    id: instance(machine),
                    private_ip: address(machine),
                })
                .collect(),
            grace_periods: GracePeriods::default(),
        };
        *time = shortest(repetitions, || {
            let (plan, report) = plan(&lists, &group, now).unwrap();
            check(&plan, &lists, &group, now).unwrap();
            assert_eq!(report.to_deactivate, (machines - desired) as usize);
        });
    }
    let megabytes = bytes as f64 / 1e6;
    println!(
        "{machines:>8}  {:>10}  {megabytes:>8.1}  {:>9.0}  {:>13.1}  {:>24.1}",
        lists.hosts.0.len(),
        megabytes / parsing.as_secs_f64(),
        planning[0].as_secs_f64() * 1e3,
        planning[1].as_secs_f64() * 1e3,
    );
}

fn shortest(repetitions: usize, mut action: impl FnMut()) -> Duration {
    (0..repetitions)
        .map(|_| {
            let start = Instant::now();
            action();
            start.elapsed()
        })
        .min()
        .unwrap()
}

fn address(machine: u32) -> String {
    let [_, high, middle, low] = machine.to_be_bytes();
    format!("10.{high}.{middle}.{low}")
}

fn instance(machine: u32) -> String {
    format!("i-{machine:017x}")
}

/// A response with this result.
fn response(result: Map<String, Value>) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "result": result }).to_string()
}

/// Containers with every field that Weka sends. Most of the fields are ignored.
fn hosts(machines: u32) -> String {
    let containers = ["drives0", "compute0", "frontend0"];
    let host = |machine: u32, index: usize| {
        json!({
            "added_time": "2025-11-02T10:20:30.123456Z",
            "auto_remove_timeout": null,
            "aws": { "availability_zone": "eu-west-1a", "instance_id": instance(machine), "instance_type": "i3en.2xlarge", "region": "eu-west-1" },
            "bandwidth": 0,
            "container_name": containers[index],
            "cores": 1,
            "cores_ids": [1 + index],
            "dedicated": true,
            "drives_dedicated_cores": u8::from(index == 0),
            "failed_upgrade": null,
            "failure_domain": format!("{:016x}", u64::from(machine) * 0x9e37_79b9),
            "failure_domain_id": format!("FailureDomainId<{machine}>"),
            "failure_domain_type": "USER",
            "frontend_dedicated_cores": u8::from(index == 2),
            "host_ip": address(machine),
            "hostname": format!("ip-{}", address(machine).replace('.', "-")),
            "hugepages": true,
            "ips": [address(machine)],
            "is_dedicated": true,
            "last_failure": null,
            "last_failure_code": null,
            "last_failure_time": null,
            "leadership_role": null,
            "machine_identifier": format!("ec2{machine:029x}"),
            "mgmt_port": 14000 + 1000 * index,
            "mode": "backend",
            "member_of_leadership": index == 0,
            "memory": 31_796_436_575_u64,
            "net_stats": { "rx": 1_234_567_u64, "tx": 7_654_321_u64, "retransmits": 3 },
            "os_info": { "kernel_name": "Linux", "kernel_release": "5.10.0-1.amzn2.x86_64", "os_name": "linux", "platform": "amzn2", "ofed": {} },
            "requested_action": "NONE",
            "requested_action_failure": null,
            "start_time": "2025-11-02T10:21:30.5Z",
            "state": "ACTIVE",
            "state_changed_time": "2025-11-02T10:21:31Z",
            "status": "UP",
            "sw_release_string": "4.2.9",
            "sw_version": "4.2.9",
            "total_scrubber_limit": 0,
            "uid": format!("{machine:08x}-0000-4000-8000-{index:012x}"),
        })
    };
    let ids = |machine: u32| {
        (0_u32..)
            .zip(0..3)
            .map(move |(id, index)| (format!("HostId<{}>", 3 * machine + id), host(machine, index)))
    };
    response((0..machines).flat_map(ids).collect())
}

fn disks(machines: u32) -> String {
    let disk = |id: u32| {
        json!({
            "added_time": "2025-11-02T10:25:30.123456Z",
            "aws_zone": "eu-west-1a",
            "attachment": "OK",
            "block_size": 4096,
            "dev_path": "0000:00:1f.0",
            "failure_domain": format!("{:016x}", u64::from(id)),
            "firmware": "0",
            "host_id": format!("HostId<{}>", 3 * (id / 6)),
            "hostname": format!("ip-{}", address(id / 6).replace('.', "-")),
            "is_failed": false,
            "model": "Amazon EC2 NVMe Instance Storage",
            "node_id": format!("NodeId<{}>", 60 * (id / 6) + 1),
            "percentage_used": 0,
            "phase": "NONE",
            "serial_number": format!("AWS{id:017X}"),
            "should_be_active": true,
            "size_bytes": 2_500_000_000_000_u64,
            "spares_remaining": 100,
            "status": "ACTIVE",
            "uid": format!("{id:08x}-1111-4000-8000-000000000000"),
            "uuid": format!("{id:08x}-2222-4000-8000-000000000000"),
            "vendor": "AMAZON",
        })
    };
    response(
        (0..6 * machines)
            .map(|id| (format!("DiskId<{id}>"), disk(id)))
            .collect(),
    )
}

fn nodes(machines: u32) -> String {
    let node = |host: u32, slot: u32| {
        json!({
            "cpu_utilization": 12.5,
            "host_id": format!("HostId<{host}>"),
            "hostname": format!("ip-{}", address(host / 3).replace('.', "-")),
            "last_fencing_time": null,
            "last_fencing_reason": null,
            "mode": "backend",
            "network_mode": "DPDK",
            "roles": [if slot == 0 { "MANAGEMENT" } else { "COMPUTE" }],
            "status": "UP",
            "up_since": "2025-11-02T10:21:31.25Z",
            "uptime_secs": 7_900_000,
        })
    };
    let processes =
        |host: u32| (0..2).map(move |slot| (format!("NodeId<{}>", 20 * host + slot), node(host, slot)));
    response((0..3 * machines).flat_map(processes).collect())
}
