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
            text += &format!("{} samples side by side; give --group to compare them\n", self.samples.len());
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

    fn told(&self, pair: &Pair, contrast: &Contrast) -> String {
        let number = |value: Option<f64>| value.map_or("-".to_owned(), short);
        let [first, second] = contrast.values.map(number);
        let ratio = contrast.ratio.map(|ratio| format!(", {} times", short(ratio))).unwrap_or_default();
        let tested = contrast
            .tested
            .map(|it| format!(", p {} corrected: {}", short(it.corrected), self.verdict(pair, contrast)));
        format!("{second} against {first}{ratio}{}", tested.unwrap_or_default())
    }
}
