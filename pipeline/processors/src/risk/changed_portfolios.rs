//! Whose figures go out with the next commit.

use tapeline_model::Micros;

use super::accounts::PortfolioIndex;

/// Whose equity changed since the last commit, and by which newest event time.
#[derive(Default)]
pub(super) struct ChangedPortfolios {
    /// By the index of the portfolio.
    newest: Vec<Option<Micros>>,
    which: Vec<PortfolioIndex>,
}

impl ChangedPortfolios {
    pub fn note(&mut self, portfolio: PortfolioIndex, event_time: Micros) {
        let place = portfolio.place();
        if self.newest.len() <= place {
            self.newest.resize(place + 1, None);
        }
        let newest = &mut self.newest[place];
        if newest.is_none() {
            self.which.push(portfolio);
        }
        *newest = Some(event_time).max(*newest);
    }

    /// All of them, in order.
    pub fn take(&mut self) -> Vec<(PortfolioIndex, Micros)> {
        let mut which = std::mem::take(&mut self.which);
        which.sort_unstable();
        let newest = &mut self.newest;
        let times = which.into_iter().filter_map(|portfolio| {
            let time = newest[portfolio.place()].take()?;
            Some((portfolio, time))
        });
        times.collect()
    }
}
