//! A simulated AWS account with one imported cluster.

use super::{PASSWORD, USER};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use lab::http::{Request, Response, response, serve};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The running backends, by id.
pub(crate) const BACKENDS: [(&str, &str); 3] =
    [("i-1", "10.0.0.1"), ("i-2", "10.0.0.2"), ("i-3", "10.0.0.3")];
/// A new member of the group, which joins.
pub(crate) const NEW: (&str, &str) = ("i-9", "10.0.0.9");
pub(crate) const DESIRED: u32 = 5;

pub(crate) struct Account {
    url: String,
    cluster: Arc<Mutex<Cluster>>,
    _server: JoinSet<()>,
}

/// The state of the account.
pub(crate) struct Cluster {
    pub(crate) backends: Vec<(&'static str, &'static str)>,
    pub(crate) instance_type: String,
    pub(crate) password: Value,
    /// Additional fields of the settings.
    pub(crate) settings: Value,
    /// The operation that is rejected, or the key of the item that cannot be read.
    pub(crate) rejected: Option<&'static str>,
    /// Whether requests get no response.
    pub(crate) silent: bool,
    requests: usize,
}

impl Account {
    pub(crate) async fn with_cluster() -> Self {
        let cluster = Arc::new(Mutex::new(Cluster {
            backends: BACKENDS.to_vec(),
            instance_type: "i3en.2xlarge".to_owned(),
            password: json!({ "S": BASE64_STANDARD.encode(PASSWORD) }),
            settings: json!({}),
            rejected: None,
            silent: false,
            requests: 0,
        }));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut server = JoinSet::new();
        let shared = Arc::clone(&cluster);
        server.spawn(serve(listener, move |request| {
            let mut cluster = shared.lock().unwrap();
            let response = (!cluster.silent).then(|| cluster.respond(&request));
            async move {
                match response {
                    Some(response) => response,
                    None => std::future::pending().await,
                }
            }
        }));
        Self {
            url,
            cluster,
            _server: server,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Cluster)) {
        change(&mut self.cluster.lock().unwrap());
    }

    /// The number of requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.cluster.lock().unwrap().requests
    }
}

impl Cluster {
    fn respond(&mut self, request: &Request) -> Response {
        self.requests += 1;
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        let target = request.headers().get("x-amz-target");
        let target = target.and_then(|target| target.to_str().unwrap().split('.').next_back());
        let operation = [
            "GetItem",
            "UpdateItem",
            "DescribeInstances",
            "DescribeAutoScalingGroups",
        ]
        .into_iter()
        .find(|operation| target == Some(operation) || body.contains(&format!("Action={operation}&")))
        .unwrap();
        if self.rejected == Some(operation) {
            return rejection(operation);
        }
        match operation {
            "GetItem" => self.item(&serde_json::from_str(&body).unwrap()),
            "UpdateItem" => response(200, "application/x-amz-json-1.0", b"{}".to_vec()),
            "DescribeInstances" if body.contains(&format!("={}&", NEW.0)) => new_instance(),
            "DescribeInstances" => self.instances(&body),
            _ => groups(),
        }
    }

    fn item(&self, request: &Value) -> Response {
        assert_eq!(request["TableName"], "wekactl-wk");
        let key = request["Key"]["Key"]["S"].as_str().unwrap();
        if self.rejected == Some(key) {
            return rejection("GetItem");
        }
        let mut item = match key {
            "cluster-creds" => json!({
                "Key": { "S": "cluster-creds" },
                "Username": { "S": BASE64_STANDARD.encode(USER) },
                "Password": self.password,
            }),
            "cluster-settings" => json!({
                "Key": { "S": "cluster-settings" },
                "Backends": { "M": {
                    "InstanceType": { "S": self.instance_type }, "MaxSize": { "N": "42" },
                    "Subnet": { "S": "subnet-1" }, "IamArn": { "S": "arn:profile" },
                } },
                "Clients": { "M": { "Subnet": { "S": "subnet-1" }, "IamArn": { "S": "arn:profile" } } },
                "Subnet": { "S": "subnet-1" },
                "VpcId": { "S": "vpc-1" },
                "DnsAlias": { "NULL": true },
            }),
            key => panic!("unexpected key {key}"),
        };
        if key == "cluster-settings" {
            let additional = self.settings.as_object().unwrap().clone();
            item.as_object_mut().unwrap().extend(additional);
        }
        let body = json!({ "Item": item });
        response(200, "application/x-amz-json-1.0", body.to_string().into_bytes())
    }

