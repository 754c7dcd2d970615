use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::session::FileSessionStore;

use super::*;

fn key(fill: &str) -> Arc<Secret> {
    Arc::new(Secret::new(fill.repeat(SHORTEST_KEY)))
}

fn seal(account: &str, keys: &[&str]) -> Seal {
    let keys: Vec<_> = keys.iter().map(|fill| key(fill)).collect();
    Seal::new("alpha", account, &keys).unwrap()
}

async fn cache(folder: &Path, account: &str, keys: &[&str]) -> Cache {
    let session_store = FileSessionStore::wait(folder, "alpha", account)
        .await
        .unwrap();
    Cache::new(Box::new(session_store), seal(account, keys))
}

fn session() -> Session {
    Session {
        token: Arc::new(Secret::new("planted-token")),
        renewal: Some(Arc::new(Secret::new("planted-renewal"))),
        until: Validity {
            expires: Some(Micros(5)),
            renewable: None,
        },
    }
}

fn stored() -> Stored {
    let mut stored = Stored::default();
    stored.device = "d1".to_owned();
    stored.used_step = Some(7);
    stored.keep(&session());
    stored.note(&[Micros(3)]);
    stored
}

#[tokio::test]
async fn what_is_kept_comes_back_and_the_file_shows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = cache(folder.path(), "a1", &["k"]).await;
    assert!(cache.read().await.unwrap().is_none());
    cache.write(&stored()).await.unwrap();
    let back = cache.read().await.unwrap().unwrap();
    assert_eq!(back.session().unwrap().token.expose(), "planted-token");
    assert_eq!(back.kept(), stored().kept());
    assert_eq!((back.used_step, back.device.as_str()), (Some(7), "d1"));
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
        let bytes = fs::read(&path).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("planted"));
        let name = path.to_string_lossy().into_owned();
        assert!(!name.contains("a1"), "no account in a file's name");
    }
}

#[tokio::test]
async fn a_damaged_foreign_or_cut_file_is_put_aside_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = cache(folder.path(), "a1", &["k"]).await;
    cache.write(&stored()).await.unwrap();
    let whole = FileSessionStore::peek(folder.path(), "alpha", "a1").unwrap();
    let whole = whole.unwrap();
    let path = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|is| is == "session"))
        .unwrap();
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    for bytes in [
        &changed[..],
        &whole[..whole.len() / 2],
        b"",
        b"TAPELN-1",
        &[0; 40],
    ] {
        fs::write(&path, bytes).unwrap();
        let read = cache.read().await;
        assert!(matches!(read, Err(CacheError::Damaged { .. })));
        assert!(cache.read().await.unwrap().is_none(), "told once");
    }
    assert!(
        seal("a2", &["k"]).open(&whole).is_none(),
        "of another account"
    );
    assert!(seal("a1", &["k"]).open(&whole).is_some());
}

#[test]
fn a_former_key_still_opens_and_a_short_one_is_refused() {
    let old = seal("a1", &["old"]).close(&stored()).unwrap();
    let both = seal("a1", &["new", "old"]);
    let new = both.close(&both.open(&old).unwrap()).unwrap();
    assert!(seal("a1", &["new"]).open(&new).is_some());
    assert!(seal("a1", &["new"]).open(&old).is_none());
    let weak = Seal::new("alpha", "a1", &[Arc::new(Secret::new("hunter2"))]);
    assert!(matches!(weak, Err(CacheError::WeakKey)));
    assert!(matches!(
        Seal::new("alpha", "a1", &[]),
        Err(CacheError::WeakKey)
    ));
}

#[tokio::test(start_paused = true)]
async fn one_process_at_a_time_and_one_that_is_asked_hands_over() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let first = FileSessionStore::wait(folder, "alpha", "a1").await.unwrap();
    let other_account = FileSessionStore::wait(folder, "alpha", "a2");
    drop(other_account.await.unwrap());
    let patience = Duration::from_secs(5);
    let refused = FileSessionStore::ask_for(folder, "alpha", "a1", patience).await;
    assert!(matches!(refused, Err(CacheError::InUse { .. })));
    let unwanted = tokio::time::timeout(patience, first.wanted()).await;
    assert!(unwanted.is_err(), "who gave up does not want it any more");

    let asking = FileSessionStore::ask_for(folder, "alpha", "a1", patience);
    let handing_over = async {
        first.wanted().await;
        drop(first);
        // Back in the line, behind who asked.
        FileSessionStore::wait(folder, "alpha", "a1").await
    };
    let holding = async {
        let asked = asking.await.unwrap();
        tokio::time::sleep(patience).await;
        drop(asked);
    };
    let ((), back) = tokio::join!(holding, handing_over);
    assert!(back.is_ok());
}
