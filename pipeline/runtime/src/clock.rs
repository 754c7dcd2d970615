//! The times that transactions carry.

use std::time::SystemTime;

use tapeline_model::Micros;

pub(crate) fn wall() -> Micros {
    SystemTime::now().into()
}

/// When a transaction is sealed: not before `now`, in a later millisecond than the
/// task's one before it, and in a microsecond that no other task of the processor
/// uses. The records of a transaction are known by it.
pub(crate) fn seal(now: Micros, before: Micros, task: u32, tasks: u32) -> Micros {
    let tasks = i64::from(tasks.max(1));
    let earliest = now.0.max((before.millis() + 1) * 1000);
    let own = (i64::from(task) - earliest).rem_euclid(tasks);
    Micros(earliest + own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_transactions_are_sealed_at_the_same_time() {
        let mut sealed = std::collections::BTreeSet::new();
        for task in 0..7 {
            let mut before = Micros(0);
            for now in [5, 5, 6, 1_004, 90_000, 90_000] {
                let at = seal(Micros(now), before, task, 7);
                assert!(at.0 >= now && at.millis() > before.millis());
                assert_eq!(at.0 % 7, i64::from(task));
                assert!(sealed.insert(at), "{at:?} twice");
                before = at;
            }
        }
        assert_eq!(seal(Micros(90_000), Micros(0), 0, 1), Micros(90_000));
    }
}
