//! What a fault does to whom it hits.

use axum::http::StatusCode;

use super::carrier::Mishap;
use super::life::Actors;
use super::machine::Machine;
use super::person::Slip;
use super::plan::Kind;
use super::venue::AnyVenue;
use crate::chaos::failure::Outcome;
use crate::chaos::plan::Step;
use crate::chaos::random::Random;

/// How wrong a machine's clock may be.
const SKEW: u64 = 40_000_000;

pub(super) fn skew(random: &mut Random) -> i64 {
    random.below(2 * SKEW + 1) as i64 - SKEW as i64
}

pub(super) async fn inject(
    actors: &mut Actors,
    step: Step<Kind>,
    random: &mut Random,
) -> Outcome<()> {
    let road = actors.world.road.clone();
    let until = road.time.now() + step.away.as_micros() as i64;
    match step.kind {
        Kind::ClockSkew => {
            let machine = &actors.machines[(step.pick % 2) as usize];
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
            let twilio = &actors.world.carrier.texts.twilio;
            twilio.change(|book| book.faults.extend(faults));
        }
        Kind::SessionDropped => road.venue.drop_sessions(false),
        Kind::RenewalRefused => road.venue.drop_sessions(true),
        kind => match (mishap(kind), slip(kind)) {
            (Some(mishap), _) => actors.world.carrier.inject(mishap),
            (None, Some(slip)) => road.person.inject(slip),
            (None, None) => hit_and_mend(actors, step, random).await?,
        },
    }
    Ok(())
}

/// What lasts for a while, and is mended then.
async fn hit_and_mend(actors: &mut Actors, step: Step<Kind>, random: &mut Random) -> Outcome<()> {
    let venue = actors.world.road.venue.clone();
    let lasts = step.away.as_millis() as u64;
    match step.kind {
        Kind::WrongCode => {
            venue.drop_sessions(true);
            refuse_codes(&venue, true);
            actors.wait(lasts).await;
            refuse_codes(&venue, false);
        }
        Kind::PasswordRotated => {
            let password = format!("planted-password-{}", random.next());
            venue.change_password(&password);
            actors.wait(lasts).await;
            actors.world.write("password", &password)?;
        }
        Kind::KeyBlocked => {
            if let AnyVenue::Device(device) = &venue {
                let right = device.state().password;
                venue.change_password("planted-nothing");
                actors.wait(lasts).await;
                venue.change_password(&right);
            }
        }
        Kind::WebhookAway => {
            actors.world.carrier.texts.lead_away(true);
            actors.wait(lasts).await;
            actors.world.carrier.texts.lead_away(false);
        }
        Kind::Elsewhere | Kind::SleepsOn | Kind::WeekEnds => {
            gateway(actors, step.kind, lasts).await;
        }
        Kind::CutOff => {
            let at = actors.owner();
            actors.world.records.cut_off(Some(at));
            actors.wait(lasts).await;
            actors.world.records.cut_off(None);
        }
        Kind::Kill => {
            let at = actors.owner();
            actors.machines[at].kill(&actors.world).await;
            actors.wait(lasts).await;
            actors.machines[at].start(&actors.world);
        }
        _ => {
            for machine in &mut actors.machines {
                machine.kill(&actors.world).await;
            }
            actors.wait(lasts).await;
            for machine in &mut actors.machines {
                machine.start(&actors.world);
            }
        }
    }
    Ok(())
}

async fn gateway(actors: &mut Actors, kind: Kind, lasts: u64) {
    let AnyVenue::Gateway(venue) = actors.world.road.venue.clone() else {
        return;
    };
    match kind {
        Kind::Elsewhere => {
            venue.change(|book| book.is_elsewhere = true);
            actors.wait(lasts).await;
            venue.change(|book| book.is_elsewhere = false);
        }
        Kind::SleepsOn => {
            venue.change(|book| book.refuses_revival = true);
            venue.rest();
            actors.wait(lasts).await;
            venue.change(|book| book.refuses_revival = false);
        }
        _ => venue.end(),
    }
}

fn refuse_codes(venue: &AnyVenue, refuses: bool) {
    if let AnyVenue::Device(venue) = venue {
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

impl Actors {
    /// The machine that has the login, or the first.
    fn owner(&self) -> usize {
        self.machines.iter().position(Machine::has_it).unwrap_or(0)
    }
}
