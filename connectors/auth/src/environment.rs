//! What logins have of the world: a clock, and a way for requests to travel. A simulation has
//! its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::{Request, Response};
use tapeline_model::Micros;
use tapeline_secrets::http_client::{HttpClient, Proxies};

use crate::address::{BadAddress, is_here};

const ANSWER_WITHIN: Duration = Duration::from_secs(15);

pub type Clock = Arc<dyn Fn() -> Micros + Send + Sync>;

/// No answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// Nothing was sent.
    Unsent,
    /// It may have been done all the same.
    Unanswered,
}

pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response, SendError>> + Send + 'a>>;

pub trait Transport: Send + Sync {
    fn send(&self, request: Request) -> Sending<'_>;
}

#[derive(Clone)]
pub struct Environment {
    pub clock: Clock,
    pub transport: Arc<dyn Transport>,
    /// Makes requests; how they travel is the transport's.
    pub(crate) requests: HttpClient,
}

impl Environment {
    /// A clock and a network of one's own.
    pub fn new(clock: Clock, transport: Arc<dyn Transport>) -> Result<Self, BadAddress> {
        Ok(Self {
            clock,
            transport,
            requests: client()?,
        })
    }

    /// The wall's clock and the network.
    pub fn system() -> Result<Self, BadAddress> {
        let client = client()?;
        Ok(Self {
            clock: Arc::new(wall_clock),
            transport: Arc::new(client.clone()),
            requests: client,
        })
    }

    /// For a server of this machine whose certificate nobody vouches for: any is taken, as no
    /// encryption at all would be, and nothing is sent anywhere else.
    pub fn loopback() -> Result<Self, BadAddress> {
        let client = HttpClient::trusting_anyone(ANSWER_WITHIN).map_err(BadAddress::NoClient)?;
        Ok(Self {
            clock: Arc::new(wall_clock),
            transport: Arc::new(LoopbackOnly(client.clone())),
            requests: client,
        })
    }

    pub fn now(&self) -> Micros {
        (self.clock)()
    }
}

impl Transport for HttpClient {
    fn send(&self, request: Request) -> Sending<'_> {
        // What reqwest says may hold the address with its query, so it is not passed on.
        let answer = self.execute(request);
        Box::pin(async {
            answer.await.map_err(|error| {
                if error.is_connect() {
                    SendError::Unsent
                } else {
                    SendError::Unanswered
                }
            })
        })
    }
}

/// Goes nowhere else than to this machine.
struct LoopbackOnly(HttpClient);

impl Transport for LoopbackOnly {
    fn send(&self, request: Request) -> Sending<'_> {
        if !is_here(request.url()) {
            return Box::pin(async { Err(SendError::Unsent) });
        }
        Transport::send(&self.0, request)
    }
}

fn client() -> Result<HttpClient, BadAddress> {
    HttpClient::new(ANSWER_WITHIN, Proxies::OfEnvironment, &[]).map_err(BadAddress::NoClient)
}

fn wall_clock() -> Micros {
    SystemTime::now().into()
}
