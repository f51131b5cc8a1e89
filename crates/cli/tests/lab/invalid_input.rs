//! Invalid input: one clear error for each problem, the right exit status, and no change.

use crate::common::{Lab, import_arguments};
use lab::StackOptions;

/// Runs an import and asserts its exit status, its errors, and that nothing was changed.
#[track_caller]
fn refused(lab: &Lab, arguments: &[&str], status: i32, lines: &[&str]) {
    let calls = lab.calls().len();
    let ran = lab.import(arguments);
    assert_eq!(ran.status, status, "{}", ran.stderr);
    for line in lines {
        let reported = ran
            .stderr
            .lines()
            .any(|message| message.starts_with("error: ") && message.contains(line));
        assert!(reported, "{line:?} in:\n{}", ran.stderr);
    }
    let errors = ran
        .stderr
        .lines()
        .filter(|line| line.starts_with("error: "))
        .count();
    assert_eq!(errors, lines.len(), "{}", ran.stderr);
    assert_eq!(lab.changes_since(calls), [""; 0]);
}

#[test]
fn invalid_arguments_are_reported_together_before_any_aws_call() {
    let (lab, _) = Lab::without_clients();
    let long = format!("{}=v", "k".repeat(129));
    refused(
        &lab,
        &[
            "-t",
            "env",
            "-t",
            "a=b=c",
            "-t",
            "wekactl.io/x=1",
            "-t",
            "aws:x=1",
            "-t",
            &long,
            "--dns-alias",
            "weka.example.com",
            "--cores",
            "compute=1,frontend=1,drive=1",
            "-i",
            "instance-1",
            "--image-id",
            "image-1",
            "--permissions-boundary",
            "limit",
        ],
        64,
        &[
            "tag 'env' has no '=': use key=value",
            "tag 'a=b=c' has several '='",
            "tag 'wekactl.io/x=1' is reserved",
            "tag 'aws:x=1' is reserved",
            "has a key longer than 128 characters",
            "--dns-alias and --dns-zone-id require each other",
            "--cores and --compute-memory require each other",
            "'instance-1' is not an instance ID",
            "--image-id: 'image-1' is not an AMI ID",
            "--permissions-boundary: 'limit' is not the ARN of a policy",
        ],
    );
    refused(
        &lab,
        &["--cores", "compute=1", "--compute-memory", "much"],
        64,
        &["frontend is missing", "invalid compute memory 'much'"],
    );
    refused(
        &lab,
        &["--dns-alias", "*.example.com", "--dns-zone-id", "Z1"],
        64,
        &["--dns-alias: '*.example.com' is not a valid host name: it has characters other than"],
    );
    refused(
        &lab,
        &["-c", "gcp"],
        64,
        &["unknown cloud provider 'gcp': the only provider is 'aws'"],
    );
    refused(
        &lab,
        &[
            "--client-mount",
            "default",
            "--client-mount",
            "a=/mnt/a",
            "--client-mount",
            "b=/mnt/a/",
            "--client-mount",
            "c=/etc",
        ],
        64,
        &[
            "--client-mount: invalid client mount 'default': it has no '='",
            "--client-mount: /mnt/a is given twice",
            "--client-mount: invalid client mount 'c=/etc': path '/etc' is a directory of the system",
        ],
    );
    let ran = lab.import(&["--client-mount", "a=/mnt/a", "--no-clients"]);
    ran.fails(64).shows("cannot be used with");
    let package = lab.package();
    let package = package.to_str().unwrap();
    refused(
        &lab,
        &["--weka-ca", "/nowhere/ca.pem", "--dns-alias", "weka.example.com"],
        64,
        &[
            "--weka-ca /nowhere/ca.pem cannot be read: No such file",
            "--dns-alias and --dns-zone-id require each other",
        ],
    );
    let text = lab.file("text.pem", "no certificate");
    let none = format!("--weka-ca {text}: no certificate found");
    refused(&lab, &["--weka-ca", &text], 64, &[&none]);
    refused(
        &lab,
        &["--weka-ca", package],
        64,
        &["cannot be read: stream did not contain valid UTF-8"],
    );
    let ran = lab.import(&["--weka-ca", &text, "--weka-http"]);
    ran.fails(64).shows("cannot be used with");
    refused(&lab, &["-r", "Ireland"], 64, &["'Ireland' is not an AWS region"]);
    for (name, reason) in [
        ("1wk", "does not begin with a letter"),
        ("w_k", "other than letters"),
        ("wk-", "ends with a hyphen"),
    ] {
        let ran = lab.wekactl(&["cluster", "import", "-n", name, "-u", "admin"]);
        ran.fails(64).shows(reason);
    }
}

#[test]
fn usage_errors_exit_with_64() {
    let (lab, _) = Lab::without_clients();
    for arguments in [
        &["cluster", "import"][..],
        &["nonsense"],
        &["cluster", "import", "--no-such-flag"],
        &[],
    ] {
        assert_eq!(lab.wekactl(arguments).status, 64, "{arguments:?}");
    }
    assert_eq!(lab.wekactl(&["--help"]).status, 0);
}

#[test]
fn password_is_required_and_not_prompted_for_without_a_terminal() {
    let (lab, _) = Lab::without_clients();
    let ran = lab.import_with("wk", &["--dry-run"], &[]);
    ran.fails(64)
        .shows("no Weka password is given and there is no terminal to prompt on: set WEKA_PASSWORD");
    let shown = lab.import_with("wk", &["--dry-run", "-p", "visible"], &[]).ok();
    shown.shows("other users of this machine can see a password given with -p");
    assert!(!shown.stderr.contains("visible\n"));
}

