use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{advance, sleep};

use super::*;
use crate::fetch::{Fetched, Fetching};
use crate::file_stamp::FileStamp;
use crate::secret::Secret;

/// Gives what it was told to, each after a second.
#[derive(Default)]
struct Scripted {
    answers: Mutex<VecDeque<Result<&'static str, Category>>>,
    asked: AtomicUsize,
}

impl Fetch for Arc<Scripted> {
    fn fetch<'a>(&'a self, reference: &'a Reference) -> Fetching<'a> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            sleep(Duration::from_secs(1)).await;
            let mut answers = self.answers.lock().unwrap();
            // The last answer stays.
            let answer = if answers.len() > 1 {
                answers.pop_front()
            } else {
                answers.front().copied()
            };
            match answer.unwrap() {
                Ok(text) => Ok(Fetched::new(Secret::new(text))),
                Err(category) => Err(SecretError::new(category, reference, "planted", "none")),
            }
        })
    }

    fn stamp(&self, _: &Reference) -> Option<FileStamp> {
        None
    }
}

struct Setup {
    source: Arc<Scripted>,
    secrets: Secrets,
    reference: Reference,
}

impl Setup {
    fn new(answers: &[Result<&'static str, Category>]) -> Self {
        let source = Arc::new(Scripted::default());
        source.answers.lock().unwrap().extend(answers);
        Self {
            secrets: Secrets::over(Box::new(Arc::clone(&source)), Timing::default()),
            source,
            reference: "secret://vault/kv/app#key".parse().unwrap(),
        }
    }

    async fn get(&self) -> Result<String, Category> {
        shown(self.secrets.get(&self.reference).await)
    }

    async fn again(&self) -> Result<String, Category> {
        shown(self.secrets.again(&self.reference).await)
    }

    fn asked(&self) -> usize {
        self.source.asked.load(Ordering::SeqCst)
    }
}

fn shown(outcome: Result<Value, SecretError>) -> Result<String, Category> {
    outcome
        .map(|value| value.secret.expose().to_owned())
        .map_err(|error| error.category)
}

#[allow(clippy::unnecessary_wraps)]
fn ok(text: &str) -> Result<String, Category> {
    Ok(text.to_owned())
}

const DOWN: Result<&str, Category> = Err(Category::Unreachable);

#[tokio::test(start_paused = true)]
async fn many_who_ask_at_once_are_one_question() {
    let setup = Arc::new(Setup::new(&[Ok("a"), Ok("b")]));
    let ask = |_| {
        let setup = Arc::clone(&setup);
        tokio::spawn(async move { setup.get().await })
    };
    for asked in (0..100).map(ask).collect::<Vec<_>>() {
        assert_eq!(asked.await.unwrap(), ok("a"));
    }
    assert_eq!(setup.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_one_question_too_and_pauses() {
    let setup = Arc::new(Setup::new(&[Err(Category::Forbidden), Ok("a")]));
    let ask = |_| {
        let setup = Arc::clone(&setup);
        tokio::spawn(async move { setup.get().await })
    };
    for asked in (0..100).map(ask).collect::<Vec<_>>() {
        assert_eq!(asked.await.unwrap(), Err(Category::Forbidden));
    }
    assert_eq!(setup.get().await, Err(Category::Forbidden));
    assert_eq!(setup.asked(), 1);
    advance(Timing::default().failure_pause).await;
    assert_eq!(setup.get().await, ok("a"));
}

#[tokio::test(start_paused = true)]
async fn one_who_leaves_does_not_hold_up_the_others() {
    let setup = Setup::new(&[Ok("a")]);
    let left = tokio::time::timeout(Duration::from_millis(10), setup.get()).await;
    assert!(left.is_err());
    assert_eq!(setup.get().await, ok("a"));
    assert_eq!(setup.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_found_is_given_again_for_a_while() {
    let setup = Setup::new(&[Ok("a"), Ok("b")]);
    assert_eq!(setup.get().await, ok("a"));
    advance(Duration::from_secs(299)).await;
    assert_eq!((setup.get().await, setup.asked()), (ok("a"), 1));
    advance(Duration::from_secs(1)).await;
    assert_eq!((setup.get().await, setup.asked()), (ok("b"), 2));
}

#[tokio::test(start_paused = true)]
async fn an_old_value_outlasts_failures_up_to_a_bound() {
    let setup = Setup::new(&[Ok("a"), DOWN]);
    let timing = Timing::default();
    assert_eq!(setup.get().await, ok("a"));
    advance(timing.cache_for).await;
    assert_eq!(setup.get().await, ok("a"));
    assert_eq!(setup.asked(), 2, "it was tried");
    assert_eq!(setup.get().await, ok("a"));
    assert_eq!(setup.asked(), 2, "and is left alone for a moment");
    advance(timing.stale_limit.saturating_sub(timing.cache_for)).await;
    assert_eq!(setup.get().await, Err(Category::Unreachable));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_accepted_is_fetched_again_but_not_all_the_time() {
    let setup = Setup::new(&[Ok("a"), Ok("b"), Ok("c")]);
    assert_eq!(setup.get().await, ok("a"));
    assert_eq!(setup.again().await, ok("b"));
    for _ in 0..50 {
        assert_eq!(setup.again().await, ok("b"));
    }
    assert_eq!(setup.asked(), 2);
    advance(Timing::default().again_gap).await;
    assert_eq!((setup.again().await, setup.asked()), (ok("c"), 3));
}

#[tokio::test(start_paused = true)]
async fn many_whose_secret_was_not_accepted_are_one_question() {
    let setup = Arc::new(Setup::new(&[Ok("a"), Ok("b"), Ok("c")]));
    setup.get().await.unwrap();
    let ask = |_| {
        let setup = Arc::clone(&setup);
        tokio::spawn(async move { setup.again().await })
    };
    for asked in (0..50).map(ask).collect::<Vec<_>>() {
        assert_eq!(asked.await.unwrap(), ok("b"));
    }
    assert_eq!(setup.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn fetching_again_does_not_join_a_fetch_that_began_before() {
    let setup = Arc::new(Setup::new(&[Ok("old"), Ok("new")]));
    let first = Arc::clone(&setup);
    let first = tokio::spawn(async move { first.get().await });
    advance(Duration::from_millis(500)).await;
    assert_eq!(setup.again().await, ok("new"));
    assert_eq!(first.await.unwrap(), ok("old"));
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_was_not_accepted_is_not_given_for_a_failure() {
    let setup = Setup::new(&[Ok("a"), DOWN]);
    assert_eq!(setup.get().await, ok("a"));
    assert_eq!(setup.again().await, Err(Category::Unreachable));
}

#[tokio::test(start_paused = true)]
async fn a_place_that_never_answers_is_given_up() {
    struct Silent;
    impl Fetch for Silent {
        fn fetch<'a>(&'a self, _: &'a Reference) -> Fetching<'a> {
            Box::pin(std::future::pending())
        }
        fn stamp(&self, _: &Reference) -> Option<FileStamp> {
            None
        }
    }
    let secrets = Secrets::over(Box::new(Silent), Timing::default());
    let reference = "secret://vault/kv/app#key".parse().unwrap();
    let error = secrets.get(&reference).await.unwrap_err();
    assert_eq!(error.category, Category::Unreachable);
    assert!(error.to_string().contains("no answer in time"));
}

#[tokio::test(start_paused = true)]
async fn watchers_are_told_when_it_changes_and_only_then() {
    let setup = Setup::new(&[Ok("a"), Ok("a"), DOWN, Ok("a"), Ok("b")]);
    let mut watched = setup.secrets.watch(&setup.reference).await.unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(watched.borrow_and_update().secret.expose(), "a");
    watched.changed().await.unwrap();
    assert_eq!(watched.borrow_and_update().secret.expose(), "b");
    assert_eq!(
        setup.asked(),
        5,
        "three looks that changed nothing were not told"
    );
    let most = (Timing::default().poll_every + Duration::from_secs(1)) * 4;
    assert!(begun.elapsed() <= most);
    let quiet = tokio::time::timeout(Duration::from_secs(3600), watched.changed()).await;
    assert!(quiet.is_err(), "nothing changed since");
}

#[tokio::test(start_paused = true)]
async fn watchers_hear_of_what_others_fetched() {
    let setup = Setup::new(&[Ok("a"), Ok("b")]);
    let mut watched = setup.secrets.watch(&setup.reference).await.unwrap();
    assert_eq!(setup.again().await, ok("b"));
    assert!(watched.has_changed().unwrap());
    assert_eq!(watched.borrow_and_update().secret.expose(), "b");
}

#[tokio::test(start_paused = true)]
async fn nobody_looks_when_nobody_watches() {
    let setup = Setup::new(&[Ok("a")]);
    let first = setup.secrets.watch(&setup.reference).await.unwrap();
    let second = setup.secrets.watch(&setup.reference).await.unwrap();
    sleep(Duration::from_secs(200)).await;
    let polled = setup.asked();
    assert!((3..=5).contains(&polled), "{polled}: one task for both");
    drop((first, second));
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(setup.asked(), polled);
    let mut third = setup.secrets.watch(&setup.reference).await.unwrap();
    sleep(Duration::from_secs(200)).await;
    assert!(
        setup.asked() > polled + 1,
        "and again for those who come later"
    );
    assert!(!third.has_changed().unwrap());
    let Setup { secrets, .. } = setup;
    drop(secrets);
    sleep(Duration::from_secs(200)).await;
    third.borrow_and_update();
}

#[tokio::test]
async fn a_file_that_changes_is_read_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    std::fs::write(&path, "first\n").unwrap();
    let reference: Reference = format!("secret://file/{}", path.display()).parse().unwrap();
    let secrets = Secrets::new(&Settings::default()).unwrap();
    let first = secrets.get(&reference).await.unwrap();
    assert_eq!(first.secret.expose(), "first");
    let second = secrets.get(&reference).await.unwrap();
    assert!(Arc::ptr_eq(&first.secret, &second.secret), "from the cache");
    std::fs::write(folder.path().join("y"), "second\n").unwrap();
    std::fs::rename(folder.path().join("y"), &path).unwrap();
    assert_eq!(shown(secrets.get(&reference).await), ok("second"));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(
        shown(secrets.get(&reference).await),
        ok("second"),
        "for a while"
    );
}

#[tokio::test]
async fn a_kind_without_settings_says_what_to_fill_in() {
    let secrets = Secrets::new(&Settings::default()).unwrap();
    for kind in ["vault/kv/a#b", "aws/a", "local/a"] {
        let reference = format!("secret://{kind}").parse().unwrap();
        let error = secrets.get(&reference).await.unwrap_err();
        assert_eq!(error.category, Category::BadReference);
        assert!(error.remedy.contains("[secrets."), "{error}");
    }
}
