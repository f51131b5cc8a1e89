//! The files of a machine: programs, devices, kernel files and instance metadata.

use super::{BootOptions, Layout};
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Stand-ins of the machine, in `bin`: each is a copy of `machine/program`, which runs `programs/NAME`.
const PROGRAMS: &[(&str, &str)] = &[
    ("aws", include_str!("../../machine/programs/aws")),
    ("blkid", include_str!("../../machine/programs/blkid")),
    ("curl", include_str!("../../machine/programs/curl")),
    ("dnf", include_str!("../../machine/programs/dnf")),
    ("ip", include_str!("../../machine/programs/ip")),
    ("mkfs.ext4", include_str!("../../machine/programs/mkfs.ext4")),
    ("mount", include_str!("../../machine/programs/mount")),
    ("mountpoint", include_str!("../../machine/programs/mountpoint")),
    ("shutdown", include_str!("../../machine/programs/shutdown")),
    ("systemctl", include_str!("../../machine/programs/systemctl")),
    ("weka", include_str!("../../machine/programs/weka")),
];

/// What the stand-ins use.
const TOOLS: &[(&str, &str)] = &[
    ("program", include_str!("../../machine/program")),
    ("forward", include_str!("../../machine/forward")),
    ("ec2", include_str!("../../machine/ec2")),
    (
        "container/usr/local/bin/wapi",
        include_str!("../../machine/container/wapi"),
    ),
    (
        "container/weka/tools/weka_sign_drive",
        include_str!("../../machine/container/weka_sign_drive"),
    ),
    (
        "container/bin/python3",
        include_str!("../../machine/container/python3"),
    ),
];

/// Programs of this machine that every distribution has, and Weka's containers too.
const SYSTEM: &[&str] = &[
    "awk",
    "bash",
    "cat",
    "chmod",
    "cut",
    "grep",
    "head",
    "ls",
    "mkdir",
    "mktemp",
    "od",
    "readlink",
    "rm",
    "sed",
    "sha256sum",
    "sh",
    "sleep",
    "sort",
    "tr",
    "wc",
];

/// The model of instance store drives.
const INSTANCE_STORE: &str = "Amazon EC2 NVMe Instance Storage";

/// Creates the files of a new instance below `path`.
pub(super) fn populate(path: &Path, search_path: &str, options: &BootOptions) -> io::Result<()> {
    for folder in [
        "bin",
        "tmp",
        "programs",
        "hardware/blocks",
        "hardware/addresses",
        "root/dev",
        "root/etc",
        "root/sys/fs/cgroup",
        "imds/block-device-mapping",
    ] {
        fs::create_dir_all(path.join(folder))?;
    }
    programs(path, search_path, &options.layout)?;
    fs::write(path.join("user-data"), &options.user_data)?;
    fs::write(path.join("root/etc/fstab"), "")?;
    if options.layout.cgroups_v2 {
        fs::write(path.join("root/sys/fs/cgroup/cgroup.controllers"), "cpu memory\n")?;
    }
    for core in 0..options.cores {
        // Two NUMA nodes, and one thread per core.
        let cpu = path.join(format!("root/sys/devices/system/cpu/cpu{core}"));
        fs::create_dir_all(cpu.join("topology"))?;
        fs::create_dir_all(cpu.join(format!("node{}", core % 2)))?;
        fs::write(cpu.join("topology/thread_siblings_list"), format!("{core}\n"))?;
    }
    disks(path, options)?;
    metadata(path, options)?;
    for number in 1..=options.interfaces {
        let id = format!("eni-attached-{number}");
        let interfaces = path.join("hardware/interfaces");
        fs::create_dir_all(&interfaces)?;
        fs::write(interfaces.join(&id), format!("{id}\tNone\tNone\n"))?;
        let mut attach = Command::new(path.join("ec2"));
        attach.args(["attach", &id, &number.to_string()]).env_clear();
        attach.envs(super::environment(path, search_path, options));
        if !attach.output()?.status.success() {
            return Err(io::Error::other("an interface could not be attached"));
        }
    }
    Ok(())
}

fn programs(path: &Path, search_path: &str, layout: &Layout) -> io::Result<()> {
    for (name, program) in PROGRAMS {
        executable(&path.join("programs").join(name), program)?;
        if (*name != "aws" || layout.aws_cli) && (*name != "dnf" || layout.aws_cli_package.is_some()) {
            executable(
                &path.join("bin").join(name),
                include_str!("../../machine/program"),
            )?;
        }
    }
    for (name, program) in TOOLS {
        executable(&path.join(name), program)?;
    }
    for name in SYSTEM {
        let found = find(name, search_path)?;
        symlink(&found, path.join("bin").join(name))?;
        symlink(&found, path.join("container/bin").join(name))?;
    }
    if layout.python3 {
        symlink(path.join("container/bin/python3"), path.join("bin/python3"))?;
    }
    Ok(())
}

