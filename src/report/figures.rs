//! Key figures.

use serde_json::Value;

use super::Report;
use super::numbers::{grouped, length_per_volume, per_volume, rounded};
use crate::kernel::network::branch::BranchKind;
use crate::page::Html;

/// The names of the kinds in a summary.
const KINDS: [&str; 4] = ["tip_to_tip", "tip_to_junction", "junction_to_junction", "cycle"];

/// Numbers of branches, junctions and so on; densities; quartiles.
pub(super) fn figures(report: &Report, unit: &str) -> Html {
    let (summary, dimensions) = (&report.summary, report.network.dimensions);
    let count = |value: &Value| value.as_i64().map_or_else(|| "–".to_owned(), |count| grouped(count.unsigned_abs()));
    let mut all = vec![("branches".to_owned(), count(&summary["branches"]))];
    if let Some(length) = summary["total_length"].as_f64() {
        all.push(("total length".to_owned(), format!("{} {unit}", rounded(length))));
    }
    for (name, key) in [("junctions", "junctions"), ("tips", "tips"), ("loops", "loops"), ("skeletons", "skeletons")] {
        all.push((name.to_owned(), count(&summary[key])));
    }
    for key in ["labels", "provisional_branches"] {
        if summary[key].is_number() {
            all.push((key.replace('_', " "), count(&summary[key])));
        }
    }
    if let Some(share) = summary["foreground_fraction"].as_f64() {
        all.push(("of the volume is foreground".to_owned(), format!("{} %", rounded(100.0 * share))));
    }
    let density = &summary["density"];
    if let Some(value) = density["length_per_volume"].as_f64() {
        let (value, per) = length_per_volume(value, unit, dimensions);
        all.push((format!("length, {per}"), value));
    }
    for (name, key) in [("branches", "branches_per_volume"), ("junctions", "junctions_per_volume")] {
        if let Some(value) = density[key].as_f64() {
            let (value, per) = per_volume(value, unit, dimensions);
            all.push((format!("{name} {per}"), value));
        }
    }
    Html::default()
        .definitions("figures", all.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .with(&kinds(&summary["branches_by_kind"]))
        .with(&quartiles(summary, unit, dimensions))
}

/// The numbers of branches of each kind, as a bar and a list.
fn kinds(counts: &Value) -> Html {
    let counts = KINDS.map(|kind| counts[kind].as_u64().unwrap_or_default());
    let all: u64 = counts.iter().sum();
    if all == 0 {
        return Html::default()
            .raw("<p class=\"note\">There is no branch: the skeleton is empty, or single voxels.</p>");
    }
    let mut bar = Html::default().raw("<h3>Branches by kind</h3>\n<div class=\"share\" aria-hidden=\"true\">");
    let mut list = Html::default().raw("<ul class=\"legend kinds\">");
    for ((kind, count), class) in BranchKind::ALL.into_iter().zip(counts).zip(["kind-0", "kind-1", "kind-2", "kind-3"])
    {
        let share = 100.0 * count as f64 / all as f64;
        if count > 0 {
            bar = bar
                .raw("<span class=\"")
                .raw(class)
                .raw("\" style=\"flex-grow:")
                .text(&format!("{share:.3}"))
                .raw("\"></span>");
        }
        list = list.raw("<li><span class=\"swatch ").raw(class).raw("\"></span>").text(kind.words()).raw(": <strong>");
        list = list.text(&grouped(count)).raw("</strong> (").text(&format!("{share:.1} %")).raw(")</li>");
    }
    bar.raw("</div>\n").with(&list.raw("</ul>\n"))
}

/// The columns that statistics describe.
fn quartiles(summary: &Value, unit: &str, dimensions: usize) -> Html {
    let cubed = |power: &str| if unit.contains(' ') { format!("{unit}, cubed") } else { format!("{unit}{power}") };
    let rows = [
        ("branch_distance", "Length", unit.to_owned()),
        ("euclidean_distance", "Straight distance", unit.to_owned()),
        ("tortuosity", "Tortuosity", String::new()),
        ("mean_radius", "Mean radius", unit.to_owned()),
        ("volume", "Volume", cubed("³")),
        ("surface_area", "Surface", if unit.contains(' ') { format!("{unit}, squared") } else { format!("{unit}²") }),
        ("mean_pixel_value", "Image value", String::new()),
    ];
    // The value of a mask tells nothing.
    let is_mask = |key: &str| key == "mean_pixel_value" && summary[key]["min"] == summary[key]["max"];
    let is_known = |key: &str| summary[key]["count"].as_f64().is_some_and(|count| count > 0.0);
    let described: Vec<_> = rows.into_iter().filter(|(key, ..)| is_known(key) && !is_mask(key)).collect();
    if described.is_empty() {
        return Html::default();
    }
    let mut html = Html::default().raw(
        "<h3>Over all branches</h3>\n<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr><th>Measure</th><th>Mean</th><th>Least</th>\
         <th>Lower quartile</th><th>Median</th><th>Upper quartile</th><th>Largest</th></tr></thead>\n<tbody>\n",
    );
    for (key, name, unit) in described {
        html = html.raw("<tr><th scope=\"row\">").text(name);
        if !unit.is_empty() {
            html = html.raw(" <span class=\"unit\">").text(&unit).raw("</span>");
        }
        html = html.raw("</th>");
        for column in ["mean", "min", "25%", "50%", "75%", "max"] {
            let number = summary[key][column].as_f64().map_or_else(|| "–".to_owned(), rounded);
            html = html.raw("<td>").text(&number).raw("</td>");
        }
        html = html.raw("</tr>\n");
    }
    let flat = if dimensions == 2 && summary["volume"].is_object() {
        "<p class=\"note\">Volume and surface are those of tubes around the lines of a flat image.</p>"
    } else {
        ""
    };
    html.raw("</tbody></table></div>\n").raw(flat)
}
