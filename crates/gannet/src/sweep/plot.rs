//! The picture of a sweep: each score against the first swept setting, one line for each combination of the others.
//!
//! A line joins the medians, its band reaches from the least to the greatest seed, and every seed is a dot, so that a
//! setting that works sometimes looks different from one that works.

use std::error::Error;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::grid::short_names;
use super::{Row, Scale, Score, Table};
use crate::image::{Picture, Shape, register_font};

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

/// Width and height of the part of the picture that shows one score, in pixels.
const PANEL: [u32; 2] = [620, 420];
const N_COLUMNS: usize = 2;
const MARGIN: i32 = 24;
const LINE_HEIGHT: i32 = 26;
/// Told apart by the colour-blind too (Okabe and Ito 2008, "Color Universal Design").
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
];
const INK: RGBColor = RGBColor(60, 60, 60);
const GRID: RGBColor = RGBColor(225, 225, 225);
/// Settings whose greatest value is so many times the least are laid out by their logarithms.
const SPANS_DECADES: f64 = 20.0;
/// The space between two lines at the same setting, at most, as a share of the axis: dots that would hide each other stand
/// apart.
const DODGE: f64 = 0.02;
/// The width of a letter, at most, and the space between two labels, in pixels.
const LETTER: f64 = 10.0;

/// A picture of `scores` in `table`, under `title`.
pub(super) fn draw(title: &str, table: &Table, scores: &[Score]) -> Result<Picture, String> {
    register_font()?;
    let lines = lines(table);
    let n_columns = scores.len().clamp(1, N_COLUMNS);
    let width = PANEL[0] * n_columns as u32;
    let legend = legend(&lines, width as i32);
    let header = MARGIN / 2 + (2 + legend.last().map_or(0, |entry| entry.row + 1)) * LINE_HEIGHT;
    let height = header as u32 + PANEL[1] * scores.len().div_ceil(n_columns) as u32;
    let mut pixels = vec![0; (3 * width * height) as usize];
    {
        let root = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        let paint = || -> Drawn {
            root.fill(&WHITE)?;
            let (head, body) = root.split_vertically(header);
            paint_header(&head, title, table, &legend)?;
            let panels = body.split_evenly((scores.len().div_ceil(n_columns), n_columns));
            panels.iter().zip(scores).try_for_each(|(panel, score)| paint_panel(panel, score, table, &lines))?;
            Ok(root.present()?)
        };
        paint().map_err(|error| error.to_string())?;
    }
    Ok(Picture::from_u8(Shape { channels: 3, height: height as usize, width: width as usize }, pixels))
}

/// The rows that share all settings but the first.
struct Line<'a> {
    label: String,
    values: &'a [String],
    colour: RGBColor,
}

fn lines(table: &Table) -> Vec<Line<'_>> {
    let names = short_names(&table.axes);
    let mut lines: Vec<Line> = vec![];
    for values in table.rows.iter().map(|row| &row.values[1..]) {
        if lines.iter().all(|line| line.values != values) {
            let settings = names[1..].iter().zip(values).map(|(name, value)| format!("{name} = {value}"));
            let colour = COLOURS[lines.len() % COLOURS.len()];
            lines.push(Line { label: settings.collect::<Vec<_>>().join(", "), values, colour });
        }
    }
    lines
}

/// One line's name and where it stands.
struct Entry {
    label: String,
    colour: RGBColor,
    x: i32,
    row: i32,
}

/// Names and colours in columns, as many as fit; a single line needs none.
fn legend(lines: &[Line], width: i32) -> Vec<Entry> {
    if lines.len() < 2 {
        return vec![];
    }
    let longest = lines.iter().map(|line| line.label.chars().count()).max().unwrap_or_default();
    let entry_width = 40 + (longest as f64 * LETTER) as i32;
    let n_columns = ((width - MARGIN) / entry_width).max(1);
    let place = |(index, line): (i32, &Line)| {
        let (x, row) = (MARGIN + index % n_columns * entry_width, index / n_columns);
        Entry { label: line.label.clone(), colour: line.colour, x, row }
    };
    (0..).zip(lines).map(place).collect()
}

fn paint_header(area: &Area, title: &str, table: &Table, legend: &[Entry]) -> Drawn {
    let key = "line: median over seeds,  band: least to greatest,  dots: seeds";
    let crosses = if table.rows.iter().any(|row| row.n_diverged() > 0) { ",  crosses: diverged runs" } else { "" };
    area.draw(&Text::new(title.to_owned(), (MARGIN, MARGIN / 2), font(22)))?;
    area.draw(&Text::new(format!("{key}{crosses}"), (MARGIN, MARGIN / 2 + LINE_HEIGHT + 4), font(15)))?;
    for Entry { label, colour, x, row } in legend {
        let y = MARGIN / 2 + (2 + row) * LINE_HEIGHT + 4;
        area.draw(&Rectangle::new([(*x, y + 5), (x + 18, y + 11)], colour.filled()))?;
        area.draw(&Text::new(label.clone(), (x + 26, y), font(15)))?;
    }
    Ok(())
}

