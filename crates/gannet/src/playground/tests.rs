//! The presets keep their promises, and text is answered with text.

use serde_json::{Value, json};

use super::glossary::GROUPS;
use super::*;
use crate::loss::Loss;

/// The preset called `name` after `n_steps`, with the state at every check of the last quarter.
fn play(name: &str, n_steps: u64) -> (Playground, Vec<State>) {
    let preset = PRESETS.iter().find(|preset| preset.name == name).unwrap();
    let mut playground = Playground::new((preset.settings)()).unwrap();
    let mut states = vec![];
    for step in 1..=n_steps {
        playground.step(Turn::Both).unwrap();
        if step % CHECK_EVERY == 0 && step > n_steps / 4 * 3 {
            states.push(playground.verdict().state);
        }
    }
    (playground, states)
}

#[test]
fn the_healthy_game_covers_all_modes_and_leaves_the_critic_guessing() {
    let (playground, states) = play("healthy", 1500);
    let check = playground.check();
    assert_eq!((check.n_covered, check.n_modes), (8, 8));
    assert!((0.4..0.7).contains(&check.accuracy), "{check:?}");
    assert!(states.contains(&State::Balanced), "{states:?}");
}

#[test]
fn the_collapsing_game_keeps_to_two_modes_and_its_remedy_finds_all() {
    let (playground, states) = play("mode-collapse", 600);
    assert!(playground.check().n_covered <= 2, "{:?}", playground.check());
    assert!(states.iter().all(|&state| state == State::ModeCollapse), "{states:?}");
    let (playground, states) = play("mode-collapse-remedy", 600);
    assert_eq!(playground.check().n_covered, 8, "{:?}", playground.check());
    assert!(states.iter().all(|&state| state == State::Learning || state == State::Balanced), "{states:?}");
}

#[test]
fn the_oscillating_game_runs_in_circles_and_its_remedy_settles() {
    let (_, states) = play("oscillation", 800);
    assert!(states.iter().all(|&state| state == State::Oscillating), "{states:?}");
    let (playground, states) = play("oscillation-remedy", 800);
    assert_eq!(playground.check().n_covered, 2);
    assert!(!states.contains(&State::Oscillating), "{states:?}");
}

#[test]
fn the_first_game_runs_out_of_gradient_and_its_remedy_does_not() {
    let (playground, states) = play("vanishing-gradient", 400);
    assert!(states.iter().all(|&state| state == State::VanishingGradient), "{states:?}");
    assert!(playground.check().pull < 0.05);
    let (playground, _) = play("vanishing-gradient-remedy", 400);
    assert_eq!(playground.check().n_covered, 8, "{:?}", playground.check());
    assert!(playground.check().pull > 0.05);
}

/// A game small enough for tests of anything but learning.
fn small() -> Settings {
    let side = Side { layers: 1, width: 8, learning_rate: 1e-3 };
    Settings { generator: side.clone(), critic: side, batch: 16, ..Settings::default() }
}

#[test]
fn every_choice_that_is_listed_can_be_played() {
    let words = |setting: &str| GROUPS.iter().find(|group| group.setting == setting).unwrap().choices;
    for group in GROUPS {
        for choice in group.choices {
            let mut settings = json!(small());
            settings[group.setting] = choice.value.into();
            settings["own"] = json!([[0.1, 0.2]]);
            let settings = serde_json::from_value(settings).unwrap();
            let mut playground = Playground::new(settings).unwrap();
            for _ in 0..3 {
                let figures = playground.step(Turn::Both).unwrap();
                assert!(figures.is_finite(), "{} {}", group.setting, choice.value);
            }
            let show = Show { field: true, manifold: true, arrows: true };
            let snapshot = playground.snapshot(Figures::default(), show);
            assert!(snapshot.field.iter().all(|p| (0.0..=1.0).contains(p)));
        }
    }
    assert_eq!((words("loss").len(), words("penalty").len()), (7, 6));
}

