//! The largest skeletons.

use std::collections::BTreeMap;

use super::numbers::{grouped, rounded};
use crate::export::Network;
use crate::page::Html;

/// Number of skeletons that are listed.
const LISTED: usize = 12;

/// A table of the longest skeletons.
pub(super) fn section(network: &Network, unit: &str) -> Html {
    let of_branches = sums(network);
    let mut longest: Vec<(u32, Sum)> = of_branches.into_iter().collect();
    if longest.is_empty() {
        return Html::default().raw("<p class=\"note\">No skeleton has a branch.</p>");
    }
    let count = longest.len();
    let all: f64 = longest.iter().map(|(_, sum)| sum.length).sum();
    longest.sort_by(|(a, first), (b, second)| second.length.total_cmp(&first.length).then(a.cmp(b)));
    longest.truncate(LISTED);
    // One column after the other, where there is a table of skeletons.
    let row_of: BTreeMap<u32, usize> = match &network.skeletons {
        Some(table) => table
            .column("skeleton_id")
            .unwrap_or_default()
            .iter()
            .enumerate()
            .map(|(row, id)| (*id as u32, row))
            .collect(),
        None => BTreeMap::new(),
    };
    let more = [
        ("tips", "Tips", false),
        ("junctions", "Junctions", false),
        ("loops", "Loops", false),
        ("mean_radius", "Mean radius", true),
    ];
    let columns: Vec<_> = more
        .into_iter()
        .filter_map(|(column, name, has_unit)| Some((network.skeletons.as_ref()?.column(column)?, name, has_unit)))
        .filter(|(values, ..)| values.iter().any(|value| !value.is_nan()))
        .collect();
    let mut html = Html::default()
        .raw("<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr><th>Skeleton</th><th>Branches</th><th>Total length (")
        .text(unit)
        .raw(")</th><th>Share of all</th>");
    for (_, name, has_unit) in &columns {
        html = html.raw("<th>").text(name);
        html = if *has_unit { html.raw(" (").text(unit).raw(")") } else { html }.raw("</th>");
    }
    html = html.raw("</tr></thead>\n<tbody>\n");
    for (id, sum) in &longest {
        html = html.raw("<tr><th scope=\"row\">").text(&id.to_string()).raw("</th><td>").text(&grouped(sum.branches));
        html = html.raw("</td><td>").text(&rounded(sum.length)).raw("</td><td>");
        let share = if all > 0.0 { 100.0 * sum.length / all } else { 0.0 };
        html = html.text(&format!("{share:.1} %")).raw("</td>");
        for (values, ..) in &columns {
            let value = row_of.get(id).and_then(|&row| values.get(row)).filter(|value| !value.is_nan());
            html = html.raw("<td>").text(&value.map_or_else(|| "–".to_owned(), |value| rounded(*value))).raw("</td>");
        }
        html = html.raw("</tr>\n");
    }
    html = html.raw("</tbody></table></div>\n");
    if count > LISTED {
        html = html
            .raw("<p class=\"note\">The longest ")
            .text(&LISTED.to_string())
            .raw(" of ")
            .text(&grouped(count as u64));
        html = html.raw(" skeletons that have branches.</p>");
    }
    html
}

/// What the branches of a skeleton add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sum {
    branches: u64,
    length: f64,
}

fn sums(network: &Network) -> BTreeMap<u32, Sum> {
    let column = |name: &str| network.branches.column(name).unwrap_or_default();
    let mut sums: BTreeMap<u32, Sum> = BTreeMap::new();
    for (&id, &length) in column("skeleton_id").iter().zip(column("branch_distance")) {
        let sum = sums.entry(id as u32).or_default();
        *sum = Sum { branches: sum.branches + 1, length: sum.length + length };
    }
    sums
}
