//! The join script of a client and the mount script: a stateless client.

use crate::setup::{Lab, assert_failed, assert_joined, ip, new_ip, on_every_layout};
use instances::{ClientJoin, MountScript};
use lab::weka_cluster::{HostStatus, Mode};
use std::time::Duration;

fn script_with(mounts: &[&str]) -> String {
    let join = ClientJoin {
        backends: [1, 2].map(|last| ip(last).to_string()).to_vec(),
        mounts: mounts.iter().map(|mount| mount.parse().unwrap()).collect(),
    };
    join.render()
}

fn script() -> String {
    script_with(&["default=/mnt/weka"])
}

fn mount_call(lab: &Lab, options: &str, filesystem: &str, path: &str) -> String {
    let directory = lab.machine.path("root").display().to_string() + path;
    format!(
        "mount -t wekafs -o {} {}\\,{}/{filesystem} {directory}",
        options.replace(',', "\\,"),
        ip(1),
        ip(2)
    )
}

/// The containers of the machine.
fn containers(lab: &Lab) -> Vec<(String, Mode, HostStatus, usize, Option<Duration>)> {
    lab.cluster.read(|model| {
        let containers = model.containers_of(new_ip()).map(|container| {
            let cores = container.processes.len() - 1;
            (
                container.name.clone(),
                container.mode,
                container.status(),
                cores,
                container.auto_remove,
            )
        });
        containers.collect()
    })
}

#[tokio::test]
async fn client_mounts_and_becomes_a_member() {
    on_every_layout(|layout| async move {
        // Neither a second volume nor an interface of its own.
        let lab = Lab::with(layout, &script(), |options| (options.volume, options.interfaces) = (false, 0)).await;
        let boot = lab.boot().await;
        assert_joined(&boot, layout);
        let options = "remove_after_secs=3600,num_cores=1";
        assert_eq!(boot.calls_of("mount "), [mount_call(&lab, options, "default", "/mnt/weka")]);
        assert_eq!(
            lab.read("root/etc/fstab"),
            format!(
                "{},{}/default /mnt/weka wekafs {options},x-systemd.after=weka-agent.service,x-systemd.mount-timeout=infinity,_netdev 0 0\n",
                ip(1),
                ip(2)
            )
        );
        let hour = Some(Duration::from_secs(3600));
        assert_eq!(containers(&lab), [("client".to_owned(), Mode::Client, HostStatus::Up, 1, hour)]);
        assert!(boot.calls_of("weka").is_empty() && boot.calls_of("mkfs").is_empty());
        let mode = if layout.cgroups_v2 { "force_v2\n" } else { "auto\n" };
        assert_eq!(lab.read("cgroups-mode"), mode);
        assert_eq!(lab.temporary_files(), 0);
    })
    .await;
}

#[tokio::test]
async fn client_mounts_every_filesystem() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script_with(&["home=/mnt/home", "work=/data/work"])).await;
        let boot = lab.boot().await;
        assert_joined(&boot, layout);
        let options = "remove_after_secs=3600,num_cores=1";
        assert_eq!(
            boot.calls_of("mount -t"),
            [
                mount_call(&lab, options, "home", "/mnt/home"),
                mount_call(&lab, options, "work", "/data/work")
            ]
        );
        // Two filesystems, and the volume of /opt/weka.
        assert_eq!(lab.read("root/etc/fstab").lines().count(), 3);
        assert_eq!(containers(&lab).len(), 1);
    })
    .await;
}

#[tokio::test]
async fn client_with_one_core_uses_udp() {
    on_every_layout(|layout| async move {
        let lab = Lab::with(layout, &script(), |options| options.cores = 1).await;
        let boot = lab.boot().await;
        assert_joined(&boot, layout);
        let options = "remove_after_secs=3600,num_cores=0,net=udp";
        assert_eq!(
            boot.calls_of("mount -t"),
            [mount_call(&lab, options, "default", "/mnt/weka")]
        );
        assert_eq!(containers(&lab)[0].3, 0);
    })
    .await;
}

#[tokio::test]
async fn next_attempt_of_a_client_completes_the_mounts() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script_with(&["home=/mnt/home", "work=/data/work"])).await;
        lab.write("fails", "mount * */data/work\n");
        assert_failed(&lab.boot().await, layout, "could not be mounted at /data/work");
        std::fs::remove_file(lab.machine.path("fails")).unwrap();
        let boot = lab.boot().await;
        assert_joined(&boot, layout);
        assert_eq!(boot.calls_of("mount -t").len(), 1);
        assert_eq!(lab.read("root/etc/fstab").lines().count(), 3);
        assert_eq!(containers(&lab).len(), 1);
    })
    .await;
}

#[tokio::test]
async fn client_with_the_identity_of_its_image_gets_its_own() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        let identity = "root/opt/weka/data/agent/machine-identifier";
        std::fs::create_dir_all(lab.machine.path("root/opt/weka/data/agent")).unwrap();
        lab.write(identity, "of the image\n");
        assert_joined(&lab.boot().await, layout);
        assert_eq!(lab.read(identity), "of i-9\n");
    })
    .await;
}

#[tokio::test]
async fn configured_cgroup_mode_is_kept() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        std::fs::create_dir_all(lab.machine.path("root/etc/wekaio")).unwrap();
        lab.write("root/etc/wekaio/service.conf", "[os]\ncgroups_mode=none\n");
        assert_joined(&lab.boot().await, layout);
        assert_eq!(lab.read("cgroups-mode"), "none\n");
    })
    .await;
}

fn mount_script(host: &str) -> String {
    let host = host.to_owned();
    MountScript { host }.render()
}

#[tokio::test]
async fn mount_script_mounts_once() {
    on_every_layout(|layout| async move {
        let lab = Lab::with(layout, &mount_script(&ip(1).to_string()), |options| {
            options.volume = false
        })
        .await;
        let boot = lab.boot().await;
        assert_joined(&boot, layout);
        let directory = lab.machine.path("root/mnt/weka");
        let call = format!("mount -t wekafs {}/default {}", ip(1), directory.display());
        assert_eq!(boot.calls_of("mount "), [call]);
        let again = lab.boot().await;
        assert_joined(&again, layout);
        assert!(again.calls_of("mount ").is_empty());
    })
    .await;
}

#[tokio::test]
async fn mount_script_mounts_nothing_when_agent_installation_fails() {
    on_every_layout(|layout| async move {
        let host = ip(77).to_string();
        let lab = Lab::of(layout, &mount_script(&host)).await;
        let boot = lab.boot().await;
        assert_failed(&boot, layout, &format!("installing from {host} failed"));
        assert!(boot.calls_of("mount ").is_empty());
    })
    .await;
}
