//! What differs between the machines of the supported distributions.
//!
//! Sources: the EC2 User Guide, "Amazon EBS and NVMe" (the device name in the vendor area, the serial number is the volume's
//! id) and "Elastic network interfaces" (Amazon Linux configures new interfaces, other distributions do not);
//! docs/weka-compatibility.md for the distributions that Weka supports.

/// A machine layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub name: &'static str,
    /// Whether the machine has the AWS CLI.
    pub aws_cli: bool,
    /// The package of the AWS CLI that the distribution can install. That Rocky 9 has one is inferred.
    pub aws_cli_package: Option<&'static str>,
    pub curl: &'static str,
    pub python3: bool,
    /// Whether the unified hierarchy of control groups is mounted, instead of version 1.
    pub cgroups_v2: bool,
    /// The name of the primary interface is the prefix and the number; the others follow.
    pub interface: (&'static str, u32),
    /// Whether the distribution configures interfaces that are attached later.
    pub configures_interfaces: bool,
    /// The kernel's name of Weka's EBS volume. The instance store has the other numbers from 1 on.
    pub volume: &'static str,
    /// The names that udev gives to that volume, below `/dev`.
    pub volume_links: &'static [&'static str],
}

/// The layouts that the scripts support.
pub const LAYOUTS: [Layout; 4] = [AMAZON_LINUX_2, AMAZON_LINUX_2023, UBUNTU_24_04, ROCKY_9];

const BY_ID: &str = "disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0weka";

pub const AMAZON_LINUX_2: Layout = Layout {
    name: "Amazon Linux 2",
    aws_cli: true,
    aws_cli_package: None,
    curl: "8.3.0",
    python3: false,
    cgroups_v2: false,
    interface: ("eth", 0),
    configures_interfaces: true,
    volume: "nvme1n1",
    volume_links: &["sdp", "xvdp", BY_ID],
};

pub const AMAZON_LINUX_2023: Layout = Layout {
    name: "Amazon Linux 2023",
    aws_cli: true,
    aws_cli_package: None,
    curl: "8.5.0",
    python3: true,
    cgroups_v2: true,
    interface: ("ens", 5),
    configures_interfaces: true,
    volume: "nvme2n1",
    volume_links: &["sdp", BY_ID],
};

pub const UBUNTU_24_04: Layout = Layout {
    name: "Ubuntu 24.04",
    aws_cli: false,
    aws_cli_package: None,
    curl: "8.5.0",
    python3: true,
    cgroups_v2: true,
    interface: ("ens", 5),
    configures_interfaces: false,
    // The instance store has the lower numbers, and there is no /dev/sdp.
    volume: "nvme4n1",
    volume_links: &[BY_ID],
};

pub const ROCKY_9: Layout = Layout {
    name: "Rocky 9",
    aws_cli: false,
    aws_cli_package: Some("awscli2"),
    curl: "7.76.1",
    python3: false,
    cgroups_v2: true,
    interface: ("eth", 0),
    configures_interfaces: false,
    volume: "nvme3n1",
    volume_links: &[BY_ID],
};
