//! When a question that failed is asked again.

use std::time::Duration;

use crate::error::SecretError;
use crate::random;

const ATTEMPTS: u32 = 3;
const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(2);

/// Asks again what may pass, a few times.
pub(crate) async fn retried<T, F>(mut ask: impl FnMut() -> F) -> Result<T, SecretError>
where
    F: Future<Output = Result<T, SecretError>>,
{
    let mut attempt = 1;
    loop {
        match ask().await {
            Err(error) if error.category.passes() && attempt < ATTEMPTS => {
                tokio::time::sleep(wait(attempt, random::fraction())).await;
                attempt += 1;
            }
            outcome => return outcome,
        }
    }
}

/// Twice as long each time, and between half of that and all of it, so that
/// many who failed together do not come back together.
fn wait(attempt: u32, fraction: f64) -> Duration {
    let doubled = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    doubled.min(LONGEST).mul_f64(0.5 + fraction / 2.0)
}

/// Between nine tenths of a time and all of it.
pub(crate) fn spread(time: Duration, fraction: f64) -> Duration {
    time.mul_f64(0.9 + fraction / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Category;

    fn failing(category: Category) -> SecretError {
        SecretError::new(category, "place", "what", "remedy")
    }

    #[test]
    fn waits_grow_up_to_a_bound() {
        assert_eq!(wait(1, 0.0), Duration::from_millis(100));
        assert_eq!(wait(2, 1.0), Duration::from_millis(400));
        assert_eq!(wait(40, 1.0), LONGEST);
        assert_eq!(spread(Duration::from_secs(10), 0.0), Duration::from_secs(9));
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_may_pass_is_asked_again_and_not_for_ever() {
        for (category, expected) in [(Category::Unreachable, ATTEMPTS), (Category::Forbidden, 1)] {
            let mut asked = 0;
            let outcome = retried(|| {
                asked += 1;
                std::future::ready(Err::<(), _>(failing(category)))
            })
            .await;
            assert_eq!(outcome.unwrap_err().category, category);
            assert_eq!(asked, expected);
        }
        let mut asked = 0;
        let outcome = retried(|| {
            asked += 1;
            std::future::ready(if asked == 2 {
                Ok(asked)
            } else {
                Err(failing(Category::Unreachable))
            })
        })
        .await;
        assert_eq!(outcome, Ok(2));
    }
}
