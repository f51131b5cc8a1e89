//! The join script of a backend: what it sets up, and when it fails.

use crate::setup::{Lab, assert_failed, assert_joined, backend_join, ip, new_ip, on_every_layout, profile};
use instances::{Profile, profile_of};
use lab::machine::{CallFault, Layout};
use lab::weka_cluster::{HostStatus, NewBackend};
use std::collections::BTreeSet;

fn script() -> String {
    backend_join(profile()).render()
}

/// The value of an option in a recorded call.
fn option<'a>(call: &'a str, name: &str) -> &'a str {
    let (_, rest) = call.split_once(&format!(" {name} ")).unwrap();
    rest.split(' ').next().unwrap()
}

#[tokio::test]
async fn backend_joins() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        let boot = lab.boot().await;
        assert_joined(&boot, layout);
        lab.assert_member(layout.name);
        assert_eq!(lab.temporary_files(), 0, "{}", layout.name);
        assert_eq!(
            boot.calls_of("weka version"),
            [
                format!("weka version get --from {}:14000 4.4.2 --set-current", ip(1)),
                "weka version prepare 4.4.2".to_owned()
            ]
        );
        // The first 16 digits of the address's SHA-256; cores alternating between two NUMA nodes, without core 0; interfaces without
        // the primary, with the subnet's first address as the gateway.
        let common = format!(
            "--join-ips {}\\,{}\\,{} --failure-domain b7a59299ba33766e --management-ips {}",
            ip(1), ip(2), ip(3), new_ip()
        );
        let (prefix, primary) = layout.interface;
        let net = |n: u32| format!("--net {prefix}{}/127.11.0.{}/20/127.11.0.1 --dedicate", primary + n, 10 + n);
        assert_eq!(
            boot.calls_of("weka local setup container"),
            [
                format!(
                    "weka local setup container --name drives0 --base-port 14000 --cores 1 --core-ids 2 --no-frontends --drives-dedicated-cores 1 {common} {}",
                    net(1)
                ),
                format!(
                    "weka local setup container --name compute0 --base-port 15000 --cores 1 --core-ids 1 --no-frontends --compute-dedicated-cores 1 --memory 31796436575B {common} {}",
                    net(2)
                ),
                format!(
                    "weka local setup container --name frontend0 --base-port 16000 --cores 1 --core-ids 3 --frontend-dedicated-cores 1 --allow-protocols true {common} {}",
                    net(3)
                ),
            ]
        );
        assert_eq!(boot.calls_of("weka local exec").len(), 2);
        assert_eq!(boot.calls_of("weka cluster drive scan"), ["weka cluster drive scan 15"]);
        assert_eq!(boot.calls_of("weka events trigger-event").len(), 1);
        let event = lab.cluster.read(|model| model.events().last().unwrap().message.clone());
        assert!(event.contains(&format!("{} has joined the cluster", new_ip())), "{event}");
        assert_eq!(lab.read("root/etc/fstab"), "LABEL=wekaiosw /opt/weka ext4 defaults 0 2\n");
        let mode = if layout.cgroups_v2 { "force_v2\n" } else { "auto\n" };
        assert_eq!(lab.read("cgroups-mode"), mode, "{}", layout.name);
        assert_interfaces_configured(layout, &boot.calls_of("ip "));
    })
    .await;
}

/// Every interface is brought up with the MTU of the primary, and gets an address only where the distribution assigns none.
fn assert_interfaces_configured(layout: Layout, calls: &[&str]) {
    let (prefix, primary) = layout.interface;
    let mut expected = Vec::new();
    for n in 1..=3 {
        let name = format!("{prefix}{}", primary + n);
        expected.push(format!("ip link set dev {name} mtu 9001 up"));
        expected.push(format!("ip -o -4 addr show dev {name}"));
        if !layout.configures_interfaces {
            expected.push(format!(
                "ip addr add 127.11.0.{}/20 dev {name} noprefixroute",
                10 + n
            ));
        }
    }
    assert_eq!(calls, expected, "{}", layout.name);
}

