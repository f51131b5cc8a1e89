use super::*;
use crate::{NewBackend, Settings};
use weka_types::lists::HostState;

const PORT: u16 = 14000;
const SET_UP: &str = "local setup container --name drives0 --base-port 14000 --cores 2 --core-ids 1,2 --no-frontends \
    --drives-dedicated-cores 2 --join-ips 127.10.0.9,127.10.0.1 --failure-domain f --management-ips 127.10.0.7 \
    --net eth1/127.11.0.1/20/127.10.0.1 --net eth2/127.11.0.2/20/127.10.0.1 --dedicate";

fn cluster() -> Model {
    let mut model = Model::new(Settings::default());
    for last in 1..=5u8 {
        model.add_backend(&NewBackend::new(
            IpAddr::from([127, 10, 0, last]),
            &format!("i-{last}"),
        ));
    }
    model
}

/// Runs a command on a new machine. The arguments cannot contain spaces.
fn weka(model: &mut Model, command: &str) -> Result<String, String> {
    let password = model.settings().credentials.password.clone();
    weka_with_password(model, &password, command)
}

fn weka_with_password(model: &mut Model, password: &str, command: &str) -> Result<String, String> {
    let caller = ["admin", password, "127.10.0.7", "i-7"];
    let fields = caller.into_iter().chain(command.split_whitespace());
    let body: String = fields.map(|field| format!("{field}\0")).collect();
    run(model, PORT, body.as_bytes()).map_err(|error| error.message)
}

#[test]
fn commands_of_a_join_script_set_up_a_machine() {
    let mut model = cluster();
    for command in [
        "version get --from 127.10.0.1:14000 4.2.9 --set-current",
        "version prepare 4.2.9",
        "local stop",
        "local rm --all --force",
        SET_UP,
        "local exec --container drives0 /weka/tools/weka_sign_drive /dev/nvme2n1",
        "cluster drive scan 15",
        "events trigger-event joined",
    ] {
        weka(&mut model, command).unwrap();
    }
    assert_eq!(
        weka(&mut model, "debug manhole -s 0 operational_status").unwrap(),
        "{\"is_ready\": true}\n"
    );
    assert_eq!(model.drives_of("127.10.0.7".parse().unwrap()).count(), 1);
    assert_eq!(model.events()[0].message, "joined");
    let listed: serde_json::Value =
        serde_json::from_str(&weka(&mut model, "cluster container --json").unwrap()).unwrap();
    let new = &listed.as_array().unwrap()[15];
    assert_eq!(
        (&new["host_id"], &new["host_ip"]),
        (&"HostId<15>".into(), &"127.10.0.7".into())
    );
    weka(&mut model, "cluster container deactivate 15").unwrap();
    assert_eq!(model.containers().last().unwrap().state, HostState::Deactivating);
    model.io_status = "STOPPED".to_owned();
    assert_eq!(
        weka(&mut model, "debug manhole -s 0 operational_status").unwrap(),
        "{\"is_ready\": false}\n"
    );
}

/// The real program rejects these commands or fails later, so a join script must not send them.
#[test]
fn invalid_commands_are_rejected() {
    let mut model = cluster();
    for (from, to) in [
        ("--cores 2", "--cores 3"),
        ("--core-ids 1,2", "--core-ids 1"),
        (" --net eth2/127.11.0.2/20/127.10.0.1", ""),
        ("127.10.0.9,127.10.0.1", "127.10.0.9"),
        ("--management-ips 127.10.0.7", "--management-ips 127.10.0.1"),
        ("--failure-domain f", ""),
        ("--name drives0", ""),
        ("--no-frontends", "--no-such-option"),
        ("--no-frontends", "--name other"),
        ("--dedicate", "--memory"),
    ] {
        assert!(SET_UP.contains(from), "{from}");
        let command = SET_UP.replacen(from, to, 1);
        assert!(weka(&mut model, &command).is_err(), "{command}");
    }
    for command in [
        "version get --from 127.10.0.9:14000 4.2.9 --set-current",
        "version get --from 127.10.0.1:14001 4.2.9 --set-current",
        "version prepare 4.2.8",
        "local exec --container drives0 /weka/tools/weka_sign_drive /dev/nvme2n1",
        "cluster drive scan 99",
        "cluster drive scan x",
        "cluster container deactivate",
        "cluster container deactivate 0 1 2",
        "no such command",
    ] {
        assert!(weka(&mut model, command).is_err(), "{command}");
    }
    assert_eq!(
        weka_with_password(&mut model, "x", SET_UP).unwrap_err(),
        "wrong username or password"
    );
    for body in [&b"admin\0x\0"[..], b"a\0b\0nowhere\0i\0local\0stop\0", b"\xff"] {
        assert!(run(&mut model, PORT, body).is_err());
    }
    assert_eq!(model.containers().count(), 15);
}
