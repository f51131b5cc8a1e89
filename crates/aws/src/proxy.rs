//! The HTTP client of the CLI: the proxy in the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`) applies to all
//! requests except those that must not leave the machine.

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use url::{Host, Url};

/// A client that uses the proxy of the environment.
pub(crate) fn client() -> SharedHttpClient {
    SharedHttpClient::new(Routed {
        direct: with_proxy(ProxyConfig::disabled()),
        proxied: with_proxy(ProxyConfig::from_env()),
    })
}

fn with_proxy(proxy: ProxyConfig) -> SharedHttpClient {
    // `Builder::build_https` ignores proxies: this does the same with one.
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder().proxy_config(proxy.clone());
        builder
            .set_connector_settings(settings.cloned())
            .set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
    })
}

/// Whether a request to this host never uses a proxy. The instance metadata service and the credential endpoints of containers
/// identify the caller by its machine: through a proxy, they return the credentials of the proxy's machine. Their addresses are
/// link-local, or in `fd00:ec2::/32`: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>,
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>.
fn is_direct(host: Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback() || address.is_link_local(),
        Host::Ipv6(address) => {
            address.is_loopback()
                || address.is_unicast_link_local()
                || address.segments()[..2] == [0xfd00, 0x0ec2]
        }
        Host::Domain(name) => name == "localhost",
    }
}

/// Sends each request with one of two clients.
#[derive(Debug)]
struct Routed {
    direct: SharedHttpClient,
    proxied: SharedHttpClient,
}

impl HttpClient for Routed {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(RoutedConnector {
            direct: self.direct.http_connector(settings, components),
            proxied: self.proxied.http_connector(settings, components),
        })
    }
}

#[derive(Debug)]
struct RoutedConnector {
    direct: SharedHttpConnector,
    proxied: SharedHttpConnector,
}

impl HttpConnector for RoutedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let url = Url::parse(request.uri());
        let is_direct = url.is_ok_and(|url| url.host().is_some_and(is_direct));
        let connector = if is_direct { &self.direct } else { &self.proxied };
        connector.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_endpoints_bypass_the_proxy() {
        let bypasses =
            |host: &str| is_direct(Url::parse(&format!("http://{host}:80/")).unwrap().host().unwrap());
        for host in [
            "127.0.0.1",
            "127.9.0.1",
            "[::1]",
            "localhost",
            "LOCALHOST",
            // The instance metadata service.
            "169.254.169.254",
            "[fd00:ec2::254]",
            // The credential endpoints of ECS and EKS.
            "169.254.170.2",
            "169.254.170.23",
            "[fd00:ec2::23]",
        ] {
            assert!(bypasses(host), "{host}");
        }
        for host in [
            "ec2.eu-west-1.amazonaws.com",
            "localhost.example.com",
            "10.0.0.1",
            "[2001:db8::1]",
            "[fd00:ec3::1]",
        ] {
            assert!(!bypasses(host), "{host}");
        }
    }
}