#[tokio::test]
async fn containers_share_no_core_and_no_interface() {
    on_every_layout(|layout| async move {
        // Eight cores on two NUMA nodes, of which Weka uses seven. The threads of a core have adjacent numbers, as with some kernels.
        let script = backend_join(profile_of("i3en.12xlarge").unwrap()).render();
        let lab = Lab::with(layout, &script, |options| {
            (options.cores, options.interfaces) = (0, 7)
        })
        .await;
        for cpu in 0..16 {
            let folder = lab.machine.path(&format!("root/sys/devices/system/cpu/cpu{cpu}"));
            std::fs::create_dir_all(folder.join("topology")).unwrap();
            std::fs::create_dir_all(folder.join(format!("node{}", u32::from(cpu >= 8)))).unwrap();
            let siblings = format!("{}-{}\n", cpu / 2 * 2, cpu / 2 * 2 + 1);
            std::fs::write(folder.join("topology/thread_siblings_list"), siblings).unwrap();
        }
        let boot = lab.boot().await;
        assert_joined(&boot, layout);
        let containers = boot.calls_of("weka local setup container");
        let ids: Vec<_> = containers.iter().map(|call| option(call, "--core-ids")).collect();
        assert_eq!(ids, ["2\\,8", "4\\,10\\,6\\,12", "14"]);
        let nets: Vec<_> = containers
            .iter()
            .flat_map(|call| call.split(" --net ").skip(1))
            .map(|rest| rest.split(' ').next().unwrap())
            .collect();
        assert_eq!(nets.len(), 7);
        assert_eq!(nets.iter().collect::<BTreeSet<_>>().len(), 7);
    })
    .await;
}

#[tokio::test]
async fn frontend_container_is_omitted_without_frontend_cores() {
    on_every_layout(|layout| async move {
        let profile = Profile {
            cores: "compute=1,frontend=0,drive=1".parse().unwrap(),
            compute_memory: "32GB".parse().unwrap(),
        };
        let lab = Lab::of(layout, &backend_join(profile).render()).await;
        let boot = lab.boot().await;
        assert_joined(&boot, layout);
        assert_eq!(boot.calls_of("weka local setup container").len(), 2);
    })
    .await;
}

#[tokio::test]
async fn second_backend_is_used_when_first_does_not_respond() {
    on_every_layout(|layout| async move {
        let mut join = backend_join(profile());
        join.backends.insert(0, ip(77).to_string());
        let lab = Lab::of(layout, &join.render()).await;
        let boot = lab.boot().await;
        assert_joined(&boot, layout);
        assert_eq!(
            boot.calls_of("weka version get"),
            [format!(
                "weka version get --from {}:14000 4.4.2 --set-current",
                ip(1)
            )]
        );
    })
    .await;
}

#[tokio::test]
async fn join_fails_when_no_backend_responds() {
    on_every_layout(|layout| async move {
        let mut join = backend_join(profile());
        join.backends = vec![ip(77).to_string(), ip(78).to_string()];
        let lab = Lab::of(layout, &join.render()).await;
        let boot = lab.boot().await;
        assert_failed(&boot, layout, "no backend responds");
        assert!(boot.calls_of("weka").is_empty() && !lab.has("root/opt/weka/agent"));
    })
    .await;
}

#[tokio::test]
async fn interrupted_installer_download_is_not_run() {
    on_every_layout(|layout| async move {
        let complete = Lab::of(layout, &script()).await.boot().await;
        let download = complete
            .calls
            .iter()
            .position(|call| call.contains("/dist/v1/install"));
        let lab = Lab::of(layout, &script()).await;
        let fault = CallFault::After(download.unwrap() + 1);
        let boot = lab.machine.boot(Some(fault)).await.unwrap();
        assert_failed(&boot, layout, &format!("installing from {} failed", ip(1)));
        assert!(!lab.has("root/opt/weka/agent"));
        assert_eq!(lab.temporary_files(), 0);
    })
    .await;
}

#[tokio::test]
async fn join_fails_with_too_few_cores() {
    on_every_layout(|layout| async move {
        let script = backend_join(profile_of("i3en.24xlarge").unwrap()).render();
        let boot = Lab::of(layout, &script).await.boot().await;
        assert_failed(&boot, layout, "not enough cores: 14 needed, 3 available");
        assert!(boot.calls_of("weka local setup container").is_empty());
    })
    .await;
}

