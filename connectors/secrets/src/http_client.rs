//! The HTTP client of everything that carries a secret: one policy for all of them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use reqwest::{
    Certificate, Client, ClientBuilder, IntoUrl, Proxy, Request, RequestBuilder, Response,
};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const IDLE_CONNECTIONS: usize = 2;

/// Which proxy stands before other machines. Before this one there is never any: it would see
/// what goes to loopback addresses in plain text.
#[derive(Debug, Clone)]
pub enum Proxies {
    Never,
    /// As `HTTPS_PROXY` and its like say.
    OfEnvironment,
    Always(Box<Proxy>),
}

/// Follows no redirect, and ends within bounded time. Clones share their connections.
#[derive(Debug, Clone)]
pub struct HttpClient {
    direct: Client,
    proxied: Client,
}

impl HttpClient {
    /// Trusts the certificate authorities of this machine, and those given.
    pub fn new(
        answer_within: Duration,
        proxies: Proxies,
        authorities: &[Certificate],
    ) -> Result<Self, reqwest::Error> {
        let builder = || {
            let builder = builder(answer_within);
            authorities.iter().cloned().fold(builder, |builder, one| {
                ClientBuilder::add_root_certificate(builder, one)
            })
        };
        let direct = builder().no_proxy().build()?;
        let proxied = match proxies {
            Proxies::Never => direct.clone(),
            Proxies::OfEnvironment => builder().build()?,
            Proxies::Always(proxy) => builder().no_proxy().proxy(*proxy).build()?,
        };
        Ok(Self { direct, proxied })
    }

    /// Takes any certificate, so it must be used for servers of this machine alone.
    pub fn trusting_anyone(answer_within: Duration) -> Result<Self, reqwest::Error> {
        let direct = builder(answer_within)
            .tls_danger_accept_invalid_certs(true)
            .resolve("localhost", SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .no_proxy()
            .build()?;
        let proxied = direct.clone();
        Ok(Self { direct, proxied })
    }

    /// Sends nothing yet, as [`post`](Self::post).
    pub fn get(&self, url: impl IntoUrl) -> RequestBuilder {
        self.direct.get(url)
    }

    pub fn post(&self, url: impl IntoUrl) -> RequestBuilder {
        self.direct.post(url)
    }

    pub async fn execute(&self, request: Request) -> Result<Response, reqwest::Error> {
        let is_here = request.url().host_str().is_some_and(is_loopback);
        let client = if is_here { &self.direct } else { &self.proxied };
        client.execute(request).await
    }
}

/// Whether the host of an address is this machine, whatever its network.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>();
    bare == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn builder(answer_within: Duration) -> ClientBuilder {
    // Fails when there is one already, which then serves as well.
    let _already = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_WITHIN)
        .timeout(answer_within)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .user_agent(concat!("tapeline/", env!("CARGO_PKG_VERSION")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::http::Uri;
    use tokio::net::TcpListener;

    use super::*;

    const WITHIN: Duration = Duration::from_secs(10);

    /// Answers everything with the address that was asked for, and counts.
    async fn server() -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let app = Router::new().fallback(move |uri: Uri| {
            counter.fetch_add(1, Ordering::SeqCst);
            std::future::ready(uri.to_string())
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        (address, asked)
    }

    async fn ask(client: &HttpClient, address: &str) -> String {
        let request = client.get(address).build().unwrap();
        let answer = client.execute(request).await.unwrap();
        answer.text().await.unwrap()
    }

    #[tokio::test]
    async fn this_machine_is_never_asked_through_a_proxy() {
        let (proxy, proxied) = server().await;
        let (here, asked) = server().await;
        let given = Proxies::Always(Box::new(Proxy::all(&proxy).unwrap()));
        let client = HttpClient::new(WITHIN, given, &[]).unwrap();
        let port = here.rsplit_once(':').unwrap().1;
        for (count, host) in ["127.0.0.1", "localhost"].into_iter().enumerate() {
            ask(&client, &format!("http://{host}:{port}/secret")).await;
            assert_eq!(asked.load(Ordering::SeqCst), count + 1, "{host}");
        }
        assert_eq!(proxied.load(Ordering::SeqCst), 0);
        // The proxy is there for all others.
        let answer = ask(&client, "http://broker.example/quotes").await;
        assert_eq!(answer, "http://broker.example/quotes");
        assert_eq!(proxied.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn loopback_is_told_by_the_whole_host() {
        for here in ["localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]"] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in [
            "",
            "localhost.example.org",
            "127.0.0.1.example",
            "0.0.0.0",
            "10.0.0.1",
            "[fe80::1]",
            "notlocalhost",
        ] {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }
}
