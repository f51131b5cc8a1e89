//! Each kind of resource against recorded answers: what stands is seen as it is, what does not stand as absent, and
//! looking changes nothing.

mod absent;
mod changes;
mod deleting;
mod making;
mod roles;
mod standing;
mod unclear;

use crate::cloud::{Clients, Cloud};
use crate::inventory::Inventory;
use crate::test_support::{config, form_of, replay};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use deployment::plan::ActualResource;
use deployment::{Account, Names, ResourceId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// An answer: to what, its status and its body.
type Answer = (&'static str, u16, String);

/// Answers by what is asked, because observing asks several things at once; remembers what was asked.
#[derive(Debug, Clone)]
struct Router {
    answers: Arc<BTreeMap<&'static str, (u16, String)>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Router {
    fn new(answers: &[Answer]) -> Self {
        let mut map: BTreeMap<_, _> = answers
            .iter()
            .map(|(asked, status, body)| (*asked, (*status, body.clone())))
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
            answers: Arc::new(map),
            asked: Arc::default(),
        }
    }

    fn client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }
}

impl HttpConnector for Router {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let asked = asked(&request);
        let answer = self.answers.get(asked.as_str());
        let (status, body) = answer.unwrap_or_else(|| panic!("no answer to {asked}")).clone();
        self.asked.lock().unwrap().push(asked);
        HttpConnectorFuture::ready(Ok(HttpResponse::new(
            status.try_into().unwrap(),
            SdkBody::from(body),
        )))
    }
}

/// What a request asks: the operation, where the protocol names it, else method and path.
fn asked(request: &HttpRequest) -> String {
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

/// An answer of a service that takes forms.
fn xml(operation: &str, result: &str) -> String {
    format!("<{operation}Response><{operation}Result>{result}</{operation}Result></{operation}Response>")
}

/// The cluster `wk` in some account, by these clients.
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
    }
}

/// What is seen of a resource. Whatever is asked for must be a question.
async fn observed(id: ResourceId, answers: &[Answer]) -> Option<ActualResource> {
    looked(id, answers).await.unwrap()
}

async fn looked(id: ResourceId, answers: &[Answer]) -> crate::error::Result<Option<ActualResource>> {
    let router = Router::new(answers);
    let config = config(replay([]))
        .into_builder()
        .http_client(router.client())
        .build();
    let (clients, names) = (Clients::new(&config), Names::new("wk".parse().unwrap()));
    let inventory = Inventory::new(&clients, &names, "eu-west-1");
    inventory.has_alias("Z1", "weka.example.com.");
    inventory.has_classic_load_balancer("wk-elb");
    let seen = super::observe(&inventory, id).await;
    for asked in router.asked.lock().unwrap().iter() {
        let question = ["Describe", "Get", "List", "GET "]
            .iter()
            .any(|begin| asked.starts_with(begin));
        assert!(question, "{id:?}: {asked} may change something");
    }
    seen
}