fn paint_panel(area: &Area, score: &Score, table: &Table, lines: &[Line]) -> Drawn {
    let axis = &table.axes[0];
    let places = places(&axis.values, f64::from(PANEL[0]) * 0.8);
    let dodge = DODGE.min(0.6 / (lines.len() * places.len()).max(1) as f64);
    let spread = dodge * (lines.len() as f64 - 1.0) / 2.0;
    let across = Ruler { range: -0.06 - spread..1.06 + spread, ticks: places.clone() };
    let values: Vec<f64> = table.rows.iter().flat_map(|row| row.values_of(score.name)).collect();
    let up = up(score.scale, &values);
    let floor = up.range.start;
    let tick_label = |y: &f64| match score.scale {
        Scale::Share => format!("{:.0}%", 100.0 * y),
        Scale::Count(_) => format!("{y:.0}"),
        Scale::Free => format!("{:.3}", y).trim_end_matches('0').trim_end_matches('.').to_owned(),
    };
    let n_shown = places.len().div_ceil((f64::from(PANEL[0]) * 0.8 / label_width(&axis.values)).max(1.0) as usize);
    let value_at = |x: &f64| {
        let index = places.iter().position(|place| place == x).filter(|index| index % n_shown.max(1) == 0);
        index.map_or_else(String::new, |index| axis.values[index].clone())
    };

    let mut chart = ChartBuilder::on(area)
        .margin(MARGIN)
        .margin_top(12)
        .caption(score.name.replace('_', " "), font(18))
        .x_label_area_size(56)
        .y_label_area_size(58)
        .build_cartesian_2d(across, up)?;
    chart
        .configure_mesh()
        .axis_style(INK)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .label_style(font(15))
        .axis_desc_style(font(16))
        .x_desc(axis.key.clone())
        .x_label_formatter(&value_at)
        .y_label_formatter(&tick_label)
        .draw()?;

    for (index, line) in lines.iter().enumerate() {
        let shift = dodge * index as f64 - spread;
        let mut at: Vec<(f64, Option<&Row>)> = (axis.values.iter().zip(&places))
            .map(|(value, place)| (place + shift, find(table, value, line.values)))
            .collect();
        at.sort_by(|a, b| a.0.total_cmp(&b.0));
        for stretch in stretches(&at, score.name) {
            let edge = |part: usize| stretch.iter().map(move |(x, summary)| (*x, summary[part]));
            let band = edge(2).chain(edge(1).rev()).collect::<Vec<_>>();
            if stretch.len() > 1 {
                chart.draw_series([Polygon::new(band, line.colour.mix(0.15))])?;
            }
            chart.draw_series([PathElement::new(edge(0).collect::<Vec<_>>(), line.colour.stroke_width(2))])?;
        }
        for (x, row) in at.iter().filter_map(|(x, row)| Some((*x, (*row)?))) {
            let dot = |y| Circle::new((x, y), 4, line.colour.mix(0.7).filled());
            chart.draw_series(row.values_of(score.name).into_iter().map(dot))?;
            // One above the other, from the axis upwards.
            let cross = |n: usize| EmptyElement::at((x, floor)) + Cross::new((0, -8 - 12 * n as i32), 4, line.colour);
            chart.draw_series((0..row.n_diverged()).map(cross))?;
        }
    }
    Ok(())
}

fn find<'a>(table: &'a Table, first: &String, others: &[String]) -> Option<&'a Row> {
    table.rows.iter().find(|row| &row.values[0] == first && &row.values[1..] == others)
}

/// Neighbouring settings that have the score called `name`: a line does not bridge a setting whose runs all diverged.
fn stretches(at: &[(f64, Option<&Row>)], name: &str) -> Vec<Vec<(f64, [f64; 3])>> {
    let summaries: Vec<_> = at.iter().map(|(x, row)| Some((*x, row.as_ref()?.summary(name)?))).collect();
    summaries.split(Option::is_none).map(|stretch| stretch.iter().flatten().copied().collect()).collect()
}

