//! Reports: the results of a run as one page to look at, and to send to others.
//!
//! [`Report::open`] reads a folder of results, and [`Report::render`] makes the page: what was analysed, key figures, the
//! picture, the network in 3-D, distributions, and a table of branches. The page depends on the results alone: it has the
//! same bytes for every chunking and number of workers. Memory and time are in proportion to the skeleton.
//!
//! The page holds at most 500,000 branches, the longest ones; figures and distributions are of all.

mod branches;
mod distributions;
mod facts;
mod figures;
mod lines;
mod numbers;
mod picture;
mod simplify;
mod skeletons;
#[cfg(test)]
mod tests;

use std::path::Path;

use serde_json::{Value, json};

use self::distributions::distributions;
use self::lines::Lines;
use crate::analysis::Outputs;
use crate::error::Result;
use crate::export::Network;
use crate::page::{Html, Page};
use crate::store::units::length_name;

/// Maximum number of branches on a page.
const MOST_BRANCHES: usize = 500_000;

/// The results of a run, as a report shows them.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// The network.
    pub network: Network,
    /// `summary.json`.
    pub summary: Value,
    /// `run.json`.
    pub run: Value,
    /// The bytes of `overview.png`, if there is one.
    pub picture: Option<Vec<u8>>,
}

impl Report {
    /// Reads the results in a folder.
    ///
    /// # Errors
    /// `Missing` if an output is not there; `Data` if one is damaged or the outputs are not of one run.
    pub fn open(folder: impl AsRef<Path>) -> Result<Report> {
        let folder = folder.as_ref();
        let outputs = Outputs::open(folder)?;
        let (summary, run) = (outputs.summary.clone(), outputs.run.clone());
        let picture = picture::read(folder)?;
        Ok(Report { network: Network::of(outputs)?, summary, run, picture })
    }

    /// The unit of lengths, as it stands behind a number.
    pub fn unit(&self) -> String {
        let from = self.run["spacing_from"].as_str().unwrap_or_default();
        length_name(self.network.spacing, self.network.unit.as_deref(), from)
    }

    /// The page as one HTML file.
    ///
    /// # Errors
    /// `Data` if the picture of the results is damaged.
    pub fn render(&self) -> Result<String> {
        let unit = self.unit();
        let mut page = Page::new(&facts::title(self), "report");
        page.style(include_str!("report/report.css"));
        page.subtitle(facts::subtitle(self));
        if let Some(warnings) = facts::warnings(&self.summary) {
            page.block(warnings);
        }
        page.section("figures", "Key figures", figures::figures(self, &unit));
        page.section("analysed", "What was analysed", facts::analysed(self, &unit));
        let shown = branches::shown(&self.network, MOST_BRANCHES);
        let lines = Lines::new(&self.network, &shown);
        page.section(
            "network",
            if self.network.dimensions == 2 { "Network" } else { "Network in 3-D" },
            self.network_section(&lines, &unit),
        );
        if let Some(picture) = &self.picture {
            page.section("projections", "Projections", picture::section(picture)?);
        }
        page.section("distributions", "Distributions", Html::default().raw("<div id=\"charts\"></div>"));
        page.section("skeletons", "Largest skeletons", skeletons::section(&self.network, &unit));
        page.section("branches", "Branches", Html::default().raw("<div id=\"table\"></div>"));
        page.data("report-data", &self.data(&lines, &shown, &unit));
        page.data("distributions-data", &distributions(&self.network, &self.summary, &unit));
        page.columns("branches-data", &branches::columns(&self.network, &shown));
        page.columns("lines-data", &lines.columns());
        for script in SCRIPTS {
            page.script(script);
        }
        Ok(page.render())
    }

    fn network_section(&self, lines: &Lines, unit: &str) -> Html {
        let distance = format!("{} {unit}", numbers::rounded(lines.tolerance));
        Html::default()
            .raw("<div id=\"view\"></div>\n<p class=\"note\">Lines run within ")
            .text(&distance)
            .raw(" of the skeleton's voxels, and through them where branches end and meet; their thickness is the radius.</p>")
    }

    /// What the scripts know besides columns.
    fn data(&self, lines: &Lines, shown: &[u32], unit: &str) -> Value {
        let network = &self.network;
        let extent: Vec<f64> = (0..3).map(|axis| network.shape[axis] as f64 * network.spacing.0[axis]).collect();
        json!({
            "unit": unit,
            "dimensions": network.dimensions,
            "spacing": network.spacing.0,
            "extent": extent,
            "branches": network.paths.len(),
            "shown": shown.len(),
            "hasRadii": lines.has_radii(),
            "largestRadius": lines.largest_radius,
            "hasBorder": network.branches.column("touches_border").is_some(),
            "constantValues": branches::is_constant(network, "mean_pixel_value"),
        })
    }
}

/// The scripts of a report, in order.
const SCRIPTS: [&str; 10] = [
    include_str!("report/data.js"),
    include_str!("report/colours.js"),
    include_str!("report/camera.js"),
    include_str!("report/tubes.js"),
    include_str!("report/flat.js"),
    include_str!("report/view.js"),
    include_str!("report/picture.js"),
    include_str!("report/distributions.js"),
    include_str!("report/table.js"),
    include_str!("report/start.js"),
];
