use super::*;
use crate::{NewBackend, Settings};
use weka_types::lists::{HostState, Mode};

const PORT: u16 = 14000;
const SET_UP: &str = "weka local setup container --name drives0 --base-port 14000 --cores 2 --core-ids 1,2 --no-frontends \
    --drives-dedicated-cores 2 --join-ips 127.10.0.9,127.10.0.1 --failure-domain f --management-ips 127.10.0.7 \
    --net eth1/127.11.0.1/20/127.10.0.1 --net eth2/127.11.0.2/20/127.10.0.1 --dedicate";
const COMPUTE: &str = "weka local setup container --name compute0 --base-port 15000 --cores 1 --core-ids 3 --join-ips 127.10.0.1 \
    --net eth3/127.11.0.3/20/127.10.0.1";
const GET: &str = "weka version get --from 127.10.0.1:14000 4.4.2 --set-current";
const PREPARE: &str = "weka version prepare 4.4.2";

/// A cluster of five backends, and the agents of new machines.
struct Lab {
    model: Model,
    agents: Agents,
    password: String,
    host: &'static str,
}

impl Lab {
    fn new() -> Self {
        let mut model = Model::new(Settings::default());
        for last in 1..=5u8 {
            let address = IpAddr::from([127, 10, 0, last]);
            model.add_backend(&NewBackend::new(address, &format!("i-{last}")));
        }
        Self {
            password: model.settings().credentials.password.clone(),
            model,
            agents: Agents::default(),
            host: "",
        }
    }

    /// A machine on which the release is prepared and no container is left.
    fn prepared() -> Self {
        let mut lab = Self::new();
        for command in [GET, PREPARE, "weka local stop", "weka local rm --all --force"] {
            lab.run(command).unwrap();
        }
        lab
    }

    /// Runs a program on the new machine. The arguments cannot contain spaces.
    fn run(&mut self, command: &str) -> Result<String, String> {
        match self.outcome(command)? {
            Outcome::Output(output) => Ok(output),
            Outcome::InContainer(process) => panic!("{process:?}"),
        }
    }

    fn outcome(&mut self, command: &str) -> Result<Outcome, String> {
        let mut words = command.split_whitespace();
        let program = words.next().unwrap();
        let caller = [program, "admin", &self.password, self.host, "127.10.0.7", "i-7"];
        let fields = caller.into_iter().chain(words);
        let body: String = fields.map(|field| format!("{field}\0")).collect();
        let outcome = run(&mut self.model, &mut self.agents, PORT, body.as_bytes());
        outcome.map_err(|error| error.message)
    }
}

#[test]
fn commands_of_a_join_script_set_up_a_machine() {
    let mut lab = Lab::prepared();
    for command in [
        SET_UP,
        COMPUTE,
        "wapi machine-query-info --info-types=DISKS -J",
        "weka_sign_drive /dev/nvme2n1",
        "weka cluster drive scan 15",
        "weka events trigger-event joined",
    ] {
        lab.run(command).unwrap();
    }
    assert_eq!(
        lab.run("weka debug manhole -s 0 operational_status").unwrap(),
        "{\"is_ready\": true}\n"
    );
    assert_eq!(lab.model.drives_of("127.10.0.7".parse().unwrap()).count(), 1);
    assert_eq!(lab.model.events()[0].message, "joined");
    for list in [
        "weka cluster container --json",
        "weka cluster container -J",
        "weka cluster container --format=json",
        "weka cluster container 15 -J -H 127.10.0.1",
    ] {
        let listed: serde_json::Value = serde_json::from_str(&lab.run(list).unwrap()).unwrap();
        let containers = listed.as_array().unwrap();
        let new = containers
            .iter()
            .find(|container| container["host_id"] == "HostId<15>");
        assert_eq!(new.unwrap()["host_ip"], "127.10.0.7", "{list}");
        assert_eq!(
            containers.len(),
            if list.contains("15") { 1 } else { 17 },
            "{list}"
        );
    }
    lab.run("weka cluster container deactivate 15 --no-wait").unwrap();
    let state = |lab: &Lab| {
        lab.model
            .containers()
            .find(|container| container.id == 15)
            .unwrap()
            .state
    };
    assert_eq!(state(&lab), HostState::Deactivating);
    lab.model.io_status = "STOPPED".to_owned();
    assert_eq!(
        lab.run("weka debug manhole -s 0 operational_status").unwrap(),
        "{\"is_ready\": false}\n"
    );
}

