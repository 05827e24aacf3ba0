//! The results of a sweep, one row for each combination of settings.

use super::grid::short_names;
use super::{Axis, CellResult, Score};

/// Every combination that has a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The grid.
    pub axes: Vec<Axis>,
    /// The columns.
    pub scores: Vec<Score>,
    /// In the order of the grid.
    pub rows: Vec<Row>,
}

/// One combination of settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// One value for each axis.
    pub values: Vec<String>,
    /// One for each seed played so far, in the order of seeds.
    pub results: Vec<CellResult>,
}

impl Row {
    /// How many of its runs diverged.
    pub fn n_diverged(&self) -> usize {
        self.results.iter().filter(|result| matches!(result, CellResult::Diverged(_))).count()
    }

    /// The score called `name` of every run that has it.
    pub fn values_of(&self, name: &str) -> Vec<f64> {
        let value = |result: &CellResult| match result {
            CellResult::Scores(scores) => scores.get(name).copied(),
            CellResult::Diverged(_) => None,
        };
        self.results.iter().filter_map(value).collect()
    }

    /// Median, least and greatest of the score called `name` over the seeds; none where no run has it.
    pub fn summary(&self, name: &str) -> Option<[f64; 3]> {
        let mut values = self.values_of(name);
        values.sort_by(f64::total_cmp);
        let n = values.len();
        let (first, last) = (*values.first()?, *values.last()?);
        Some([(values[(n - 1) / 2] + values[n / 2]) / 2.0, first, last])
    }
}

impl Table {
    /// For programs: full keys, plain numbers, an empty field where there is no value.
    pub fn to_csv(&self) -> String {
        let keys = self.axes.iter().map(|axis| axis.key.clone());
        let columns =
            self.scores.iter().flat_map(|score| ["median", "min", "max"].map(|part| format!("{}_{part}", score.name)));
        let header = keys.chain(["runs", "diverged"].map(str::to_owned)).chain(columns);
        let rows = self.rows.iter().map(|row| {
            let figures = self.scores.iter().flat_map(|score| match row.summary(score.name) {
                Some(summary) => summary.map(|value| value.to_string()),
                None => [const { String::new() }; 3],
            });
            let counts = [row.results.len(), row.n_diverged()].map(|n| n.to_string());
            row.values.iter().cloned().chain(counts).chain(figures).collect::<Vec<_>>()
        });
        let line = |fields: Vec<String>| fields.iter().map(|field| quoted(field)).collect::<Vec<_>>().join(",") + "\n";
        std::iter::once(header.collect()).chain(rows).map(line).collect()
    }

    /// For people: short names, the median with least and greatest behind it where the seeds differ.
    pub fn to_markdown(&self) -> String {
        let names = short_names(&self.axes).into_iter().chain(["runs".to_owned()]);
        let header: Vec<String> = names.chain(self.scores.iter().map(|score| score.name.replace('_', " "))).collect();
        let mut lines = vec![header];
        for row in &self.rows {
            let runs = match (row.results.len(), row.n_diverged()) {
                (n, 0) => n.to_string(),
                (n, n_diverged) => format!("{n}, {n_diverged} diverged"),
            };
            let figures = self.scores.iter().map(|score| match row.summary(score.name) {
                Some(summary) => {
                    let [median, least, greatest] = summary.map(|value| score.scale.show(value));
                    if least == greatest { median } else { format!("{median} [{least}, {greatest}]") }
                }
                None => "-".into(),
            });
            let values = row.values.iter().map(|value| value.replace('|', "\\|"));
            lines.push(values.chain([runs]).chain(figures).collect());
        }
        let n_columns = self.axes.len() + 1 + self.scores.len();
        let widths: Vec<usize> = (0..n_columns)
            .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default())
            .collect();
        lines.insert(1, widths.iter().map(|&width| "-".repeat(width)).collect());
        let cell = |(text, &width): (&String, &usize)| format!("| {text:<width$} ");
        lines.iter().map(|line| line.iter().zip(&widths).map(cell).collect::<String>() + "|\n").collect()
    }
}

/// A field of a CSV file (RFC 4180, section 2).
fn quoted(field: &str) -> String {
    let is_plain = !field.contains([',', '"', '\n', '\r']);
    if is_plain { field.to_owned() } else { format!("\"{}\"", field.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::super::Scale;
    use super::*;

    fn row(value: &str, scores: &[f64]) -> Row {
        let result = |&score: &f64| {
            if score.is_nan() {
                CellResult::Diverged("a figure is NaN".into())
            } else {
                CellResult::Scores([("quality".to_owned(), score)].into())
            }
        };
        Row { values: vec![value.into()], results: scores.iter().map(result).collect() }
    }

    fn table() -> Table {
        Table {
            axes: vec![Axis::parse("method.gamma=0.1,1,10").unwrap()],
            scores: vec![Score { name: "quality", scale: Scale::Share }],
            rows: vec![row("0.1", &[0.5, 0.25, 0.75]), row("1", &[0.5, f64::NAN]), row("10", &[f64::NAN])],
        }
    }

    #[test]
    fn the_csv_has_median_least_and_greatest() {
        let expected = "method.gamma,runs,diverged,quality_median,quality_min,quality_max\n\
                        0.1,3,0,0.5,0.25,0.75\n1,2,1,0.5,0.5,0.5\n10,1,1,,,\n";
        assert_eq!(table().to_csv(), expected);
    }

    #[test]
    fn the_markdown_shows_a_range_where_seeds_differ() {
        let expected = "| gamma | runs          | quality              |\n\
                        | ----- | ------------- | -------------------- |\n\
                        | 0.1   | 3             | 50.0% [25.0%, 75.0%] |\n\
                        | 1     | 2, 1 diverged | 50.0%                |\n\
                        | 10    | 1, 1 diverged | -                    |\n";
        assert_eq!(table().to_markdown(), expected);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(row("1", &[4.0, 1.0, 2.0, 3.0]).summary("quality"), Some([2.5, 1.0, 4.0]));
    }

    #[test]
    fn fields_with_commas_or_quotes_are_quoted() {
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
