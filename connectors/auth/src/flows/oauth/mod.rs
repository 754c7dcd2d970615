//! OAuth with a code that a person's browser is given, and PKCE (RFC 7636). As Schwab has it.

mod redirect_input;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};
use tapeline_model::Micros;
use tapeline_model::records::LoginCategory;
use tapeline_secrets::Secret;

use self::redirect_input::read_code;
use super::Credentials;
use super::http::{Http, HttpAnswer};
use crate::account_facts::{AccountFact, Budget, FactKind, plain};
use crate::address::BadAddress;
use crate::challenge::{Challenge, Method, Wants};
use crate::environment::Environment;
use crate::flow::{Flow, FlowFuture, Proof, Reply};
use crate::mfa::Code;
use crate::policy::later;
use crate::refusal::Refusal;
use crate::saved_state::Validity;
use crate::session::Session;

pub(crate) use redirect_input::redirect;

const AUTHORIZE: &str = "/v1/oauth/authorize";
const TOKEN: &str = "/v1/oauth/token";
const PREFERENCE: &str = "/trader/v1/userPreference";
const ACCOUNTS: &str = "/trader/v1/accounts/accountNumbers";
/// From the login on, whatever is renewed.
const RENEWABLE: Duration = Duration::from_hours(24 * 7);

pub struct OAuth {
    http: Http,
    credentials: Credentials,
    /// As it is registered with the venue, to the letter.
    redirect: String,
    renewable: Duration,
    /// Of the newest login.
    asked: Mutex<Option<PendingLogin>>,
}

/// Made of chance, and kept in memory alone.
struct PendingLogin {
    state: Secret,
    verifier: Secret,
}

/// Every field may be missing: which are there says what the answer is.
#[derive(Deserialize)]
struct TokenBody {
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<u64>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Preference {
    offers: Option<Vec<Offer>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Offer {
    mkt_data_permission: Option<String>,
    level2_permissions: Option<bool>,
}

impl Offer {
    fn words(&self) -> String {
        let kind = self.mkt_data_permission.as_deref().unwrap_or("unnamed");
        let depth = match self.level2_permissions {
            Some(true) => "with",
            _ => "without",
        };
        format!("{}, {depth} the depth of the book", plain(kind))
    }
}

impl OAuth {
    pub fn new(
        address: &str,
        redirect: &str,
        credentials: Credentials,
        environment: &Environment,
    ) -> Result<Self, BadAddress> {
        redirect_input::redirect(redirect)?;
        Ok(Self {
            http: Http::new(address, environment)?,
            credentials,
            redirect: redirect.to_owned(),
            renewable: RENEWABLE,
            asked: Mutex::default(),
        })
    }

    /// For how long after a login it can be renewed, where that is another time.
    #[must_use]
    pub fn renewable_for(mut self, renewable: Duration) -> Self {
        self.renewable = renewable;
        self
    }

    async fn begin(&self) -> Result<Reply, Refusal> {
        let (client, _) = self.credentials.get().await?;
        let asked = PendingLogin {
            state: chance()?,
            verifier: chance()?,
        };
        let hashed = URL_SAFE_NO_PAD.encode(Sha256::digest(asked.verifier.expose()));
        let mut link = self.http.url(AUTHORIZE);
        link.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", client.expose()),
            ("redirect_uri", &self.redirect),
            ("state", asked.state.expose()),
            ("code_challenge", &hashed),
            ("code_challenge_method", "S256"),
        ]);
        let challenge = Challenge {
            id: asked.state.expose().to_owned(),
            method: Method::OAuth,
            wants: Wants::Code,
            link: Some(link.into()),
            left: None,
        };
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
        Ok(Reply::Challenge(challenge))
    }

    async fn exchange(&self, challenge: &Challenge, brought: &Code) -> Result<Reply, Refusal> {
        // What was asked is answered once.
        let asked = self
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let asked = asked
            .filter(|asked| asked.state.is_same(&Secret::new(&*challenge.id)))
            .ok_or(LoginCategory::MfaFailed)?;
        let code = read_code(brought.expose(), &self.redirect, &asked.state)?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", &self.redirect),
            ("code_verifier", asked.verifier.expose()),
        ];
        let (answer, _) = self.ask(&form).await?;
        let renewable = later(self.http.now(), self.renewable);
        let session = read(&answer, self.http.now(), renewable, None);
        session.map(Reply::Session).map_err(|wrong| match wrong {
            Wrong::Client => LoginCategory::BadCredentials.into(),
            // Too late, or used: only a person gets another, so nothing is tried by itself.
            Wrong::Grant => LoginCategory::Expired.into(),
            Wrong::Else(refusal) => refusal,
        })
    }

    async fn go_on(&self, session: &Session) -> Result<Reply, Refusal> {
        let renewal = session.renewal.as_ref().ok_or(LoginCategory::Expired)?;
        let renewable = session.until.renewable.ok_or(LoginCategory::Expired)?;
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", renewal.expose()),
        ];
        let (mut answer, used) = self.ask(&form).await?;
        if is_of_client(&answer) && self.is_rotated(&used).await {
            (answer, _) = self.ask(&form).await?;
        }
        let renewed = read(&answer, self.http.now(), renewable, Some(renewal));
        renewed.map(Reply::Session).map_err(|wrong| match wrong {
            // The venue says either of a renewal whose time is over.
            Wrong::Client | Wrong::Grant => LoginCategory::Expired.into(),
            Wrong::Else(refusal) => refusal,
        })
    }

    async fn facts(&self, session: &Session) -> Result<Vec<AccountFact>, Refusal> {
        let ask = |path| {
            let request = self.http.get(path);
            self.http.send(request.bearer_auth(session.token.expose()))
        };
        let (accounts, preference) = (ask(ACCOUNTS).await?, ask(PREFERENCE).await?);
        for answer in [&accounts, &preference] {
            if !answer.is_fine() {
                return Err(answer.refusal(LoginCategory::Expired));
            }
        }
        let mut facts = account_facts(&accounts, &preference)?;
        facts.extend(preference.budget.map(Budget::fact));
        Ok(facts)
    }

    /// An answer, and the client's secret that it was asked with.
    async fn ask(&self, form: &[(&str, &str)]) -> Result<(HttpAnswer, Arc<Secret>), Refusal> {
        let (client, secret) = self.credentials.get().await?;
        let request = self.http.post(TOKEN).form(form);
        let request = request.basic_auth(client.expose(), Some(secret.expose()));
        Ok((self.http.send(request).await?, secret))
    }

    /// A client's secret that was rotated is no reason to call a person.
    async fn is_rotated(&self, used: &Secret) -> bool {
        if self.credentials.look_up_again().await.is_err() {
            return false;
        }
        let found = self.credentials.get().await;
        found.is_ok_and(|(_, secret)| !secret.is_same(used))
    }
}

