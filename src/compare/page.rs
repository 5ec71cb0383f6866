//! A comparison as a page for people.

use serde_json::{Value, json};

use super::branches::PerBranch;
use super::compared::{Comparison, Contrast, Level, Pair};
use super::figures::short;
use super::measures::{MEASURES, Measure};
use crate::page::{Html, Page};

/// Names of groups that a title has at most.
const NAMED: usize = 3;

/// Measures that a chart shows sample by sample.
const CHARTS: [&str; 6] =
    ["length_density", "branch_density", "junction_density", "tip_density", "loop_density", "foreground_fraction"];

impl Comparison {
    /// The page: one file that holds everything it shows. The same comparison makes the same bytes.
    pub fn to_page(&self) -> String {
        let mut page = Page::new(&self.title(), "comparison");
        page.style(include_str!("page/compare.css"));
        page.subtitle(Html::default().text(&self.subtitle()));
        if !self.warnings.is_empty() {
            let mut notice = Html::default().raw("<div class=\"notice\"><h2>What may mislead</h2><ul>\n");
            for warning in &self.warnings {
                notice = notice.raw("<li>").text(warning).raw(".</li>\n");
            }
            page.block(notice.raw("</ul></div>"));
        }
        if !self.pairs.is_empty() {
            let differences = self.pairs.iter().map(|pair| self.pair_part(pair));
            page.section("differences", "Differences", differences.fold(Html::default(), |all, part| all.with(&part)));
        }
        let violins = Html::default()
            .raw("<p class=\"note\">")
            .text(
                "Branches that do not touch the border of the image. Each sample has the same weight in its violin; the dark \
                 bar goes from the first to the third quartile, the line is the median, and a point is the median of a sample. \
                 The outermost 0.5 % on either side are not drawn.",
            )
            .raw("</p>\n<div class=\"charts\" id=\"violin-charts\"></div>");
        page.section("distributions", "Branches", violins);
        let densities = Html::default()
            .raw("<p class=\"note\">A point is a sample, the line the mean over the samples of a group.</p>\n")
            .raw("<div class=\"charts\" id=\"density-charts\"></div>");
        page.section("densities", "Densities", densities);
        page.section("samples", "Samples", self.sample_part());
        let methods =
            self.methods().into_iter().fold(Html::default().raw("<ul class=\"methods\">\n"), |list, sentence| {
                list.raw("<li>").text(&sentence).raw("</li>\n")
            });
        page.section("methods", "How it was computed", methods.raw("</ul>"));
        page.data("comparison", &self.page_data());
        page.script(include_str!("page/compare.js"));
        page.render()
    }

    fn title(&self) -> String {
        let names = &self.groups.names;
        match names.len() {
            2 => format!("{} compared with {}", names[1], names[0]),
            count if count <= NAMED => names.join(", "),
            count => format!("{} and {} more", names[..NAMED].join(", "), count - NAMED),
        }
    }

    fn subtitle(&self) -> String {
        let samples = self.groups.members.iter().map(Vec::len).sum::<usize>();
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let groups = match self.groups.asked {
            true => format!(" in {}", count(self.groups.names.len(), "group")),
            false => String::new(),
        };
        format!("{}{groups}, lengths in {}", count(samples, "sample"), self.unit)
    }

    /// What differs between two groups: a sentence, and a row for each measure.
    fn pair_part(&self, pair: &Pair) -> Html {
        let [first, second] = pair.groups.map(|group| self.groups.names[group].as_str());
        let mut part = Html::default();
        if self.pairs.len() > 1 {
            part = part.raw("<h3>").text(second).raw(" compared with ").text(first).raw("</h3>\n");
        }
        part = part.raw("<p class=\"statement\">").text(&self.statement(pair)).raw("</p>\n");
        part = part.raw("<div class=\"scroll\" tabindex=\"0\"><table class=\"contrasts\">\n<thead><tr>");
        part = part.raw("<th scope=\"col\">Measure</th>");
        let tested = pair.level == Level::Tested;
        if tested {
            part = part.raw("<th scope=\"col\" class=\"text\">What is shown</th>");
        }
        part = part.raw("<th scope=\"col\">").text(first).raw("</th><th scope=\"col\">").text(second);
        part = part.raw("</th><th scope=\"col\">Ratio</th><th scope=\"col\">Cliff’s delta</th>");
        if tested {
            part = part.raw("<th scope=\"col\">p, corrected</th>");
        }
        part = part.raw("</tr></thead>\n<tbody>\n");
        for contrast in &pair.contrasts {
            part = part.with(&self.contrast_row(pair, contrast));
        }
        part.raw("</tbody></table></div>\n")
    }