fn executable(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn find(name: &str, search_path: &str) -> io::Result<PathBuf> {
    let mut candidates = search_path.split(':').map(|folder| Path::new(folder).join(name));
    candidates
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| io::Error::other(format!("{name} is not on PATH")))
}

/// The root volume, Weka's volume, and the instance store, whose first drive has data.
fn disks(path: &Path, options: &BootOptions) -> io::Result<()> {
    let layout = &options.layout;
    let ebs = "Amazon Elastic Block Store";
    block(path, "nvme0n1", ebs, "vol0root")?;
    fs::write(path.join("hardware/blocks/nvme0n1.PTTYPE"), "gpt\n")?;
    if options.volume {
        block(path, layout.volume, ebs, "vol0weka")?;
        for link in layout.volume_links {
            let link = path.join("root/dev").join(link);
            if let Some(folder) = link.parent() {
                fs::create_dir_all(folder)?;
            }
            symlink(path.join("root/dev").join(layout.volume), link)?;
        }
    }
    let mut disks = vec![
        serde_json::json!({
            "devPath": "/dev/nvme0n1", "isRotational": false, "type": "DISK", "isMounted": true, "model": ebs,
        }),
        serde_json::json!({
            "devPath": format!("/dev/{}", layout.volume), "isRotational": false, "type": "DISK", "isMounted": true, "model": ebs,
        }),
    ];
    let names = (1..).map(|number| format!("nvme{number}n1"));
    let names = names.filter(|name| name != layout.volume);
    for (number, name) in names.take(options.drives as usize).enumerate() {
        block(path, &name, INSTANCE_STORE, &format!("AWS{number}"))?;
        disks.push(serde_json::json!({
            "devPath": format!("/dev/{name}"),
            "isRotational": false,
            "type": "DISK",
            "isMounted": false,
            "model": INSTANCE_STORE,
        }));
    }
    fs::write(
        path.join("hardware/disks"),
        serde_json::json!({ "disks": disks }).to_string(),
    )
}

/// Adds a device. The kernel pads the model.
fn block(path: &Path, name: &str, model: &str, serial: &str) -> io::Result<()> {
    let folder = path.join(format!("root/sys/block/{name}/device"));
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("model"), format!("{model:<40}\n"))?;
    fs::write(folder.join("serial"), format!("{serial}\n"))?;
    fs::write(path.join("root/dev").join(name), "")
}

/// What the instance metadata service returns, as files, and the primary interface.
fn metadata(path: &Path, options: &BootOptions) -> io::Result<()> {
    const PRIMARY: &str = "02:00:00:00:00:00";
    let (prefix, number) = options.layout.interface;
    let imds = path.join("imds");
    let primary = imds.join(format!("network/interfaces/macs/{PRIMARY}"));
    fs::create_dir_all(&primary)?;
    fs::create_dir_all(imds.join("iam/security-credentials"))?;
    fs::create_dir_all(imds.join("services"))?;
    for (name, text) in [
        ("instance-id", options.instance_id.clone()),
        ("local-ipv4", options.private_ip.to_string()),
        ("mac", PRIMARY.to_owned()),
        ("block-device-mapping/ami", "/dev/xvda".to_owned()),
        ("services/domain", "amazonaws.com".to_owned()),
        (
            "iam/security-credentials/WekaInstanceRole",
            "{\n  \"Code\" : \"Success\",\n  \"AccessKeyId\" : \"AKID\",\n  \"SecretAccessKey\" : \"secret\",\n  \"Token\" : \"session\"\n}"
                .to_owned(),
        ),
    ] {
        fs::write(imds.join(name), text + "\n")?;
    }
    // EC2 returns it in lines of 76 characters.
    let dynamic = path.join("dynamic/instance-identity");
    fs::create_dir_all(&dynamic)?;
    let lines = options.identity.as_bytes().chunks(76);
    fs::write(dynamic.join("rsa2048"), lines.collect::<Vec<_>>().join(&b'\n'))?;
    fs::write(primary.join("device-number"), "0\n")?;
    let kernel = path.join(format!("root/sys/class/net/{prefix}{number}"));
    fs::create_dir_all(kernel.join("device/drivers/ena"))?;
    symlink("drivers/ena", kernel.join("device/driver"))?;
    fs::write(kernel.join("address"), format!("{PRIMARY}\n"))?;
    fs::write(kernel.join("mtu"), "9001\n")?;
    // DPDK cannot use virtual interfaces.
    let bridge = path.join("root/sys/class/net/docker0");
    fs::create_dir_all(&bridge)?;
    fs::write(bridge.join("address"), "02:42:00:00:00:00\n")?;
    fs::write(bridge.join("mtu"), "1500\n")
}
