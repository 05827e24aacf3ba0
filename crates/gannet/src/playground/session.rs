//! The playground behind text: a request in, a reply out, the same words for a server and for WebAssembly.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::glossary::{GLOSSARY, GROUPS};
use super::preset::PRESETS;
use super::settings::{Settings, Side};
use super::{Figures, Playground, Show, Snapshot, Turn};
use crate::{Error, Result};

/// Most steps of one request.
pub const MAX_STEPS: u32 = 2000;

/// Most products of weights and values in the forward passes of one request, so that it is answered soon.
const MAX_WORK: u64 = 20_000_000_000;

/// What a page may ask for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Request {
    /// Settings from now on; the game begins again where the networks change.
    pub settings: Option<Settings>,
    /// Whether the game begins again in any case.
    pub restart: bool,
    /// Steps to take, up to [`MAX_STEPS`]; of large games fewer are taken at once.
    pub n_steps: u32,
    /// Who moves.
    pub turn: Turn,
    /// What the snapshot is to hold.
    pub show: Show,
}

/// A game that is asked in text.
#[derive(Default)]
pub struct Session {
    playground: Option<Playground>,
    figures: Figures,
}

impl Session {
    /// A snapshot as JSON in reply to a [`Request`] as JSON, or `{"error": "..."}`.
    pub fn ask(&mut self, request: &str) -> String {
        let reply = serde_json::from_str(request)
            .map_err(|error| Error::setting(format!("the request cannot be read: {error}")))
            .and_then(|request| self.answer(request));
        match reply {
            Ok(snapshot) => json!(snapshot).to_string(),
            Err(error) => json!({ "error": error.to_string() }).to_string(),
        }
    }

    /// Does what is asked and shows the outcome.
    pub fn answer(&mut self, request: Request) -> Result<Snapshot> {
        if request.n_steps > MAX_STEPS {
            return Err(Error::setting(format!("n_steps is {}, accepted: 0 to {MAX_STEPS}", request.n_steps)));
        }
        match (self.playground.as_mut().filter(|_| !request.restart), request.settings) {
            (Some(playground), Some(settings)) => playground.change(settings)?,
            (Some(_), None) => {}
            (None, settings) => {
                let settings = settings.or_else(|| self.playground.as_ref().map(|p| p.settings().clone()));
                self.playground = Some(Playground::new(settings.unwrap_or_default())?);
                self.figures = Figures::default();
            }
        }
        let Some(playground) = &mut self.playground else {
            return Err(Error::setting("no game"));
        };
        let n_steps = request.n_steps.min(most_steps(playground.settings()));
        let mut sum = Figures::default();
        for _ in 0..n_steps {
            let step = playground.step(request.turn)?;
            sum.loss_generator += step.loss_generator;
            sum.loss_critic += step.loss_critic;
            sum.accuracy += step.accuracy;
        }
        if n_steps > 0 {
            let n = f64::from(n_steps);
            let Figures { loss_generator, loss_critic, accuracy } = sum;
            self.figures =
                Figures { loss_generator: loss_generator / n, loss_critic: loss_critic / n, accuracy: accuracy / n };
        }
        Ok(playground.snapshot(self.figures, request.show))
    }
}

/// Steps of a game that are answered soon.
fn most_steps(settings: &Settings) -> u32 {
    let weights = |side: &Side| (side.layers * side.width * side.width) as u64;
    let moves = settings.batch as u64 * (settings.n_critic as u64 + 1);
    let work = moves * (weights(&settings.generator) + weights(&settings.critic));
    u32::try_from(MAX_WORK / work.max(1)).unwrap_or(MAX_STEPS).max(1)
}

/// Menus, presets and words as JSON, for a page to be made from.
pub fn catalogue() -> String {
    let presets: Vec<_> = PRESETS
        .iter()
        .map(|preset| {
            json!({
                "name": preset.name,
                "title": preset.title,
                "story": preset.story,
                "remedy": preset.remedy,
                "settings": (preset.settings)(),
            })
        })
        .collect();
    json!({ "presets": presets, "groups": GROUPS, "glossary": GLOSSARY, "defaults": Settings::default() }).to_string()
}
