//! What a fault does to whom it hits.

use axum::http::StatusCode;

use super::carrier::Mishap;
use super::house::House;
use super::life::Cast;
use super::machine::Machine;
use super::person::Slip;
use super::plan::Kind;
use crate::chaos::failure::Outcome;
use crate::chaos::plan::Step;
use crate::chaos::random::Random;

/// How wrong a machine's clock may be.
const SKEW: u64 = 40_000_000;

pub(super) fn skew(random: &mut Random) -> i64 {
    random.below(2 * SKEW + 1) as i64 - SKEW as i64
}

pub(super) async fn befall(cast: &mut Cast, step: Step<Kind>, random: &mut Random) -> Outcome<()> {
    let road = cast.world.road.clone();
    let until = road.time.now() + step.away.as_micros() as i64;
    match step.kind {
        Kind::ClockSkew => {
            let machine = &cast.machines[(step.pick % 2) as usize];
            machine.clock.set(skew(random));
        }
        Kind::TooMany => road.weather().too_many_until = until,
        Kind::VenueDown => road.weather().down_until = until,
        Kind::Dropped => road.weather().dropping_until = until,
        Kind::LostAnswer => road.weather().answers_lost += random.between(1, 3) as u32,
        Kind::Page => road.weather().pages += 1,
        Kind::Forbidden => road.weather().forbidden += 1,
        Kind::ListDown => {
            let answers = [
                StatusCode::SERVICE_UNAVAILABLE,
                StatusCode::TOO_MANY_REQUESTS,
                StatusCode::UNAUTHORIZED,
            ];
            let times = random.between(1, 12) as usize;
            let faults = answers.into_iter().cycle().skip(times).take(times);
            let twilio = &cast.world.carrier.texts.twilio;
            twilio.change(|book| book.faults.extend(faults));
        }
        Kind::SessionDropped => road.house.drop_sessions(false),
        Kind::RenewalRefused => road.house.drop_sessions(true),
        kind => match (mishap(kind), slip(kind)) {
            (Some(mishap), _) => cast.world.carrier.befall(mishap),
            (None, Some(slip)) => road.person.befall(slip),
            (None, None) => hit_and_mend(cast, step, random).await?,
        },
    }
    Ok(())
}

/// What lasts for a while, and is mended then.
async fn hit_and_mend(cast: &mut Cast, step: Step<Kind>, random: &mut Random) -> Outcome<()> {
    let house = cast.world.road.house.clone();
    let lasts = step.away.as_millis() as u64;
    match step.kind {
        Kind::WrongCode => {
            house.drop_sessions(true);
            refuse_codes(&house, true);
            cast.wait(lasts).await;
            refuse_codes(&house, false);
        }
        Kind::PasswordRotated => {
            let password = format!("planted-password-{}", random.next());
            house.change_password(&password);
            cast.wait(lasts).await;
            cast.world.write("password", &password)?;
        }
        Kind::KeyBlocked => {
            if let House::Device(venue) = &house {
                let right = venue.state().password;
                house.change_password("planted-nothing");
                cast.wait(lasts).await;
                house.change_password(&right);
            }
        }
        Kind::WebhookAway => {
            cast.world.carrier.texts.lead_away(true);
            cast.wait(lasts).await;
            cast.world.carrier.texts.lead_away(false);
        }
        Kind::Elsewhere | Kind::SleepsOn | Kind::WeekEnds => {
            gateway(cast, step.kind, lasts).await;
        }
        Kind::CutOff => {
            let at = cast.owner();
            cast.world.records.cut_off(Some(at));
            cast.wait(lasts).await;
            cast.world.records.cut_off(None);
        }
        Kind::Kill => {
            let at = cast.owner();
            cast.machines[at].kill(&cast.world).await;
            cast.wait(lasts).await;
            cast.machines[at].start(&cast.world);
        }
        _ => {
            for machine in &mut cast.machines {
                machine.kill(&cast.world).await;
            }
            cast.wait(lasts).await;
            for machine in &mut cast.machines {
                machine.start(&cast.world);
            }
        }
    }
    Ok(())
}

async fn gateway(cast: &mut Cast, kind: Kind, lasts: u64) {
    let House::Gateway(venue) = cast.world.road.house.clone() else {
        return;
    };
    match kind {
        Kind::Elsewhere => {
            venue.change(|book| book.is_elsewhere = true);
            cast.wait(lasts).await;
            venue.change(|book| book.is_elsewhere = false);
        }
        Kind::SleepsOn => {
            venue.change(|book| book.refuses_revival = true);
            venue.rest();
            cast.wait(lasts).await;
            venue.change(|book| book.refuses_revival = false);
        }
        _ => venue.end(),
    }
}

fn refuse_codes(house: &House, refuses: bool) {
    if let House::Device(venue) = house {
        venue.change(|book| book.refuses_codes = refuses);
    }
}

/// To the next message.
fn mishap(kind: Kind) -> Option<Mishap> {
    Some(match kind {
        Kind::WrongMessage => Mishap::Wrong,
        Kind::LateMessage => Mishap::Late,
        Kind::LostMessage => Mishap::Lost,
        Kind::DuplicateMessage => Mishap::Twice,
        Kind::ForeignMessage => Mishap::Foreign,
        Kind::ForgedMessage => Mishap::Forged,
        Kind::TwoCodes => Mishap::Riddle,
        Kind::HtmlMail => Mishap::Html,
        Kind::TwoSenders => Mishap::TwoSenders,
        _ => return None,
    })
}

/// Of the person.
fn slip(kind: Kind) -> Option<Slip> {
    Some(match kind {
        Kind::LatePerson => Slip::Late,
        Kind::NoPerson => Slip::Never,
        Kind::Denied => Slip::Denies,
        Kind::PromptEnds => Slip::RunsOut,
        Kind::WrongState => Slip::WrongState,
        Kind::ForeignCode => Slip::Foreign,
        Kind::UsedCode => Slip::Used,
        _ => return None,
    })
}

impl Cast {
    /// The machine that has the login, or the first.
    fn owner(&self) -> usize {
        self.machines.iter().position(Machine::has_it).unwrap_or(0)
    }
}