#[tokio::test]
async fn join_waits_for_interfaces() {
    on_every_layout(|layout| async move {
        let lab = Lab::with(layout, &script(), |options| options.interfaces = 0).await;
        // The interfaces appear one by one, while the script waits.
        let sleep = lab.machine.path("bin/sleep");
        std::fs::remove_file(&sleep).unwrap();
        let attach = r#"#!/bin/bash
            echo . >>"$MACHINE/pauses"
            n=$(wc -l <"$MACHINE/pauses")
            if [ "$n" -gt 3 ]; then exit; fi
            mkdir -p "$MACHINE/hardware/interfaces"
            echo "eni-$n None None" >"$MACHINE/hardware/interfaces/eni-$n"
            "$MACHINE/ec2" attach "eni-$n" "$n"
        "#;
        std::fs::write(&sleep, attach).unwrap();
        std::fs::set_permissions(&sleep, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let boot = lab.boot().await;
        assert_joined(&boot, layout);
        lab.assert_member(layout.name);
    })
    .await;
}

#[tokio::test]
async fn join_fails_without_interfaces() {
    on_every_layout(|layout| async move {
        let lab = Lab::with(layout, &script(), |options| options.interfaces = 0).await;
        let boot = lab.boot().await;
        assert_failed(
            &boot,
            layout,
            "not enough network interfaces: 3 needed in addition to the primary, 0 available",
        );
        assert!(boot.calls_of("weka local setup container").is_empty());
    })
    .await;
}

#[tokio::test]
async fn join_fails_when_cluster_does_not_become_ready() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        lab.write("fails", "weka debug manhole *\n");
        let boot = lab.boot().await;
        assert_failed(&boot, layout, "the cluster did not become ready");
        assert!(boot.calls_of("weka local exec").is_empty());
    })
    .await;
}

#[tokio::test]
async fn join_stops_at_container_that_cannot_be_set_up() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        lab.write("fails", "weka local setup container --name compute0 *\n");
        let boot = lab.boot().await;
        assert_failed(&boot, layout, "container compute0 could not be set up");
        assert_eq!(boot.calls_of("weka local setup container").len(), 2);
    })
    .await;
}

#[tokio::test]
async fn wrong_password_fails_the_join() {
    on_every_layout(|layout| async move {
        let mut join = backend_join(profile());
        join.password = "another".to_owned();
        let lab = Lab::of(layout, &join.render()).await;
        let boot = lab.boot().await;
        assert_failed(
            &boot,
            layout,
            "does not list the cluster's containers with these credentials",
        );
        assert!(boot.log.contains("wrong username or password"));
        // One failed login: five of them lock the user.
        assert_eq!(boot.calls_of("weka cluster").len(), 1);
        assert_eq!(lab.cluster.read(|model| model.containers_of(new_ip()).count()), 0);
    })
    .await;
}

/// The image of the machine is one of a backend: it has that machine's identity and marks.
#[tokio::test]
async fn state_of_another_machine_in_the_image_is_removed() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        for (name, text) in [
            ("root/opt/weka/data/agent/machine-identifier", "of i-1\n"),
            ("root/opt/weka/wekactl/instance", "i-1\n"),
            ("root/opt/weka/wekactl/joined", ""),
            ("root/opt/weka/wekactl/signed", "AWS0\n"),
        ] {
            std::fs::create_dir_all(lab.machine.path(name).parent().unwrap()).unwrap();
            lab.write(name, text);
        }
        let boot = lab.boot().await;
        assert_joined(&boot, layout);
        lab.assert_member(layout.name);
        assert_eq!(
            lab.read("root/opt/weka/data/agent/machine-identifier"),
            "of i-9\n"
        );
    })
    .await;
}

/// Setting up the containers again would destroy the member.
#[tokio::test]
async fn joined_instance_is_not_set_up_again() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        assert_joined(&lab.boot().await, layout);
        let again = lab.boot().await;
        assert_joined(&again, layout);
        assert!(again.log.contains("this instance has already joined the cluster"));
        assert!(again.calls_of("weka").is_empty() && again.calls_of("mkfs").is_empty());
        lab.assert_member(layout.name);
    })
    .await;
}

/// Entries of the earlier instance with this address belong to somebody else.
#[tokio::test]
async fn entries_of_another_instance_with_the_same_address_are_kept() {
    on_every_layout(|layout| async move {
        let lab = Lab::of(layout, &script()).await;
        let earlier = lab.cluster.update(|model| {
            model.join_backend(&NewBackend::new(new_ip(), "i-earlier"));
            let ids: Vec<_> = model
                .containers_of(new_ip())
                .map(|container| container.id)
                .collect();
            for id in &ids {
                model.stop_container(*id);
            }
            ids
        });
        let earlier = earlier.await.unwrap();
        let boot = lab.boot().await;
        assert_joined(&boot, layout);
        assert!(boot.calls_of("weka cluster container remove").is_empty());
        lab.cluster.read(|model| {
            let up = model
                .containers_of(new_ip())
                .filter(|container| container.status() == HostStatus::Up);
            assert_eq!(up.count(), 3);
            let kept = model
                .containers()
                .filter(|container| earlier.contains(&container.id));
            assert_eq!(kept.count(), 3);
        });
    })
    .await;
}