/// The real program rejects these command lines, so a script must not send them.
#[test]
fn command_lines_are_parsed_as_weka_does() {
    let mut lab = Lab::prepared();
    lab.run(SET_UP).unwrap();
    for (command, reason) in [
        ("weka no such command", "unrecognized subcommand"),
        ("weka local no-such-command", "unrecognized subcommand"),
        ("weka version prepare", "required"),
        ("weka version get 4.4.2 --no-such-option", "unexpected argument"),
        ("weka version get 4.4.2 --from", "a value is required"),
        ("weka local setup container --cores 1", "--name"),
        (
            "weka local setup container --name x --cores many",
            "invalid value",
        ),
        (
            "weka local setup container --name x --cores 1 --cores 1",
            "cannot be used multiple times",
        ),
        (
            "weka local setup container --name x --cores 1 --auto-remove-timeout 60",
            "--client",
        ),
        ("weka local exec --container drives0", "required"),
        ("weka cluster drive scan x", "invalid value"),
        ("weka cluster container --format xml", "invalid value"),
        ("weka cluster container deactivate", "required"),
        ("weka cluster container remove", "required"),
        ("weka events trigger-event", "required"),
        ("weka debug manhole operational_status", "required"),
        ("weka --color=purple local stop", "invalid value"),
        ("wapi machine-query-info --info-types=CPUS -J", "invalid value"),
        ("weka_sign_drive", "required"),
        ("no-such-program", "unknown program"),
    ] {
        let error = lab.outcome(command).unwrap_err();
        assert!(error.contains(reason), "{command}: {error}");
    }
    // Options can have their value behind an equals sign, and lists can be repeated.
    let other = COMPUTE
        .replace("--name compute0", "--name=compute0")
        .replace(
            "--join-ips 127.10.0.1",
            "--join-ips=127.10.0.9 --join-ips 127.10.0.1:14000",
        )
        .replace("weka local", "weka --color disabled local");
    lab.run(&other).unwrap();
}

#[test]
fn container_with_inconsistent_options_is_rejected() {
    for (from, to, reason) in [
        ("--cores 2", "--cores 3", "3 cores, but 2 core ids"),
        ("--core-ids 1,2", "--core-ids 1", "1 core ids and 2 interfaces"),
        ("--core-ids 1,2", "--core-ids 0,2", "core 0"),
        (" --net eth2/127.11.0.2/20/127.10.0.1", "", "1 interfaces"),
        ("127.10.0.9,127.10.0.1", "127.10.0.9", "no address in --join-ips"),
        (
            "--management-ips 127.10.0.7",
            "--management-ips 127.10.0.1",
            "not this machine's",
        ),
        (
            "--drives-dedicated-cores 2",
            "--drives-dedicated-cores 3",
            "3 dedicated cores of 2",
        ),
    ] {
        assert!(SET_UP.contains(from), "{from}");
        let mut lab = Lab::prepared();
        let error = lab.run(&SET_UP.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(reason), "{to}: {error}");
        assert_eq!(lab.model.containers().count(), 15);
    }
    let mut lab = Lab::prepared();
    lab.run(SET_UP).unwrap();
    for (from, to, reason) in [
        ("--name compute0", "--name drives0", "exists"),
        ("--base-port 15000", "--base-port 14050", "ports from 14000"),
        ("--core-ids 3", "--core-ids 2", "core 2 is used"),
        (
            "eth3/127.11.0.3",
            "eth1/127.11.0.1",
            "is used by another container",
        ),
    ] {
        let error = lab.run(&COMPUTE.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(reason), "{to}: {error}");
    }
    lab.password = "x".to_owned();
    assert_eq!(
        lab.run("weka cluster container -J").unwrap_err(),
        "wrong username or password"
    );
}