#[test]
fn region_credentials_and_package_are_required() {
    let (lab, _) = Lab::without_clients();
    let nowhere = [("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "")];
    let ran = lab.import_with("wk", &["-p", "x"], &nowhere);
    ran.fails(64)
        .shows("no AWS region is set: use --region, or set AWS_REGION");
    // A host name that is too long fails without a DNS query, like the name of a region that does not exist.
    let endpoint = format!("http://{}.example", "x".repeat(64));
    let unknown = [("AWS_ENDPOINT_URL", &*endpoint), ("AWS_REGION", "eu-west-9")];
    let ran = lab.import_with("wk", &["-p", "x"], &unknown);
    ran.fails(1)
        .shows("hint: the region's endpoint has no address: check --region");
    let nobody = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];
    let ran = lab.import_with("wk", &["-p", "x"], &nobody);
    ran.fails(1)
        .shows("no AWS credentials were found: set AWS_PROFILE");
    let ran = lab.wekactl(&import_arguments("wk", "/no/such.zip"));
    ran.fails(1)
        .shows("the Lambda package /no/such.zip cannot be read");
    let ran = lab.wekactl(&import_arguments("wk", "/bin/sh"));
    ran.shows("it is not a zip archive; build one with `cargo xtask package`");
}

#[test]
fn missing_stack_and_non_weka_stack_are_rejected() {
    let (lab, _) = Lab::with(&StackOptions {
        description: "A shop".into(),
        clients: 0,
        ..StackOptions::default()
    });
    refused(&lab, &[], 1, &["stack 'wk' is not a Weka stack"]);
    let ran = lab.import_as("nope", &[]);
    ran.fails(1)
        .shows("CloudFormation stack 'nope' does not exist in this region");
}

#[test]
fn all_missing_prerequisites_are_reported_together() {
    let (lab, _) = Lab::with(&StackOptions {
        backends: 4,
        second_subnet: false,
        clients: 0,
        ..StackOptions::default()
    });
    refused(
        &lab,
        &[
            "--private-subnet",
            "--use-dynamodb-endpoint",
            "--image-id",
            "ami-0123456789abcdef0",
        ],
        1,
        &[
            "4 backend instances found, minimum is 5",
            "no second subnet for the load balancer",
            "--image-id ami-0123456789abcdef0 does not exist in this region",
            "--private-subnet needs an interface endpoint for com.amazonaws.eu-west-1.execute-api",
            "--use-dynamodb-endpoint needs an endpoint for com.amazonaws.eu-west-1.dynamodb",
        ],
    );
}

#[tokio::test]
async fn alias_with_a_missing_zone_or_outside_its_zone_is_rejected() {
    let (lab, _) = Lab::without_clients();
    let alias = |zone| ["--dns-alias", "weka.example.com", "--dns-zone-id", zone];
    refused(
        &lab,
        &alias("Z1"),
        1,
        &["hosted zone Z1 does not exist: --dns-zone-id is"],
    );
    let zone = lab.clients().route53.create_hosted_zone();
    let zone = zone.name("example.org").caller_reference("1").send();
    let zone = zone.await.unwrap().hosted_zone.unwrap().id;
    let zone = zone.trim_start_matches("/hostedzone/");
    let line =
        format!("--dns-alias weka.example.com is not within example.org, the domain of hosted zone {zone}");
    refused(&lab, &alias(zone), 1, &[&line]);
}

#[test]
fn mixed_and_unknown_instance_types_are_rejected() {
    let (lab, _) = Lab::with(&StackOptions {
        odd_backend_type: Some("i3en.6xlarge".into()),
        clients: 0,
        ..StackOptions::default()
    });
    refused(
        &lab,
        &[],
        1,
        &["the backend instances have different instance types: i3en.2xlarge"],
    );
    let (lab, _) = Lab::with(&StackOptions {
        backend_type: "m5.large".into(),
        clients: 0,
        ..StackOptions::default()
    });
    refused(
        &lab,
        &[],
        1,
        &["instance type m5.large is unknown; known: r3.2xlarge"],
    );
    lab.import(&[
        "--dry-run",
        "--cores",
        "compute=1,frontend=1,drive=1",
        "--compute-memory",
        "8GB",
    ])
    .ok();
}

#[test]
fn missing_instances_and_instances_of_another_cluster_are_rejected() {
    let (lab, stack) = Lab::with(&StackOptions {
        clients: 0,
        terminated_backends: 1,
        ..StackOptions::default()
    });
    let ids = [
        &stack.backends[..],
        &stack.terminated_backends[..],
        &["i-0123456789abcdef0".to_owned()],
    ]
    .concat()
    .join(",");
    refused(
        &lab,
        &["-i", &ids],
        1,
        &["gone or never existed: omit them from --instance-ids"],
    );
    lab.import(&[]).ok();
    let ids = stack.backends.join(",");
    let calls = lab.calls().len();
    let ran = lab.import_as("other", &["-i", &ids]);
    ran.fails(1)
        .shows("is in the Auto Scaling group 'wekactl-wk-Backends' already");
    ran.shows("is tagged as cluster 'wk'");
    assert_eq!(lab.changes_since(calls), [""; 0]);
}
