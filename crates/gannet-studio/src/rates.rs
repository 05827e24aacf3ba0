//! The learning rates of a run, which its settings tell: the schedules know every moment.

use gannet::train::player::PlayerConfig;
use gannet::train::schedule::Moment;
use serde::Deserialize;
use serde_json::{Value, json};

/// Points of a curve, beside its first.
const N_POINTS: u32 = 64;

/// Learning rates from the first image up to `kimg` of `kimg_total`, for those of the two players whose settings say
/// theirs: runs of other versions may not.
pub(crate) fn learning_rates(config: &Value, kimg: f64, kimg_total: f64) -> Vec<Value> {
    let player = |role: &str| PlayerConfig::deserialize(config.get("method")?.get(role)?).ok();
    let [generator, critic] = ["generator", "critic"].map(player);
    if generator.is_none() && critic.is_none() {
        return vec![];
    }
    let images = |kimg: f64| (1000.0 * kimg) as u64;
    let point = |i: u32| {
        let kimg = kimg * f64::from(i) / f64::from(N_POINTS);
        let moment = Moment { images_seen: images(kimg), images_total: images(kimg_total) };
        let rate = |player: &Option<PlayerConfig>| {
            player.as_ref().map(|its| its.learning_rate * its.schedule.factor(moment, its.warmup_images))
        };
        json!({ "kimg": kimg, "learning_rate_generator": rate(&generator), "learning_rate_critic": rate(&critic) })
    };
    (0..=N_POINTS).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_follows_the_schedule_and_ends_where_the_run_stands() {
        let config = json!({ "method": { "generator": { "learning_rate": 2.0, "schedule": "linear" } } });
        let points = learning_rates(&config, 7.5, 10.0);
        assert_eq!(points[0]["learning_rate_generator"], 2.0);
        assert_eq!((&points[64]["kimg"], &points[64]["learning_rate_generator"]), (&json!(7.5), &json!(1.0)));
        assert!(points[64]["learning_rate_critic"].is_null());
        assert!(learning_rates(&json!({ "method": { "name": "of another version" } }), 1.0, 2.0).is_empty());
    }
}