#[test]
fn the_same_seed_plays_the_same_game() {
    let fakes = |seed| {
        let mut playground = Playground::new(Settings { seed, spectral: true, noise_dim: 1, ..small() }).unwrap();
        for _ in 0..5 {
            playground.step(Turn::Both).unwrap();
        }
        playground.snapshot(Figures::default(), Show::default()).fakes
    };
    assert_eq!(fakes(3), fakes(3));
    assert_ne!(fakes(3), fakes(4));
}

#[test]
fn one_player_s_turn_leaves_the_other_where_it_is() {
    let fakes_of = |playground: &Playground| playground.snapshot(Figures::default(), Show::default()).fakes;
    for (turn, moves) in [(Turn::Critic, [false, true]), (Turn::Generator, [true, false])] {
        let mut playground = Playground::new(Settings { loss: Loss::RelativisticAverage, ..small() }).unwrap();
        playground.step(Turn::Both).unwrap();
        let (fakes, critic) = (fakes_of(&playground), playground.critic.network().clone());
        playground.step(turn).unwrap();
        let [before, after] = [&critic, playground.critic.network()]
            .map(|critic| critic.valid().forward(playground.real().without_autodiff()).value.into_data());
        assert_eq!([fakes_of(&playground) != fakes, before != after], moves, "{turn:?}");
    }
}

#[test]
fn rates_change_on_the_way_and_sizes_begin_again() {
    let mut playground = Playground::new(small()).unwrap();
    for _ in 0..3 {
        playground.step(Turn::Both).unwrap();
    }
    let mut settings = Settings { loss: Loss::Hinge, n_critic: 2, batch: 8, ..small() };
    settings.critic.learning_rate = 0.1;
    playground.change(settings.clone()).unwrap();
    assert_eq!(playground.n_steps(), 3);
    settings.critic.width = 9;
    playground.change(settings).unwrap();
    assert_eq!(playground.n_steps(), 0);
    let problems = playground.change(Settings { batch: 0, n_critic: 99, ..small() }).unwrap_err().to_string();
    assert!(problems.contains("batch is 0") && problems.contains("n_critic is 99"), "{problems}");
}

#[test]
fn text_is_answered_with_text_whatever_it_says() {
    let mut session = Session::default();
    let mut ask = |request: Value| serde_json::from_str::<Value>(&session.ask(&request.to_string())).unwrap();
    assert_eq!(ask(json!({ "settings": small() }))["step"], 0);
    assert_eq!(ask(json!({ "n_steps": 4 }))["step"], 4);
    assert_eq!(
        ask(json!({ "n_steps": 1, "turn": "critic", "show": { "field": true } }))["field"].as_array().unwrap().len(),
        1024
    );
    assert_eq!(ask(json!({ "restart": true }))["step"], 0);
    let too_many = MAX_STEPS + 1;
    for wrong in
        [json!({ "n_steps": too_many }), json!({ "steps": 1 }), json!("step"), json!({ "settings": { "batch": 0 } })]
    {
        assert!(ask(wrong.clone())["error"].is_string(), "{wrong}");
    }
    assert_eq!(ask(json!({}))["step"], 0);
    assert!(session.ask("{").contains("error"));
}

#[test]
fn presets_name_their_remedies_and_all_words_are_explained() {
    for preset in PRESETS.iter().filter(|preset| !preset.remedy.is_empty()) {
        assert!(PRESETS.iter().any(|remedy| remedy.name == preset.remedy), "{}", preset.name);
    }
    let settings = json!(Settings::default());
    for group in GROUPS {
        assert!(settings.get(group.setting).is_some(), "{}", group.setting);
        assert!(GLOSSARY.iter().any(|term| term.name == group.setting), "{}", group.setting);
    }
    let catalogue: Value = serde_json::from_str(&catalogue()).unwrap();
    assert_eq!(catalogue["presets"].as_array().unwrap().len(), PRESETS.len());
}
