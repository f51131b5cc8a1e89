//! What only a lab can do to its AWS.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use jiff::Timestamp;
use lab::{Control, Error, Instance, InstanceState, Moto, MotoOptions, StackOptions};
use std::time::Duration;

fn control(network: u8) -> (Moto, Control) {
    let moto = Moto::start(MotoOptions::default()).unwrap();
    let options = StackOptions {
        network,
        ..StackOptions::default()
    };
    lab::create(&moto, &options).unwrap();
    let control = Control::of(&moto);
    (moto, control)
}

async fn first(control: &Control) -> Instance {
    control.instances().await.unwrap().remove(0)
}

#[tokio::test]
async fn instances_grow_older_and_fail() {
    let (_moto, control) = control(51);
    let new = first(&control).await;
    assert!(new.address.unwrap().to_string().starts_with("127.51."), "{new:?}");
    control.pass(Duration::from_secs(1860)).await.unwrap();
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
    let gone = first(&control).await;
    assert_eq!((gone.state.as_str(), gone.address), ("terminated", None));
}

#[tokio::test]
async fn what_is_not_there_is_refused() {
    let (moto, control) = control(52);
    let instance = first(&control).await.id;
    let refused = |result: Result<(), Error>, reason: &str| {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    };
    refused(
        control.set_state("i-1", InstanceState::Stopped).await,
        "there is no instance i-1",
    );
    refused(control.set_healthy(&instance, false).await, "is in no group");
    refused(control.group("none").await.map(drop), "there is no group none");
    // It was started without functions.
    refused(control.tick("rule").await.map(drop), "this lab runs no functions");
    drop(moto);
    let error = control.instances().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

#[test]
fn a_rest_apis_url_has_its_place_here() {
    let moto = Moto::start(MotoOptions::default()).unwrap();
    let control = Control::of(&moto);
    let url =
        control.execute_api("https://abc.execute-api.eu-west-1.amazonaws.com/default/wekactl-wk-Backends");
    let expected = format!(
        "{}/lab/execute-api/eu-west-1/abc/default/wekactl-wk-Backends",
        moto.endpoint()
    );
    assert_eq!(url.unwrap(), expected);
    assert_eq!(control.execute_api("https://example.com/default/x"), None);
}
