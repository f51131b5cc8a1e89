//! Each kind of resource against recorded responses: observing reads the actual state, reports a missing resource as missing,
//! and changes nothing.

mod create;
mod delete;
mod not_found;
mod observe;
mod partial_response;
mod roles;
mod update;

use crate::cloud::{Clients, Cloud};
use crate::inventory::Inventory;
use crate::observe::{Request, observe};
use crate::test_support::{config, form_of, replay};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use deployment::actual::ActualResource;
use deployment::{Account, Names, ResourceId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A response: the operation, the status and the body.
type Response = (&'static str, u16, String);

/// Responds by operation, because observing sends several requests concurrently; records the operations.
#[derive(Debug, Clone)]
struct Router {
    responses: Arc<BTreeMap<&'static str, (u16, String)>>,
    operations: Arc<Mutex<Vec<String>>>,
}

impl Router {
    fn new(responses: &[Response]) -> Self {
        let mut map: BTreeMap<_, _> = responses
            .iter()
            .map(|(operation, status, body)| (*operation, (*status, body.clone())))
            .collect();
        map.insert(
            "GetCallerIdentity",
            (
                200,
                xml(
                    "GetCallerIdentity",
                    "<Arn>arn:aws:iam::123456789012:user/me</Arn>",
                ),
            ),
        );
        Self {
            responses: Arc::new(map),
            operations: Arc::default(),
        }
    }

    fn client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }
}

impl HttpConnector for Router {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = operation(&request);
        let response = self.responses.get(operation.as_str());
        let (status, body) = response
            .unwrap_or_else(|| panic!("no response to {operation}"))
            .clone();
        self.operations.lock().unwrap().push(operation);
        HttpConnectorFuture::ready(Ok(HttpResponse::new(
            status.try_into().unwrap(),
            SdkBody::from(body),
        )))
    }
}

/// The operation of a request; if the protocol does not name it, method and path.
fn operation(request: &HttpRequest) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.rsplit('.').next().unwrap().to_owned();
    }
    let is_form = request
        .headers()
        .get("content-type")
        .is_some_and(|kind| kind.contains("x-www-form-urlencoded"));
    if is_form {
        return form_of(request)["Action"].clone();
    }
    let uri = request.uri();
    let path = uri
        .split_once("://")
        .map_or(uri, |(_, rest)| &rest[rest.find('/').unwrap_or(rest.len())..]);
    format!(
        "{} {}",
        request.method(),
        path.split('?').next().unwrap().trim_end_matches('/')
    )
}

/// A response of a service with the Query protocol.
fn xml(operation: &str, result: &str) -> String {
    format!("<{operation}Response><{operation}Result>{result}</{operation}Result></{operation}Response>")
}

/// The cluster `wk`.
fn cloud(clients: Clients) -> Cloud {
    Cloud {
        clients,
        account: Account {
            id: "123456789012".into(),
            region: "eu-west-1".into(),
            partition: "aws".into(),
        },
        names: Names::new("wk".parse().unwrap()),
        package: Arc::default(),
        wait_for_interfaces: std::time::Duration::ZERO,
    }
}

/// The actual state of a resource. Every request must be read-only.
async fn observed(id: ResourceId, responses: &[Response]) -> Option<ActualResource> {
    try_observe(id, responses).await.unwrap()
}

async fn try_observe(id: ResourceId, responses: &[Response]) -> crate::error::Result<Option<ActualResource>> {
    let router = Router::new(responses);
    let config = config(replay([]))
        .into_builder()
        .http_client(router.client())
        .build();
    let (clients, names) = (Clients::new(&config), Names::new("wk".parse().unwrap()));
    let inventory = Inventory::new(&clients, &names, "eu-west-1");
    let request = match id {
        ResourceId::AliasRecord => Request {
            alias: Some(("Z1", "weka.example.com.")),
            ..Request::default()
        },
        ResourceId::ClassicHealthCheck => Request {
            classic_load_balancer: Some("wk-elb"),
            ..Request::default()
        },
        id => Request {
            ids: vec![id],
            ..Request::default()
        },
    };
    let observed = observe(&inventory, &request).await;
    for operation in router.operations.lock().unwrap().iter() {
        let is_read_only = ["Describe", "Get", "List", "GET "]
            .iter()
            .any(|begin| operation.starts_with(begin));
        assert!(is_read_only, "{id:?}: {operation} may change something");
    }
    observed.map(|mut observed| observed.remove(&id))
}
