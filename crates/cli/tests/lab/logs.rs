//! No log level shows a secret.

use crate::common::PASSWORD;
use crate::credentials::responding;
use crate::every_command::{calls_aws, invocations};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use deployment::{FunctionType, HostGroup, Names};
use lab::Control;

const SECRET_KEY: &str = "the-callers-own-secret-key";
const SESSION_TOKEN: &str = "the-callers-own-session-token";

/// The forms in which a secret can be part of a request: plain, in a URL, and as a part of any text in base64.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![
        secret.to_owned(),
        secret.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"),
    ];
    for before in 0..3 {
        let text = [&b"xxx"[..before], secret.as_bytes()].concat();
        let encoded = BASE64_STANDARD.encode(&text);
        // The first and the last characters also depend on the text around the secret.
        let first = (before * 8).div_ceil(6);
        let last = text.len() * 8 / 6;
        forms.push(encoded[first..last].to_owned());
    }
    forms
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_logs_a_secret_at_any_level() {
    let (lab, weka) = responding(54, PASSWORD).await;
    let package = lab.package();
    let instances = Control::new(&lab.moto).instances().await.unwrap();
    let backend = instances[0].address.unwrap().to_string();
    let invocations = invocations(package.to_str().unwrap(), &backend, &instances[0].id);
    let mut secrets: Vec<_> = [PASSWORD, SECRET_KEY, SESSION_TOKEN].map(str::to_owned).to_vec();
    // The tokens of the simulated cluster.
    secrets.extend(["access-token-".to_owned(), "refresh-token-".to_owned()]);
    let mut logs = Vec::new();
    for arguments in &invocations {
        let ran = lab.wekactl_with(
            &[&arguments[..], &["-vvv"]].concat(),
            &[
                ("WEKA_PASSWORD", PASSWORD),
                (
                    "LOG_LEVEL",
                    "trace,aws_smithy_runtime::client::orchestrator=trace",
                ),
                ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
                ("AWS_SESSION_TOKEN", SESSION_TOKEN),
            ],
        );
        let ran = ran.ok();
        assert_eq!(
            ran.stderr.contains("wekactl::requests"),
            calls_aws(arguments),
            "{arguments:?}: {}",
            ran.stderr
        );
        if logs.is_empty() {
            // After the import, the first command.
            let keys = lab
                .clients()
                .apigateway
                .get_api_keys()
                .include_values(true)
                .send()
                .await;
            let keys = keys.unwrap().items.unwrap();
            assert!(!keys.is_empty());
            secrets.extend(keys.into_iter().map(|key| key.value.unwrap()));
            let function =
                Names::new("wk".parse().unwrap()).function(HostGroup::Backends, FunctionType::Scale);
            let configuration = lab
                .clients()
                .lambda
                .get_function_configuration()
                .function_name(function);
            let environment = configuration.send().await.unwrap().environment.unwrap();
            secrets.push(environment.variables.unwrap()["SEAL_KEY"].clone());
        }
        logs.push((arguments, format!("{}{}", ran.stdout, ran.stderr)));
    }
    let logins = weka.read(|model| {
        let requests = model.requests().iter();
        requests.filter(|request| request.method == "user_login").count()
    });
    assert!(
        logins >= 3,
        "import, change-credentials and jrpc log in: {logins}"
    );
    for secret in &secrets {
        for form in forms(secret) {
            for (arguments, log) in &logs {
                let line = log.lines().find(|line| line.contains(&form));
                assert_eq!(line, None, "{arguments:?} shows {secret} as {form}");
            }
        }
    }
}

#[test]
fn secret_is_found_in_any_text_in_base64() {
    for around in ["", "a", "ab", "abc", "abcd"] {
        let text = BASE64_STANDARD.encode(format!("{around}{PASSWORD}{around}"));
        assert!(forms(PASSWORD).iter().any(|form| text.contains(form)), "{text}");
    }
}