#[test]
fn steps_out_of_order_are_rejected() {
    let mut lab = Lab::new();
    for (command, reason) in [
        (SET_UP, "no version is set"),
        (PREPARE, "not downloaded"),
        ("weka local run --container compute0 ls", "no version is set"),
        ("weka cluster container -J", "no container runs"),
        ("weka debug manhole -s 0 operational_status", "no container runs"),
        (
            "weka version get --from 127.10.0.9:14000 4.4.2 --set-current",
            "does not respond",
        ),
        (
            "weka version get --from 127.10.0.1:14001 4.4.2 --set-current",
            "does not respond",
        ),
        (
            "weka version get --from 127.10.0.1:14000 4.2.8",
            "release 4.2.8 not found",
        ),
    ] {
        let error = lab.outcome(command).unwrap_err();
        assert!(error.contains(reason), "{command}: {error}");
    }
    lab.run(GET).unwrap();
    assert!(lab.run(SET_UP).unwrap_err().contains("not prepared"));
    lab.run(PREPARE).unwrap();
    // The default container occupies the ports, and a running container prevents a change of the version.
    assert!(lab.run(SET_UP).unwrap_err().contains("ports"));
    assert!(lab.run(GET).unwrap_err().contains("containers are running"));
    assert!(lab.run("weka local rm --all").unwrap_err().contains("--force"));
    assert!(
        lab.run("weka local rm --all --force")
            .unwrap_err()
            .contains("is running")
    );
    assert!(
        lab.run("weka local stop other")
            .unwrap_err()
            .contains("not found")
    );
    lab.run("weka local stop default").unwrap();
    lab.run("weka local rm default -f").unwrap();
    lab.run(SET_UP).unwrap();
    lab.run("weka_sign_drive /dev/nvme2n1").unwrap();
    assert!(
        lab.run("weka_sign_drive /dev/nvme2n1")
            .unwrap_err()
            .contains("already signed")
    );
    lab.run("weka_sign_drive --force /dev/nvme2n1").unwrap();
    lab.password = "x".to_owned();
    assert!(
        lab.run("wapi machine-query-info --info-types=DISKS -J")
            .unwrap_err()
            .contains("wrong username")
    );
}

#[test]
fn command_runs_inside_a_container() {
    let mut lab = Lab::prepared();
    lab.run(SET_UP).unwrap();
    let mut process = |command: &str| match lab.outcome(command).unwrap() {
        Outcome::InContainer(process) => (process.environment, process.command),
        Outcome::Output(output) => panic!("{output}"),
    };
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        process("weka local run --container drives0 -e A=1 -e B=2 bash -ce x -J"),
        (words("A=1 B=2"), words("bash -ce x -J"))
    );
    // The only container is selected.
    assert_eq!(process("weka local exec -- ls -l"), (vec![], words("ls -l")));
    assert_eq!(process("weka local exec -C drives0 ls"), (vec![], words("ls")));
    for (command, reason) in [
        ("weka local run --container other ls", "not found"),
        ("weka local run --container drives0 -e A ls", "has no value"),
        ("weka local run --container drives0", "terminal"),
    ] {
        let error = lab.outcome(command).unwrap_err();
        assert!(error.contains(reason), "{command}: {error}");
    }
    lab.run("weka local stop").unwrap();
    assert!(
        lab.outcome("weka local exec -C drives0 ls")
            .unwrap_err()
            .contains("does not run")
    );
}