/// 256 bits that nobody can guess.
fn chance() -> Result<Secret, Refusal> {
    let mut bytes = [0; 32];
    // Without chance there is no login: a state that can be guessed protects nobody.
    getrandom::fill(&mut bytes).map_err(|_| LoginCategory::Network)?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

#[derive(Debug)]
enum Wrong {
    Client,
    Grant,
    Else(Refusal),
}

fn read(
    answer: &HttpAnswer,
    now: Micros,
    renewable: Micros,
    renewal: Option<&Arc<Secret>>,
) -> Result<Session, Wrong> {
    if is_of_client(answer) {
        return Err(Wrong::Client);
    }
    let changed = || Wrong::Else(LoginCategory::ChangedApi.into());
    let words = answer.json::<TokenBody>();
    if !answer.is_fine() {
        return Err(match words.and_then(|words| words.error).as_deref() {
            Some("invalid_grant" | "unsupported_token_type") => Wrong::Grant,
            _ => Wrong::Else(answer.refusal(LoginCategory::Expired)),
        });
    }
    let words = words.ok_or_else(changed)?;
    let token = words.access_token.filter(|token| !token.is_empty());
    let (Some(token), Some(seconds)) = (token, words.expires_in) else {
        return Err(changed());
    };
    let given = words.refresh_token.filter(|token| !token.is_empty());
    let given = given.map(|token| Arc::new(Secret::new(token)));
    let renewal = given.or(renewal.cloned());
    Ok(Session {
        token: Arc::new(Secret::new(token)),
        until: Validity {
            expires: Some(later(now, Duration::from_secs(seconds))),
            renewable: renewal.as_ref().map(|_| renewable),
        },
        renewal,
    })
}

fn account_facts(
    accounts: &HttpAnswer,
    preference: &HttpAnswer,
) -> Result<Vec<AccountFact>, Refusal> {
    let accounts = accounts.json::<Vec<IgnoredAny>>();
    let accounts = accounts.ok_or(LoginCategory::ChangedApi)?.len();
    let preference = preference.json::<Preference>();
    let offers = preference.ok_or(LoginCategory::ChangedApi)?.offers;
    let permissions = match accounts {
        0 => AccountFact::not_well(FactKind::Permissions, "the login opens no account"),
        some => AccountFact::well(
            FactKind::Permissions,
            format!("accounts that the login opens: {some}"),
        ),
    };
    let data = match offers.unwrap_or_default().first() {
        Some(offer) => AccountFact::well(FactKind::MarketData, offer.words()),
        None => AccountFact::not_well(
            FactKind::MarketData,
            "no market data is offered to the account",
        ),
    };
    Ok(vec![permissions, data])
}

fn is_of_client(answer: &HttpAnswer) -> bool {
    let error = answer.json::<TokenBody>().and_then(|words| words.error);
    !answer.is_fine() && error.as_deref() == Some("invalid_client")
}

impl Flow for OAuth {
    fn open<'a>(&'a self, _: &'a str) -> FlowFuture<'a, Reply> {
        Box::pin(self.begin())
    }

    fn prove<'a>(
        &'a self,
        _: &'a str,
        challenge: &'a Challenge,
        proof: Proof<'a>,
    ) -> FlowFuture<'a, Reply> {
        Box::pin(async move {
            match proof {
                Proof::Code(code) => self.exchange(challenge, code).await,
                Proof::Approval => Err(LoginCategory::ChangedApi.into()),
            }
        })
    }

    fn renew<'a>(&'a self, session: &'a Session) -> FlowFuture<'a, Reply> {
        Box::pin(self.go_on(session))
    }

    fn probe<'a>(&'a self, session: &'a Session) -> FlowFuture<'a, ()> {
        Box::pin(async move {
            let request = self.http.get(ACCOUNTS);
            let request = request.bearer_auth(session.token.expose());
            let answer = self.http.send(request).await?;
            if !answer.is_fine() {
                return Err(answer.refusal(LoginCategory::Expired));
            }
            // A page that says that all is being repaired is no list of accounts.
            let accounts = answer.json::<Vec<IgnoredAny>>();
            accounts.map(drop).ok_or(LoginCategory::ChangedApi.into())
        })
    }

    fn account_facts<'a>(&'a self, session: &'a Session) -> FlowFuture<'a, Vec<AccountFact>> {
        Box::pin(self.facts(session))
    }

    fn look_up_again(&self) -> FlowFuture<'_, ()> {
        Box::pin(self.credentials.look_up_again())
    }

    fn venue_time(&self, now: Micros) -> Micros {
        self.http.venue_time(now)
    }
}
