//! Going back to the last healthy snapshot when a failure is found, and on from there with other random numbers.
//!
//! How often that happened, and every setting it changed, is in the run's settings: a killed run resumes with them.

use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};
use toml::Table;

use super::{Kind, Rollback, advice};
use crate::run::{self, Config, RunDir};
use crate::train::Outcome;
use crate::train::event::{Event, Observer};
use crate::train::record;
use crate::train::session::Session;
use crate::{Error, Result};

/// What follows a finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Heal {
    /// It is reported.
    #[default]
    Off,
    /// The run goes back and on with other random numbers.
    Rollback,
    /// The proposed change is made as well.
    Auto,
}

/// How a run is healed.
#[derive(Clone, Copy, Debug)]
pub struct Treatment {
    /// What follows a finding.
    pub heal: Heal,
    /// The most rollbacks of a run; after these it goes on as without healing.
    pub limit: u64,
}

/// Trains in `run` as [`Session::train`] does, and heals as `treatment` says.
pub fn train(
    mut session: Session,
    run: &RunDir,
    treatment: Treatment,
    observers: &mut [&mut dyn Observer],
    stop: &AtomicBool,
) -> Result<Outcome> {
    loop {
        let may_heal = treatment.heal != Heal::Off && session.config().train.rollbacks < treatment.limit;
        let (kimg, failure) = match session.train_under(run, observers, stop, may_heal) {
            Err(Error::Unhealthy { kimg, failure }) => (kimg, failure),
            Err(Error::Diverged { kimg, .. }) if may_heal => (kimg, Kind::Divergence),
            ended => return ended,
        };
        let (next, change) = changed(session.config(), failure, treatment.heal)?;
        let images = record::last_healthy(run.path())?;
        let rollback = Rollback {
            from_kimg: kimg,
            kimg: images.unwrap_or(0) as f64 / 1000.0,
            images: images.unwrap_or(0),
            rollbacks: next.config().train.rollbacks,
            change,
            reason: failure.name().to_owned(),
        };
        // In this order a process killed in between resumes from the healthy state, and comes here again at worst.
        run.roll_back(images)?;
        run.set_config(next.config())?;
        record::append_rollback(run.path(), &rollback)?;
        observers.iter_mut().try_for_each(|observer| observer.observe(&Event::Rollback(&rollback)))?;
        session = next;
    }
}

/// The session that goes on, and what is changed in it: its random numbers and, where asked for and possible, a setting.
fn changed(config: &Config, failure: Kind, heal: Heal) -> Result<(Session, Vec<String>)> {
    let mut config = config.clone();
    config.train.rollbacks += 1;
    let unreadable = |error: toml::ser::Error| Error::setting(format!("the settings cannot be read: {error}"));
    let settings = Table::try_from(&config).map_err(unreadable)?;
    if heal == Heal::Auto {
        let (change, _) = advice(failure, &config);
        let mut changed = settings.clone();
        change.iter().try_for_each(|assignment| run::assign(&mut changed, assignment))?;
        if let (Ok(session), false) = (Session::prepare(&changed), change.is_empty()) {
            return Ok((session, change));
        }
    }
    Ok((Session::prepare(&settings)?, vec![]))
}