#[test]
fn entry_of_an_earlier_attempt_is_deactivated_and_removed() {
    let mut lab = Lab::prepared();
    for command in [SET_UP, "weka local stop", "weka local rm --all --force", SET_UP] {
        lab.run(command).unwrap();
    }
    let error = lab.run("weka cluster container deactivate 15").unwrap_err();
    assert!(error.contains("not available"), "{error}");
    lab.run("weka cluster container deactivate 15 --allow-unavailable")
        .unwrap();
    lab.model.advance(std::time::Duration::from_secs(3600));
    let error = lab.run("weka cluster container remove 15").unwrap_err();
    assert!(error.contains("another container has its address"), "{error}");
    lab.run("weka cluster container remove 15 --no-unimprint")
        .unwrap();
    assert!(lab.model.containers().all(|container| container.id != 15));
}

#[test]
fn command_reaches_the_cluster_through_another_host() {
    let mut lab = Lab::new();
    lab.host = "127.10.0.1";
    lab.run("weka cluster container -J").unwrap();
    lab.host = "127.10.0.9";
    assert!(
        lab.run("weka cluster container -J")
            .unwrap_err()
            .contains("does not respond")
    );
    lab.run("weka cluster container -J -H 127.10.0.2").unwrap();
}

#[test]
fn mount_creates_the_container_of_a_stateless_client() {
    let mut lab = Lab::new();
    let mount = "mount.wekafs 127.10.0.9,127.10.0.1/default /mnt/weka -o remove_after_secs=600 -o num_cores=2,ro,_netdev";
    lab.run(mount).unwrap();
    // The second mount uses the same container.
    lab.run("mount.wekafs 127.10.0.1:/other /mnt/other").unwrap();
    let client = lab.model.containers().last().unwrap();
    assert_eq!(
        (client.name.as_str(), client.mode, client.processes.len()),
        ("client", Mode::Client, 3)
    );
    assert_eq!(client.auto_remove, Some(std::time::Duration::from_secs(600)));
    assert_eq!(lab.model.containers().count(), 16);
}

#[test]
fn invalid_mount_is_rejected() {
    for (mount, reason) in [
        ("127.10.0.1 /mnt/weka", "has no filesystem"),
        ("127.10.0.1/ /mnt/weka", "is not a filesystem"),
        ("127.10.0.1/default weka", "not an absolute path"),
        ("127.10.0.9/default /mnt/weka", "does not respond"),
        ("127.10.0.1/default /mnt/weka -o no_such_option", "unknown option"),
        ("127.10.0.1/default /mnt/weka -o num_cores", "unknown option"),
        ("127.10.0.1/default /mnt/weka -o num_cores=x", "not a number"),
        (
            "127.10.0.1/default /mnt/weka -o num_cores=1,core=2",
            "exclude each other",
        ),
        ("127.10.0.1/default /mnt/weka -o core=0", "core 0"),
        ("127.10.0.1/default /mnt/weka -o num_cores=0", "needs net=udp"),
        (
            "127.10.0.1/default /mnt/weka -o net=eth1",
            "attaches the interfaces itself",
        ),
        (
            "127.10.0.1/default /mnt/weka -o remove_after_secs=30",
            "at least 60",
        ),
        ("127.10.0.1/default", "required"),
    ] {
        let mut lab = Lab::new();
        let error = lab.run(&format!("mount.wekafs {mount}")).unwrap_err();
        assert!(error.contains(reason), "{mount}: {error}");
        assert_eq!(lab.model.containers().count(), 15);
    }
}

#[test]
fn malformed_request_is_rejected() {
    let mut lab = Lab::new();
    for body in [
        &b"weka\0admin\0x\0"[..],
        b"weka\0a\0b\0\0nowhere\0i\0local\0stop\0",
        b"\xff",
    ] {
        assert!(run(&mut lab.model, &mut lab.agents, PORT, body).is_err());
    }
}
