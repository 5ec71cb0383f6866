//! A comparison as comma-separated values.

use super::bootstrap::Interval;
use super::compared::{Comparison, Level, ends};
use super::measures::MEASURES;
use crate::text::{line, quoted};

/// Characters of a name at most.
const NAME: usize = 512;

impl Comparison {
    /// The table of samples: a row for each sample and measure, `sample,group,measure,value,unit`. Empty where a sample has no
    /// value.
    pub fn samples_csv(&self) -> String {
        let mut text = "sample,group,measure,value,unit\n".to_owned();
        for (at, sample) in self.samples.iter().enumerate() {
            let group = self.group_of(at).map(|group| cell(&self.groups.names[group])).unwrap_or_default();
            for (measure, value) in MEASURES.iter().zip(&self.values[at]) {
                let unit = measure.unit(self.dimensions, &self.unit);
                text +=
                    &format!("{},{group},{},{},{}\n", cell(&sample.name), measure.name, number(*value), cell(&unit));
            }
        }
        text
    }

    /// The table of pairs of groups: a row for each pair and measure, with the numbers of samples that have a value. Empty where
    /// there is no value, no interval or no test.
    pub fn pairs_csv(&self) -> String {
        let mut text =
            "first,second,measure,unit,samples_first,samples_second,value_first,value_second,ratio,ratio_low,\
                        ratio_high,difference,difference_low,difference_high,cliffs_delta,cliffs_delta_low,\
                        cliffs_delta_high,cliffs_delta_of,p,p_corrected,permutations,verdict\n"
                .to_owned();
        for pair in &self.pairs {
            let [first, second] = pair.groups.map(|group| &self.groups.names[group]);
            let delta_of = if pair.level == Level::OneSample { "branches" } else { "samples" };
            for contrast in &pair.contrasts {
                let measure = &MEASURES[contrast.measure];
                let unit = measure.unit(self.dimensions, &self.unit);
                let names = [cell(first), cell(second), measure.name.to_owned(), cell(&unit)];
                let three = |value: Option<f64>, interval: Option<Interval>| {
                    let [low, high] = ends(interval);
                    [number(value), number(low), number(high)].join(",")
                };
                let of = if contrast.delta.is_some() { delta_of } else { "" };
                let tested = contrast.tested.map_or(",,".to_owned(), |it| {
                    format!("{},{},{}", number(Some(it.test.p)), number(Some(it.corrected)), it.test.permutations)
                });
                let cells = [
                    names.join(","),
                    contrast.samples.map(|count| count.to_string()).join(","),
                    contrast.values.map(number).join(","),
                    three(contrast.ratio, contrast.intervals.ratio),
                    three(contrast.difference, contrast.intervals.difference),
                    three(contrast.delta, contrast.intervals.delta),
                    of.to_owned(),
                    tested,
                    cell(&self.verdict(pair, contrast)),
                ];
                text += &cells.join(",");
                text.push('\n');
            }
        }
        text
    }

    /// The group of a sample, if it is in one.
    pub(super) fn group_of(&self, sample: usize) -> Option<usize> {
        self.groups.members.iter().position(|members| members.contains(&sample))
    }
}

/// A name as a cell on one line.
pub(super) fn cell(text: &str) -> String {
    quoted(&line(text, NAME)).into_owned()
}

/// A number with the fewest digits that read back as the same; empty without one.
pub(super) fn number(value: Option<f64>) -> String {
    match value {
        Some(value) if value == 0.0 || (1e-5..1e16).contains(&value.abs()) => format!("{value}"),
        Some(value) => format!("{value:e}"),
        None => String::new(),
    }
}
