use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a venue takes the time to be, in microseconds since 1970.
#[derive(Clone, Default)]
pub enum Clock {
    #[default]
    Wall,
    /// Of a simulation, or of a test that does not wait.
    Made(Arc<dyn Fn() -> i64 + Send + Sync>),
}

impl Clock {
    pub fn made(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self::Made(Arc::new(now))
    }

    pub fn now(&self) -> i64 {
        match self {
            Self::Made(now) => now(),
            Self::Wall => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                i64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(i64::MAX)
            }
        }
    }

    pub fn seconds(&self) -> i64 {
        self.now().div_euclid(1_000_000)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wall => "Wall",
            Self::Made(_) => "Made",
        })
    }
}
