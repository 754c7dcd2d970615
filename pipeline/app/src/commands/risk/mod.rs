//! What portfolios are worth, how far they are from their limits, and telling the risk
//! processor to stop, to go on, or to keep to another limit.

mod limits;
pub(crate) mod order;
mod status;

use super::quiet_logs;
use crate::cli::Risk;
use crate::config::Config;
use crate::failure::Failure;

pub(super) fn run(config: &Config, action: Risk) -> Result<(), Failure> {
    quiet_logs(config);
    match action {
        Risk::Status { portfolio, json } => status::run(config, portfolio.as_deref(), json),
        Risk::Kill(stop) => order::stop(config, stop, order::StopKind::Halt),
        Risk::Reduce(stop) => order::stop(config, stop, order::StopKind::Reduce),
        Risk::Reset(reset) => order::reset(config, reset),
        Risk::Limit(action) => limits::run(config, action),
    }
}
