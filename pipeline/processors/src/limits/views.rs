//! What limits would measure, without an order and with it.

use tapeline_model::money::Money;
use tapeline_model::records::OrderRequest;

use super::desk::Desk;
use super::measure::{Look, Value};
use super::picture::Picture;
use super::plan::Planned;
use super::projection::{Filled, OrderEffect, Projection, Scene, TooLarge};

/// What there would be without the request, and with it.
pub(super) struct Views<'a> {
    pub before: View<'a>,
    pub after: View<'a>,
}

pub(super) struct View<'a> {
    desk: &'a Desk<'a>,
    largest: Scene<'a>,
    upward: Scene<'a>,
    downward: Scene<'a>,
}

impl<'a> Views<'a> {
    pub fn new(desk: &'a Desk<'a>, request: &'a OrderRequest) -> Result<Self, TooLarge> {
        let view = |with_request| -> Result<View<'a>, TooLarge> {
            let projection = Projection::new(desk, request, with_request)?;
            Ok(View {
                desk,
                largest: projection.scene(Filled::Largest)?,
                upward: projection.scene(Filled::Upward)?,
                downward: projection.scene(Filled::Downward)?,
            })
        };
        Ok(Self {
            before: view(false)?,
            after: view(true)?,
        })
    }
}

impl View<'_> {
    pub fn value(&self, planned: &Planned, group: &str) -> Value {
        let now = self.desk.picture;
        if planned.limit.rule.projection() == OrderEffect::EitherWay {
            let long = self.look(planned, &self.upward.picture(now), group)?;
            let short = self.look(planned, &self.downward.picture(now), group)?;
            return Ok(long.max(short));
        }
        self.look(planned, &self.largest.picture(now), group)
    }

    fn look(&self, planned: &Planned, picture: &Picture<'_>, group: &str) -> Value {
        let look = Look {
            picture,
            state: self.desk.watch.state(),
            now: self.desk.now,
        };
        let values = look.values(planned);
        let own = values.into_iter().find(|(known, _)| known == group);
        // A group without positions has nothing.
        own.map_or(Ok(Money::ZERO), |(_, value)| value)
    }
}
