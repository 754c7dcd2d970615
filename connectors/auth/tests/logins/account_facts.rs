//! What venues say of an account.

use tapeline_auth::flows::ApiKey;
use tapeline_auth::{AccountFact, Flow, LoginCategory, Reply, Session};
use tapeline_simulators::Venue;

use crate::common::{Desk, environment};

async fn session(flow: &dyn Flow) -> Session {
    match flow.open("device").await.unwrap() {
        Reply::Session(session) => session,
        Reply::Challenge(challenge) => panic!("{challenge:?}"),
    }
}

pub fn words(facts: &[AccountFact]) -> Vec<String> {
    let words = |fact: &AccountFact| {
        let mark = if fact.is_well { "" } else { "! " };
        format!("{mark}{}: {}", fact.kind.as_str(), fact.found)
    };
    facts.iter().map(words).collect()
}

#[tokio::test]
async fn of_a_key_s_account_it_is_said_what_it_may_do() {
    let desk = Desk::<Venue>::new().await;
    let flow = ApiKey::new(&desk.venue.address, desk.credentials(), &environment()).unwrap();
    let session = session(&flow).await;
    let expected = [
        "status: active",
        "permissions: orders pass, short sales too",
        "market data: of all exchanges, as it happens",
        "rate budget: 199 of 200 requests are left",
    ];
    assert_eq!(
        words(&flow.account_facts(&session).await.unwrap()),
        expected
    );

    desk.venue.change(|book| {
        book.account.takes_no_orders = true;
        book.account.has_one_exchange = true;
    });
    let expected = [
        "status: active",
        "! permissions: the venue takes no orders: the account is blocked",
        "market data: of one exchange, or late: the subscription has no more",
        "rate budget: 199 of 200 requests are left",
    ];
    assert_eq!(
        words(&flow.account_facts(&session).await.unwrap()),
        expected
    );

    desk.venue
        .change(|book| book.password = "another".to_owned());
    let refused = flow.account_facts(&session).await.unwrap_err();
    assert_eq!(refused.category, LoginCategory::BadCredentials);
}

#[tokio::test]
async fn where_a_venue_is_not_known_to_say_anything_nothing_is_asked() {
    let desk = Desk::<Venue>::new().await;
    let key = ApiKey::new(&desk.venue.address, desk.credentials(), &environment());
    let session = session(&key.unwrap()).await;
    let before = desk.venue.state();
    assert_eq!(desk.device().account_facts(&session).await, Ok(Vec::new()));
    assert_eq!(desk.venue.state().probes, before.probes);
}
