//! What limits would measure, without an order and with it.

use tapeline_model::money::Money;
use tapeline_model::records::OrderRequest;

use super::measure::{Measurement, Value};
use super::order_context::OrderContext;
use super::plan::Planned;
use super::projection::{FillAssumption, ProjectedPortfolio, Projection, TooLarge};
use super::rules::OrderEffect;
use super::snapshot::Snapshot;

/// What there would be without the request, and with it.
pub(super) struct Scenarios<'a> {
    pub before: Scenario<'a>,
    pub after: Scenario<'a>,
}

pub(super) struct Scenario<'a> {
    context: &'a OrderContext<'a>,
    largest: ProjectedPortfolio<'a>,
    upward: ProjectedPortfolio<'a>,
    downward: ProjectedPortfolio<'a>,
}

impl<'a> Scenarios<'a> {
    pub fn new(context: &'a OrderContext<'a>, request: &'a OrderRequest) -> Result<Self, TooLarge> {
        let view = |with_request| -> Result<Scenario<'a>, TooLarge> {
            let projection = Projection::new(context, request, with_request)?;
            Ok(Scenario {
                context,
                largest: projection.scene(FillAssumption::Largest)?,
                upward: projection.scene(FillAssumption::Upward)?,
                downward: projection.scene(FillAssumption::Downward)?,
            })
        };
        Ok(Self {
            before: view(false)?,
            after: view(true)?,
        })
    }
}

impl Scenario<'_> {
    pub fn value(&self, planned: &Planned, group: &str) -> Value {
        let now = self.context.snapshot;
        if planned.limit.rule.projection() == OrderEffect::EitherWay {
            let long = self.measurement(planned, &self.upward.snapshot(now), group)?;
            let short = self.measurement(planned, &self.downward.snapshot(now), group)?;
            return Ok(long.max(short));
        }
        self.measurement(planned, &self.largest.snapshot(now), group)
    }

    fn measurement(&self, planned: &Planned, snapshot: &Snapshot<'_>, group: &str) -> Value {
        let measurement = Measurement {
            snapshot,
            state: self.context.watch.state(),
            now: self.context.now,
        };
        let values = measurement.values(planned);
        let own = values.into_iter().find(|(known, _)| known == group);
        // A group without positions has nothing.
        own.map_or(Ok(Money::ZERO), |(_, value)| value)
    }
}