    fn contrast_row(&self, pair: &Pair, contrast: &Contrast) -> Html {
        let is_difference = contrast.tested.is_some_and(|it| it.is_difference());
        let row = if is_difference { "<tr class=\"difference\"><th scope=\"row\">" } else { "<tr><th scope=\"row\">" };
        let mut row = Html::default().raw(row).text(&self.titled(&MEASURES[contrast.measure])).raw("</th>");
        let p = contrast.tested.map(|it| it.corrected);
        if pair.level == Level::Tested {
            let is_told = p.is_some() || contrast.lacks_values(pair);
            let verdict = if is_told { self.verdict(pair, contrast) } else { String::new() };
            row = row.raw("<td class=\"text\">").text(&verdict).raw("</td>");
        }
        for (side, value) in contrast.values.into_iter().enumerate() {
            row = row.raw("<td>").text(&figure(value));
            if self.has_fewer(pair, contrast, side) {
                let count = format!("n = {}", contrast.samples[side]);
                row = row.raw(" <span class=\"interval\">").text(&count).raw("</span>");
            }
            row = row.raw("</td>");
        }
        for (value, interval) in
            [(contrast.ratio, contrast.intervals.ratio), (contrast.delta, contrast.intervals.delta)]
        {
            row = row.raw("<td>").text(&figure(value));
            if let (Some(_), Some([low, high])) = (value, interval) {
                let interval = format!("{} to {}", read(low), read(high));
                row = row.raw(" <span class=\"interval\">").text(&interval).raw("</span>");
            }
            row = row.raw("</td>");
        }
        if pair.level == Level::Tested {
            row = row.raw("<td>").text(&p.map(read).unwrap_or_default()).raw("</td>");
        }
        row.raw("</tr>\n")
    }

    /// A row for each sample.
    fn sample_part(&self) -> Html {
        let mut part = Html::default()
            .raw("<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr><th scope=\"col\">Sample</th>");
        if self.groups.asked {
            part = part.raw("<th scope=\"col\" class=\"text\">Group</th>");
        }
        part = part.raw("<th scope=\"col\" class=\"text\">Image</th>");
        for measure in &MEASURES {
            part = part.raw("<th scope=\"col\">").text(&self.titled(measure)).raw("</th>");
        }
        part = part.raw("</tr></thead>\n<tbody>\n");
        for (at, sample) in self.samples.iter().enumerate() {
            part = part.raw("<tr><th scope=\"row\">").text(&sample.name).raw("</th>");
            if self.groups.asked {
                let group = self.group_of(at).map_or("none", |group| &self.groups.names[group]);
                part = part.raw("<td class=\"text\">").text(group).raw("</td>");
            }
            part = part.raw("<td class=\"text\">").text(&sample.image).raw("</td>");
            for value in &self.values[at] {
                part = part.raw("<td>").text(&figure(*value)).raw("</td>");
            }
            part = part.raw("</tr>\n");
        }
        part.raw("</tbody></table></div>\n")
    }

    /// What charts show.
    fn page_data(&self) -> Value {
        let violins = PerBranch::ALL.into_iter().filter_map(|what| {
            let at = MEASURES.iter().position(|measure| measure.per_branch == Some(what))?;
            let (edges, violins) = self.violins(what)?;
            let groups = violins.iter().enumerate().map(|(group, violin)| {
                json!({
                    "name": self.groups.names[group],
                    "counts": violin.counts.iter().map(|&count| rounded(count)).collect::<Vec<_>>(),
                    "quartiles": violin.quartiles.map(|quartiles| quartiles.map(rounded)),
                    "points": self.points(group, at),
                })
            });
            Some(json!({
                "title": TITLES[what as usize],
                "label": MEASURES[at].unit(self.dimensions, &self.unit),
                "edges": edges.into_iter().map(rounded).collect::<Vec<_>>(),
                "groups": groups.collect::<Vec<_>>(),
            }))
        });
        let charts = CHARTS.iter().filter_map(|name| {
            let at = MEASURES.iter().position(|measure| measure.name == *name)?;
            let measure: &Measure = &MEASURES[at];
            let groups = (0..self.groups.names.len()).map(|group| {
                let mean = super::quantiles::mean(&self.group_values(group, at));
                json!({ "name": self.groups.names[group], "mean": mean.map(rounded), "points": self.points(group, at) })
            });
            Some(json!({
                "title": capital(measure.title(self.dimensions)),
                "label": measure.unit(self.dimensions, &self.unit),
                "groups": groups.collect::<Vec<_>>(),
            }))
        });
        json!({ "violins": violins.collect::<Vec<_>>(), "charts": charts.collect::<Vec<_>>() })
    }

    /// The samples of a group, with their values.
    fn points(&self, group: usize, measure: usize) -> Vec<Value> {
        let samples = self.groups.members[group].iter();
        let point =
            |&at: &usize| Some(json!({ "name": self.samples[at].name, "value": rounded(self.values[at][measure]?) }));
        samples.filter_map(point).collect()
    }
}

/// The titles of violins, in the order of [`PerBranch::ALL`].
const TITLES: [&str; 4] = ["Length of a branch", "Chord of a branch", "Radius of a branch", "Tortuosity of a branch"];

/// A number for people, or a dash.
fn figure(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), read)
}

/// A number of three digits, with a real minus and a real power of ten.
fn read(number: f64) -> String {
    let text = short(number);
    match text.split_once('e') {
        Some((digits, power)) => {
            let raised = power.chars().map(|c| match c.to_digit(10) {
                Some(digit) => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][digit as usize],
                None => '⁻',
            });
            format!("{} × 10{}", digits.replace('-', "−"), raised.collect::<String>())
        }
        None => text.replace('-', "−"),
    }
}

/// A number with the digits that a chart can show.
fn rounded(number: f64) -> f64 {
    format!("{number:.4e}").parse().unwrap_or(number)
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{capital, read};

    #[test]
    fn numbers_are_as_in_print() {
        assert_eq!([-1.5, 0.0, 3.741e-6, -2e12].map(read), ["−1.5", "0", "3.74 × 10⁻⁶", "−2 × 10¹²"]);
        assert_eq!([capital("loops per area"), capital("")], ["Loops per area", ""]);
    }
}
