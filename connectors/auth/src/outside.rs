//! What logins have of the world: a clock, and a way for requests to travel. A simulation has
//! its own.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::{Client, ClientBuilder, Request, Response};
use tapeline_model::Micros;

use crate::address::{BadAddress, is_here};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

pub type Clock = Arc<dyn Fn() -> Micros + Send + Sync>;

/// No answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// Nothing was sent.
    Unsent,
    /// It may have been done all the same.
    Unanswered,
}

pub type Travelling<'a> = Pin<Box<dyn Future<Output = Result<Response, Lost>> + Send + 'a>>;

pub trait Transport: Send + Sync {
    fn send(&self, request: Request) -> Travelling<'_>;
}

#[derive(Clone)]
pub struct Outside {
    pub clock: Clock,
    pub transport: Arc<dyn Transport>,
    /// Makes requests; how they travel is the transport's.
    pub(crate) requests: Client,
}

impl Outside {
    /// A clock and a network of one's own.
    pub fn new(clock: Clock, transport: Arc<dyn Transport>) -> Result<Self, BadAddress> {
        Ok(Self {
            clock,
            transport,
            requests: client()?,
        })
    }

    /// The wall's clock and the network.
    pub fn real() -> Result<Self, BadAddress> {
        let client = client()?;
        Ok(Self {
            clock: Arc::new(wall_clock),
            transport: Arc::new(client.clone()),
            requests: client,
        })
    }

    /// For a server of this machine whose certificate nobody vouches for: any is taken, as no
    /// encryption at all would be, and nothing is sent anywhere else.
    pub fn on_this_machine() -> Result<Self, BadAddress> {
        let client = builder()
            .tls_danger_accept_invalid_certs(true)
            .resolve("localhost", SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .no_proxy()
            .build()
            .map_err(BadAddress::NoClient)?;
        Ok(Self {
            clock: Arc::new(wall_clock),
            transport: Arc::new(Here(client.clone())),
            requests: client,
        })
    }

    pub fn now(&self) -> Micros {
        (self.clock)()
    }
}

impl Transport for Client {
    fn send(&self, request: Request) -> Travelling<'_> {
        // What reqwest says may hold the address with its query, so it is not passed on.
        let answer = self.execute(request);
        Box::pin(async {
            answer.await.map_err(|error| {
                if error.is_connect() {
                    Lost::Unsent
                } else {
                    Lost::Unanswered
                }
            })
        })
    }
}

/// Goes nowhere else than to this machine.
struct Here(Client);

impl Transport for Here {
    fn send(&self, request: Request) -> Travelling<'_> {
        if !is_here(request.url()) {
            return Box::pin(async { Err(Lost::Unsent) });
        }
        Transport::send(&self.0, request)
    }
}

fn client() -> Result<Client, BadAddress> {
    builder().build().map_err(BadAddress::NoClient)
}

fn builder() -> ClientBuilder {
    // Fails when there is one already, which then serves as well.
    let _already = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_WITHIN)
        .timeout(ANSWER_WITHIN)
        .pool_max_idle_per_host(1)
        .user_agent(concat!("tapeline/", env!("CARGO_PKG_VERSION")))
}

fn wall_clock() -> Micros {
    SystemTime::now().into()
}
