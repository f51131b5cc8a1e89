//! The volumes of a launch template, copied from an imported instance.

use super::Instance;
use crate::account::Account;
use crate::names::HostGroup;
use crate::settings::Volume;

/// The minimum size of a root volume.
const MINIMUM_ROOT_GIB: u32 = 16;
/// The minimum size of a client's root volume that has to hold `/opt/weka` too, because the client has no other volume: 48 GiB
/// according to Weka's documentation ("Add clients to a WEKA cluster on AWS").
const MINIMUM_CLIENT_ROOT_GIB: u32 = 48;
/// What a gp3 volume gets if a launch template sets nothing (<https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html>).
const GP3_IOPS: u32 = 3000;
/// In MiB/s; see [`GP3_IOPS`].
const GP3_THROUGHPUT: u32 = 125;

pub(super) fn volumes(instance: &Instance, account: &Account, group: HostGroup) -> Vec<Volume> {
    let mut volumes: Vec<_> = instance
        .volumes
        .iter()
        .map(|volume| for_template(volume, account))
        .collect();
    let holds_weka = group == HostGroup::Clients && volumes.len() == 1;
    if let Some(root) = volumes.first_mut() {
        root.size = root.size.max(if holds_weka {
            MINIMUM_CLIENT_ROOT_GIB
        } else {
            MINIMUM_ROOT_GIB
        });
    }
    volumes
}

/// EC2 reports IOPS for every volume, but accepts them only for some types.
fn for_template(volume: &Volume, account: &Account) -> Volume {
    let (r#type, iops, throughput) = match volume.r#type.as_str() {
        // gp3 may not allow as many IOPS.
        "io1" | "io2" => (volume.r#type.as_str(), volume.iops, None),
        "gp3" => (
            account.volume_type(),
            volume.iops.filter(|&iops| iops != GP3_IOPS),
            volume
                .throughput
                .filter(|&throughput| throughput != GP3_THROUGHPUT),
        ),
        _ => (account.volume_type(), None, None),
    };
    Volume {
        r#type: r#type.to_owned(),
        kms_key: volume.kms_key.clone().filter(|_| volume.encrypted),
        iops,
        throughput,
        ..volume.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::account;

    fn template_of(found: Volume) -> Volume {
        let instance = Instance {
            volumes: vec![found],
            ..Instance::default()
        };
        volumes(&instance, &account(), HostGroup::Backends).remove(0)
    }

    fn found(r#type: &str, iops: u32, throughput: Option<u32>) -> Volume {
        Volume {
            name: "/dev/sda1".into(),
            r#type: r#type.into(),
            size: 100,
            iops: Some(iops),
            throughput,
            ..Volume::default()
        }
    }

    #[test]
    fn performance_that_differs_from_the_default_is_copied() {
        let copied = |r#type, iops, throughput| {
            let volume = template_of(found(r#type, iops, throughput));
            (volume.r#type, volume.iops, volume.throughput)
        };
        assert_eq!(copied("gp3", 3000, Some(125)), ("gp3".into(), None, None));
        assert_eq!(
            copied("gp3", 6000, Some(500)),
            ("gp3".into(), Some(6000), Some(500))
        );
        assert_eq!(copied("gp2", 300, None), ("gp3".into(), None, None));
        assert_eq!(copied("st1", 0, None), ("gp3".into(), None, None));
        assert_eq!(copied("io2", 50_000, None), ("io2".into(), Some(50_000), None));
    }

    #[test]
    fn key_is_copied_only_with_encryption() {
        let key = Some("arn:aws:kms:eu-west-1:123456789012:key/k".to_owned());
        let volume = |encrypted| Volume {
            encrypted,
            kms_key: key.clone(),
            ..found("gp3", 3000, Some(125))
        };
        assert_eq!(template_of(volume(true)).kms_key, key);
        assert_eq!(template_of(volume(false)).kms_key, None);
    }
}
