//! Every component there is. A new one is one line here.

use tapeline_auth::flows::{ApiKey, BadAddress, Credentials, Device, Gateway, OAuth, is_here};
use tapeline_auth::{Environment, Flow};
#[cfg(feature = "local")]
use tapeline_demo::DemoVenue;
use tapeline_processors::logins::{self, LoginSettings, Logins};
use tapeline_processors::market::{self, Market};
use tapeline_processors::risk::{self, Risk, RiskSettings};
use tapeline_processors::strategy::{self, Strategy};
use tapeline_processors::{Processor, Share};
use tapeline_schemas::topics::Topic;
use tapeline_secrets::Secrets;
use tapeline_venue::Venue;

use crate::config::{Config, LoginAccount, Way};
use crate::failure::Failure;

pub(crate) type MakeProcessor = Box<dyn Fn(Share) -> Box<dyn Processor> + Send + Sync>;

struct ProcessorEntry {
    name: &'static str,
    /// Whether there is anything for it to do.
    has_work: fn(&Config) -> bool,
    make: fn(&Config) -> MakeProcessor,
}

const PROCESSORS: &[ProcessorEntry] = &[
    ProcessorEntry {
        name: market::NAME,
        has_work: |_| true,
        make: |config| {
            let settings = config.market_settings();
            Box::new(move |_| Box::new(Market::new(settings.clone())))
        },
    },
    ProcessorEntry {
        name: risk::NAME,
        has_work: |_| true,
        make: |config| {
            let settings = config.risk_settings();
            Box::new(move |share| {
                let settings = settings.clone();
                Box::new(Risk::new(RiskSettings { share, ..settings }))
            })
        },
    },
    ProcessorEntry {
        name: strategy::NAME,
        has_work: |config| !config.strategies.is_empty(),
        make: |config| {
            let settings = config.strategy_settings();
            Box::new(move |_| Box::new(Strategy::new(&settings)))
        },
    },
    ProcessorEntry {
        name: logins::NAME,
        has_work: |config| !config.accounts.is_empty(),
        make: |config| {
            let settings = config.login_settings();
            Box::new(move |share| {
                let settings = settings.clone();
                Box::new(Logins::new(LoginSettings { share, ..settings }))
            })
        },
    },
];

/// How to make each processor the configuration wants to run.
pub(crate) fn processors(config: &Config) -> Vec<(&'static str, MakeProcessor)> {
    PROCESSORS
        .iter()
        .filter(|entry| config.processors.run.iter().any(|name| name == entry.name))
        .filter(|entry| (entry.has_work)(config))
        .map(|entry| (entry.name, (entry.make)(config)))
        .collect()
}

/// How to make one processor, wanted or not.
pub(crate) fn processor(config: &Config, name: &str) -> Option<MakeProcessor> {
    let entry = PROCESSORS.iter().find(|entry| entry.name == name)?;
    Some((entry.make)(config))
}

/// The processor that writes a topic.
pub(crate) fn writer_of(config: &Config, topic: Topic) -> Option<&'static str> {
    let writes = |entry: &&ProcessorEntry| {
        let processor = (entry.make)(config)(Share::ALL);
        processor.outputs().contains(&topic)
    };
    PROCESSORS.iter().find(writes).map(|entry| entry.name)
}

/// How to make a venue; anew after each failure.
pub(crate) type MakeVenue = Box<dyn Fn() -> Result<Box<dyn Venue>, Failure> + Send + Sync>;

/// How an account is logged in to.
pub(crate) fn flow(
    login: &LoginAccount,
    secrets: &Secrets,
    environment: &Environment,
) -> Result<Box<dyn Flow>, Failure> {
    let address = &login.address;
    let wrong = |wrong: BadAddress| Failure::Usage(wrong.to_string());
    let credentials = || -> Result<Credentials, Failure> {
        Ok(Credentials {
            secrets: secrets.clone(),
            name: login.name.parse()?,
            password: login.password.parse()?,
        })
    };
    Ok(match login.way {
        Way::Key => Box::new(ApiKey::new(address, credentials()?, environment).map_err(wrong)?),
        Way::Device => {
            let device = Device::new(address, &login.client_id, credentials()?, environment);
            Box::new(device.map_err(wrong)?)
        }
        Way::OAuth => {
            let oauth = OAuth::new(address, &login.redirect, credentials()?, environment);
            Box::new(oauth.map_err(wrong)?)
        }
        Way::Gateway if is_here(address) => {
            let mut here = Environment::loopback().map_err(wrong)?;
            here.clock = environment.clock.clone();
            Box::new(Gateway::new(address, &here).map_err(wrong)?)
        }
        Way::Gateway => Box::new(Gateway::new(address, environment).map_err(wrong)?),
    })
}

/// Nothing where the configuration does not enable the venue.
type VenueEntry = fn(&Config) -> Option<MakeVenue>;

const VENUES: &[VenueEntry] = &[
    #[cfg(feature = "local")]
    demo,
];

/// Every venue the configuration enables.
pub(crate) fn venues(config: &Config) -> Vec<MakeVenue> {
    VENUES.iter().filter_map(|entry| entry(config)).collect()
}

#[cfg(feature = "local")]
fn demo(config: &Config) -> Option<MakeVenue> {
    if !config.demo.enabled {
        return None;
    }
    let settings = config.demo.settings.clone();
    Some(Box::new(move || {
        let venue = DemoVenue::new(&settings).map_err(|e| Failure::Usage(e.to_string()))?;
        Ok(Box::new(venue))
    }))
}

#[cfg(test)]
mod tests {
    use tapeline_schemas::topics::manifest;

    use super::*;

    #[test]
    fn every_processor_has_its_name_and_its_topics_in_the_manifest() {
        let config = Config::default();
        let names: Vec<&str> = PROCESSORS.iter().map(|entry| entry.name).collect();
        assert_eq!(names, config.processors.run);
        for name in &names {
            assert_eq!(processor(&config, name).unwrap()(Share::ALL).name(), *name);
        }
        let in_manifest: Vec<&str> = manifest()
            .processors
            .iter()
            .map(|p| p.name.as_str())
            .collect();
        assert_eq!(names, in_manifest);
    }

    #[test]
    fn what_is_not_enabled_is_not_made() {
        let mut config = Config::default();
        config.processors.run = vec!["risk".to_owned()];
        assert_eq!(processors(&config).len(), 1);
        config.processors.run = vec!["strategy".to_owned()];
        assert!(processors(&config).is_empty(), "no strategy is configured");
        assert!(venues(&config).is_empty());
    }

    #[cfg(feature = "local")]
    #[test]
    fn the_demo_is_a_venue_once_it_is_enabled() {
        assert_eq!(venues(&Config::default().with_demo()).len(), 1);
    }
}
