//! The curves of a run, one panel for what belongs together, with the findings shaded and named above.

use std::error::Error;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::Episode;
use crate::image::{Picture, Shape, register_font};
use crate::train::doctor::Check;

type Drawn = Result<(), Box<dyn Error>>;

const WIDTH: u32 = 960;
const PANEL_HEIGHT: u32 = 220;
const LANE_HEIGHT: u32 = 24;
/// Told apart by the colour-blind too (Okabe and Ito 2008, "Color Universal Design").
const COLOURS: [RGBColor; 3] = [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115)];
const ALARM: RGBColor = RGBColor(204, 121, 167);
const INK: RGBColor = RGBColor(60, 60, 60);
/// Axes show this share of a panel's values on either side; single peaks would flatten the rest.
const QUANTILE: f64 = 0.02;

/// Figures that share a panel.
const PANELS: [&[&str]; 6] = [
    &["loss_generator", "loss_critic"],
    &["gradient_norm_generator", "gradient_norm_critic"],
    &["accuracy_real", "accuracy_fake", "accuracy_held_out"],
    &["spread", "reached", "stray"],
    &["distance", "motion", "copying"],
    &["rhythm", "overfit", "leak"],
];

/// A picture of all panels that have figures.
pub(super) fn draw(checks: &[Check], episodes: &[Episode]) -> Result<Picture, String> {
    register_font()?;
    let has = |names: &&&[&str]| names.iter().any(|name| checks.iter().any(|check| check.get(name).is_some()));
    let panels: Vec<_> = PANELS.iter().filter(has).collect();
    let head = LANE_HEIGHT * (1 + episodes.len() as u32);
    let height = head + PANEL_HEIGHT * panels.len() as u32;
    let mut pixels = vec![0; (3 * WIDTH * height) as usize];
    {
        let root = BitMapBackend::with_buffer(&mut pixels, (WIDTH, height)).into_drawing_area();
        let paint = || -> Drawn {
            root.fill(&WHITE)?;
            let end = checks.last().map_or(1.0, |check| check.images as f64 / 1000.0);
            let (lanes, body) = root.split_vertically(head);
            paint_lanes(&lanes, episodes, end)?;
            for (area, names) in body.split_evenly((panels.len().max(1), 1)).iter().zip(&panels) {
                paint_panel(area, names, checks, episodes, end)?;
            }
            Ok(root.present()?)
        };
        paint().map_err(|error| error.to_string())?;
    }
    Ok(Picture::from_u8(Shape { channels: 3, height: height as usize, width: WIDTH as usize }, pixels))
}

/// One bar for each finding, on the time line of the panels below.
fn paint_lanes(area: &DrawingArea<BitMapBackend, Shift>, episodes: &[Episode], end: f64) -> Drawn {
    let (left, right) = (LABELS, WIDTH as i32 - 12);
    let place = |kimg: f64| left + ((kimg / end).min(1.0) * f64::from(right - left)) as i32;
    let font = ("sans-serif", 15).into_font().color(&INK);
    for (lane, episode) in (0..).zip(episodes) {
        let (top, finding) = (6 + lane * LANE_HEIGHT as i32, &episode.finding);
        let (from, to) = (place(finding.since_kimg), place(episode.until_kimg.unwrap_or(end)));
        area.draw(&Rectangle::new([(from, top), (to.max(from + 3), top + 16)], ALARM.mix(0.5).filled()))?;
        area.draw(&Text::new(finding.kind.name(), (from.min(right - 170) + 4, top + 3), font.clone()))?;
    }
    Ok(())
}

/// Where anything is wrong, in thousands of images: spans that do not touch.
fn spans(episodes: &[Episode], end: f64) -> Vec<(f64, f64)> {
    let mut all: Vec<(f64, f64)> =
        episodes.iter().map(|episode| (episode.finding.since_kimg, episode.until_kimg.unwrap_or(end))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut spans: Vec<(f64, f64)> = vec![];
    for (from, to) in all {
        match spans.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => spans.push((from, to)),
        }
    }
    spans
}

/// Space for the labels of the vertical axes, in pixels.
const LABELS: i32 = 70;

fn paint_panel(
    area: &DrawingArea<BitMapBackend, Shift>,
    names: &[&str],
    checks: &[Check],
    episodes: &[Episode],
    end: f64,
) -> Drawn {
    let series: Vec<(&str, Vec<(f64, f64)>)> = names
        .iter()
        .map(|name| {
            let point =
                |check: &Check| Some((check.images as f64 / 1000.0, check.get(name).filter(|v| v.is_finite())?));
            (*name, checks.iter().filter_map(point).collect())
        })
        .collect();
    let mut values: Vec<f64> = series.iter().flat_map(|(_, points)| points.iter().map(|(_, value)| *value)).collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get(((values.len().max(1) - 1) as f64 * share) as usize).copied().unwrap_or(0.0);
    let (low, high) = (at(QUANTILE), at(1.0 - QUANTILE));
    let margin = (0.08 * (high - low)).max(1e-6 * high.abs()).max(1e-9);
    let (low, high) = (low - margin, high + margin);
    let mut chart = ChartBuilder::on(area)
        .margin(4)
        .margin_right(12)
        .set_label_area_size(LabelAreaPosition::Left, LABELS - 4)
        .set_label_area_size(LabelAreaPosition::Bottom, 24)
        .build_cartesian_2d(0.0..end, low..high)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(INK.mix(0.12))
        .x_labels(11)
        .y_labels(5)
        .x_label_formatter(&|kimg| format!("{kimg:.0} kimg"))
        .draw()?;
    for (from, to) in spans(episodes, end) {
        chart.draw_series([Rectangle::new([(from, low), (to, high)], ALARM.mix(0.15).filled())])?;
    }
    for ((name, points), colour) in series.into_iter().zip(COLOURS).filter(|((_, points), _)| !points.is_empty()) {
        let inside: Vec<(f64, f64)> = points.into_iter().map(|(x, y)| (x, y.clamp(low, high))).collect();
        let swatch = move |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], colour.stroke_width(2));
        chart.draw_series([PathElement::new(inside, colour.stroke_width(2))])?.label(name).legend(swatch);
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).label_font(("sans-serif", 14)).draw()?;
    Ok(())
}
