use tokio::sync::watch;

/// Says when a connector is to leave. Clones hear the same word.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

/// The other end of a [`Stop`]. Dropping it stops too, so that a caller that
/// fails leaves no connector behind.
#[derive(Debug)]
pub struct StopSender(watch::Sender<bool>);

impl Stop {
    pub fn pair() -> (StopSender, Self) {
        let (sender, receiver) = watch::channel(false);
        (StopSender(sender), Self(receiver))
    }

    /// Returns once the connector is to leave, at once if it already is.
    pub async fn wanted(&mut self) {
        // An error means that the sender is gone, which is a stop as well.
        let _ = self.0.wait_for(|wanted| *wanted).await;
    }

    pub fn is_wanted(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

impl StopSender {
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_clone_hears_it() {
        let (sender, mut stop) = Stop::pair();
        let mut clone = stop.clone();
        assert!(!stop.is_wanted());
        sender.stop();
        assert!(stop.is_wanted() && clone.is_wanted());
        stop.wanted().await;
        clone.wanted().await;
    }

    #[tokio::test]
    async fn a_lost_sender_stops_too() {
        let (sender, mut stop) = Stop::pair();
        drop(sender);
        assert!(stop.is_wanted());
        stop.wanted().await;
    }
}