    /// The running backends if the request filters by tags and state; members of the group if it filters by id.
    fn instances(&self, form: &str) -> Response {
        let matching: Vec<_> = if form.contains("instance-id") {
            BACKENDS.into_iter().filter(|(id, _)| form.contains(id)).collect()
        } else {
            for part in [
                "cluster_name",
                "=wk&",
                "hostgroup_type",
                "=backend&",
                "instance-state-name",
                "=running",
            ] {
                assert!(form.contains(part), "{part} in {form}");
            }
            self.backends.clone()
        };
        let items: String = matching
            .iter()
            .map(|(id, ip)| {
                format!(
                    "<item><instancesSet><item><instanceId>{id}</instanceId><privateIpAddress>{ip}</privateIpAddress>\
                     </item></instancesSet></item>"
                )
            })
            .collect();
        xml(
            200,
            format!(
                "<DescribeInstancesResponse><reservationSet>{items}</reservationSet></DescribeInstancesResponse>"
            ),
        )
    }
}

fn new_instance() -> Response {
    let (id, address) = NEW;
    let now = Timestamp::now();
    xml(
        200,
        format!(
            "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>{id}</instanceId>\
             <instanceState><name>running</name></instanceState><privateIpAddress>{address}</privateIpAddress>\
             <vpcId>vpc-1</vpcId><subnetId>subnet-1</subnetId><rootDeviceName>/dev/xvda</rootDeviceName>\
             <iamInstanceProfile><arn>arn:profile</arn></iamInstanceProfile>\
             <tagSet><item><key>aws:autoscaling:groupName</key><value>wekactl-wk-Backends</value></item>\
             <item><key>aws:ec2launchtemplate:id</key><value>lt-1</value></item></tagSet>\
             <blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs><attachTime>{now}</attachTime></ebs></item>\
             </blockDeviceMapping><networkInterfaceSet><item><attachment><deviceIndex>0</deviceIndex>\
             <attachTime>{now}</attachTime></attachment></item></networkInterfaceSet></item></instancesSet></item>\
             </reservationSet></DescribeInstancesResponse>"
        ),
    )
}

fn groups() -> Response {
    let members: String = BACKENDS
        .iter()
        .map(|(id, _)| *id)
        .chain(["i-gone"])
        .map(|id| format!("<member><InstanceId>{id}</InstanceId></member>"))
        .collect();
    xml(
        200,
        format!(
            "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>\
         <AutoScalingGroupName>wekactl-wk-Backends</AutoScalingGroupName><DesiredCapacity>{DESIRED}</DesiredCapacity>\
         <Instances>{members}</Instances></member></AutoScalingGroups></DescribeAutoScalingGroupsResult>\
         </DescribeAutoScalingGroupsResponse>"
        ),
    )
}

fn rejection(operation: &str) -> Response {
    match operation {
        "GetItem" => {
            let error = json!({ "__type": "com.amazonaws#AccessDeniedException", "message": "access denied for the test" });
            response(400, "application/x-amz-json-1.0", error.to_string().into_bytes())
        }
        "DescribeInstances" => xml(403, "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>access denied for the test</Message></Error></Errors></Response>".to_owned()),
        _ => xml(403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>access denied for the test</Message></Error></ErrorResponse>".to_owned()),
    }
}

fn xml(status: u16, body: String) -> Response {
    response(status, "text/xml", body.into_bytes())
}
