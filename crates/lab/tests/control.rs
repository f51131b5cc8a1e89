//! Operations of the local AWS that the AWS API does not offer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jiff::Timestamp;
use lab::{Control, Error, Instance, InstanceState, Moto, MotoOptions, StackOptions};
use std::time::Duration;

fn control(network: u8) -> (Moto, Control) {
    let moto = Moto::start(MotoOptions::default()).unwrap();
    let options = StackOptions {
        network,
        ..StackOptions::default()
    };
    lab::create_stack(&moto, &options).unwrap();
    let control = Control::new(&moto);
    (moto, control)
}

async fn first(control: &Control) -> Instance {
    control.instances().await.unwrap().remove(0)
}

#[tokio::test]
async fn instances_age_and_change_state() {
    let (_moto, control) = control(51);
    let new = first(&control).await;
    assert!(new.address.unwrap().to_string().starts_with("127.51."), "{new:?}");
    control.advance_time(Duration::from_secs(1860)).await.unwrap();
    let old = first(&control).await;
    let launched = |instance: &Instance| {
        let time: String = instance.launch_time.replace(' ', "T");
        let time = time.split_once('+').map_or(time.as_str(), |(time, _)| time);
        format!("{}Z", time.trim_end_matches('Z'))
            .parse::<Timestamp>()
            .unwrap()
    };
    assert_eq!(launched(&new).duration_since(launched(&old)).as_secs(), 1860);

    control.set_state(&new.id, InstanceState::Stopped).await.unwrap();
    assert_eq!(first(&control).await.state, "stopped");
    control.set_state(&new.id, InstanceState::Running).await.unwrap();
    assert_eq!(first(&control).await.state, "running");
    control
        .set_state(&new.id, InstanceState::Terminated)
        .await
        .unwrap();
    let terminated = first(&control).await;
    assert_eq!(
        (terminated.state.as_str(), terminated.address),
        ("terminated", None)
    );
}

#[tokio::test]
async fn unknown_resources_are_rejected() {
    let (moto, control) = control(52);
    let instance = first(&control).await.id;
    let assert_rejected = |result: Result<(), Error>, reason: &str| {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Rejected { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    };
    assert_rejected(
        control.set_state("i-1", InstanceState::Stopped).await,
        "instance i-1 not found",
    );
    assert_rejected(control.set_healthy(&instance, false).await, "is not in a group");
    assert_rejected(control.group("none").await.map(drop), "group none not found");
    // This AWS was started without functions.
    assert_rejected(
        control.tick("rule").await.map(drop),
        "this lab does not run functions",
    );
    drop(moto);
    let error = control.instances().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

#[test]
fn rest_api_url_maps_to_the_local_aws() {
    let moto = Moto::start(MotoOptions::default()).unwrap();
    let control = Control::new(&moto);
    let url =
        control.execute_api("https://abc.execute-api.eu-west-1.amazonaws.com/default/wekactl-wk-Backends");
    let expected = format!(
        "{}/lab/execute-api/eu-west-1/abc/default/wekactl-wk-Backends",
        moto.endpoint()
    );
    assert_eq!(url.unwrap(), expected);
    assert_eq!(control.execute_api("https://example.com/default/x"), None);
}
