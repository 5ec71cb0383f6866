//! A comparison as lines of text.

use super::compared::{Comparison, Contrast, Pair};
use super::figures::short;
use super::measures::{MEASURES, Measure};
use crate::text::line;

/// Characters of a name at most.
const NAME: usize = 40;

impl Comparison {
    /// What was found, for a terminal: a line for each measure that is tested by default, of each pair of groups.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let names: Vec<String> = self.groups.names.iter().map(|name| line(name, NAME)).collect();
        for pair in &self.pairs {
            let [first, second] = pair.groups.map(|group| &names[group]);
            text += &format!("{second} compared with {first}\n");
            let shown = |it: &&Contrast| MEASURES[it.measure].tested || it.tested.is_some();
            for contrast in pair.contrasts.iter().filter(shown) {
                let title = self.titled(&MEASURES[contrast.measure]);
                text += &format!("  {title:<36}{}\n", self.told(pair, contrast));
            }
            text += &format!("  {}\n", self.statement(pair));
        }
        if self.pairs.is_empty() {
            text += &match self.samples.len() {
                1 => "1 sample, and no other to compare it with\n".to_owned(),
                count => format!("{count} samples side by side; give --group to compare them\n"),
            };
        }
        text
    }

    /// A measure, with its unit.
    pub(super) fn titled(&self, measure: &Measure) -> String {
        match measure.unit(self.dimensions, &self.unit) {
            unit if unit.is_empty() => measure.title(self.dimensions).to_owned(),
            unit => format!("{} ({unit})", measure.title(self.dimensions)),
        }
    }

    /// Whether some samples of one of two groups have no value for a measure.
    pub(super) fn has_fewer(&self, pair: &Pair, contrast: &Contrast, side: usize) -> bool {
        contrast.samples[side] < self.groups.members[pair.groups[side]].len()
    }

    fn told(&self, pair: &Pair, contrast: &Contrast) -> String {
        let number = |value: Option<f64>| value.map_or("-".to_owned(), short);
        let [first, second] = contrast.values.map(number);
        let ratio = contrast.ratio.map(|ratio| format!(", {} times", short(ratio))).unwrap_or_default();
        let [few, fewer] = [0, 1].map(|side| self.has_fewer(pair, contrast, side));
        let counts = match contrast.samples {
            [first, second] if (few || fewer) && !contrast.lacks_values(pair) => {
                format!(" ({second} and {first} samples)")
            }
            _ => String::new(),
        };
        let verdict = self.verdict(pair, contrast);
        let tested = match contrast.tested {
            Some(it) => format!(", p {} corrected: {verdict}", short(it.corrected)),
            None if contrast.lacks_values(pair) => format!(", {verdict}"),
            None => String::new(),
        };
        format!("{second} against {first}{counts}{ratio}{tested}")
    }
}