/// Where each value stands on an axis from 0 to 1 that is `width` pixels long: by its logarithm where the values span
/// decades, by its size elsewhere, and evenly where they are no numbers or their labels would overlap.
fn places(values: &[String], width: f64) -> Vec<f64> {
    let evenly = || (0..values.len()).map(|index| (index as f64 + 0.5) / values.len() as f64).collect();
    let Ok(mut numbers) = values.iter().map(|value| value.parse()).collect::<Result<Vec<f64>, _>>() else {
        return evenly();
    };
    let extent = |numbers: &[f64]| {
        let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        [least, numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)]
    };
    let [least, greatest] = extent(&numbers);
    if least > 0.0 && greatest / least >= SPANS_DECADES {
        numbers.iter_mut().for_each(|number| *number = number.log10());
    }
    let [least, greatest] = extent(&numbers);
    let placed: Vec<f64> = numbers.iter().map(|number| (number - least) / (greatest - least)).collect();
    let mut sorted = placed.clone();
    sorted.sort_by(f64::total_cmp);
    let fits = |pair: &[f64]| (pair[1] - pair[0]) * width >= label_width(values);
    if sorted.iter().all(|place| place.is_finite()) && sorted.windows(2).all(fits) { placed } else { evenly() }
}

/// The space that the longest label takes, in pixels.
fn label_width(values: &[String]) -> f64 {
    LETTER * (values.iter().map(|value| value.chars().count()).max().unwrap_or_default() as f64 + 1.0)
}

/// The vertical axis for `values`.
fn up(scale: Scale, values: &[f64]) -> Ruler {
    match scale {
        Scale::Share => {
            let holds_all = |top: &f64| values.iter().all(|value| value <= top);
            let top = [0.04, 0.2, 0.4].into_iter().find(holds_all).unwrap_or(1.0);
            Ruler { range: -0.04 * top..1.04 * top, ticks: (0..=4).map(|tick| top * f64::from(tick) / 4.0).collect() }
        }
        Scale::Count(n) => {
            let margin = 0.04 * n as f64;
            let ticks = (0..=n).step_by(n.div_ceil(8).max(1)).map(|count| count as f64).collect();
            Ruler { range: -margin..n as f64 + margin, ticks }
        }
        Scale::Free => {
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let range = match (greatest - least).is_finite() {
                true if greatest > least => least - 0.06 * (greatest - least)..greatest + 0.06 * (greatest - least),
                true => least - 0.5..least + 0.5,
                false => 0.0..1.0,
            };
            Ruler { ticks: RangedCoordf64::from(range.clone()).key_points(7), range }
        }
    }
}

/// A linear axis with ticks where they are wanted.
struct Ruler {
    range: Range<f64>,
    ticks: Vec<f64>,
}

impl Ranged for Ruler {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        (f64::from(first) + share * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

fn font(size: i32) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", size).into_font()).color(&INK).pos(Pos::new(HPos::Left, VPos::Top))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Vec<f64> {
        places(&values.iter().map(|value| value.to_string()).collect::<Vec<_>>(), 500.0)
    }

    #[test]
    fn values_that_span_decades_are_placed_by_their_logarithm() {
        assert_eq!(of(&["0.1", "1", "10"]), [0.0, 0.5, 1.0]);
        assert_eq!(of(&["10", "20", "40"]), [0.0, 1.0 / 3.0, 1.0]);
    }

    #[test]
    fn words_single_values_and_crowded_numbers_are_placed_evenly() {
        assert_eq!(of(&["minimax", "non-saturating"]), [0.25, 0.75]);
        assert_eq!(of(&["3"]), [0.5]);
        assert_eq!(of(&["0", "0.001", "1", "2"]), [0.125, 0.375, 0.625, 0.875]);
    }

    #[test]
    fn a_share_s_axis_begins_at_zero_and_holds_every_value() {
        let top = |values: &[f64]| up(Scale::Share, values).ticks[4];
        assert_eq!([top(&[0.02]), top(&[0.02, 0.3]), top(&[0.41]), top(&[1.0])], [0.04, 0.4, 1.0, 1.0]);
        assert_eq!(up(Scale::Share, &[0.02]).ticks[0], 0.0);
    }

    #[test]
    fn a_picture_is_drawn_even_where_every_run_diverged() {
        let axes = vec![super::super::Axis::parse("method.gamma=1,2").unwrap()];
        let scores = vec![Score { name: "loss_critic", scale: Scale::Free }];
        let results = vec![super::super::CellResult::Diverged("a figure is NaN".into())];
        let rows = vec![Row { values: vec!["1".into()], results }];
        let picture = draw("title", &Table { axes, scores: scores.clone(), rows }, &scores).unwrap();
        assert_eq!(picture.width, PANEL[0] as usize);
    }

    #[test]
    fn a_count_has_whole_ticks_up_to_what_there_is() {
        assert_eq!(up(Scale::Count(2), &[]).ticks, [0.0, 1.0, 2.0]);
        assert_eq!(up(Scale::Count(25), &[1.0]).ticks.last(), Some(&24.0));
    }
}
