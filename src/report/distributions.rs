//! Distributions of measures by kind of branch: counts in bins, and quartiles.

use serde_json::{Value, json};

use crate::export::Network;

/// Number of bins.
const BINS: usize = 36;
/// From this ratio of the largest value to the least on, bins are alike on a logarithmic axis.
const LOGARITHMIC: f64 = 20.0;

/// A measure: its column, what it is called, and whether it has the unit of lengths.
struct Measure {
    column: &'static str,
    name: &'static str,
    is_length: bool,
    /// The ratio from which it is shown on a logarithmic axis.
    logarithmic: f64,
}

const MEASURES: [Measure; 4] = [
    Measure { column: "branch_distance", name: "Length", is_length: true, logarithmic: LOGARITHMIC },
    Measure { column: "euclidean_distance", name: "Straight distance", is_length: true, logarithmic: LOGARITHMIC },
    Measure { column: "mean_radius", name: "Mean radius", is_length: true, logarithmic: LOGARITHMIC },
    Measure { column: "tortuosity", name: "Tortuosity", is_length: false, logarithmic: 3.0 },
];

/// Histograms for each measure that the table has, by kind, without the branches that touch the border of the image; and the
/// lengths by class of radius, of all branches.
pub(super) fn distributions(network: &Network, summary: &Value, unit: &str) -> Value {
    let kinds = network.branches.column("branch_type").unwrap_or_default();
    let border = network.branches.column("touches_border");
    let is_inside = |row: usize| border.is_none_or(|border| border[row] != 1.0);
    let inside = (0..kinds.len()).filter(|&row| is_inside(row)).count();
    let ratio = tortuosity(network);
    let mut measures = Vec::new();
    for measure in &MEASURES {
        let values = match measure.column {
            "tortuosity" => &ratio,
            name => match network.branches.column(name) {
                Some(values) => values,
                None => continue,
            },
        };
        let mut by_kind: [Vec<f64>; 4] = Default::default();
        for (row, &value) in values.iter().enumerate().filter(|(row, value)| is_inside(*row) && value.is_finite()) {
            if let Some(values) = by_kind.get_mut(kinds[row] as usize) {
                values.push(value);
            }
        }
        measures.push(histogram(measure, by_kind, if measure.is_length { unit } else { "" }));
    }
    json!({
        "measures": measures,
        "left_out": kinds.len() - inside,
        "border_known": border.is_some(),
        "length_by_radius": summary["length_by_radius"],
    })
}

/// Length over straight distance, as tables of all columns have it.
fn tortuosity(network: &Network) -> Vec<f64> {
    let column = |name: &str| network.branches.column(name).unwrap_or_default();
    let rows = column("branch_distance").iter().zip(column("euclidean_distance"));
    rows.map(|(length, chord)| if *chord > 0.0 { length / chord } else { f64::NAN }).collect()
}

fn histogram(measure: &Measure, mut by_kind: [Vec<f64>; 4], unit: &str) -> Value {
    by_kind.iter_mut().for_each(|values| values.sort_unstable_by(f64::total_cmp));
    let first = |positive: bool| {
        let of = |values: &Vec<f64>| values.iter().copied().find(|value| !positive || *value > 0.0);
        by_kind.iter().filter_map(of).fold(f64::INFINITY, f64::min)
    };
    let largest = by_kind.iter().filter_map(|values| values.last()).copied().fold(0.0, f64::max);
    let log = first(true) < largest && largest / first(true) >= measure.logarithmic;
    // A logarithmic axis has no zero: the straight distance of a cycle.
    let edges = edges(first(log), largest, log);
    let series = by_kind.iter().map(|values| {
        let mut counts = vec![0u64; BINS];
        let mut left_of = 0;
        for &value in values {
            if log && value <= 0.0 {
                left_of += 1;
                continue;
            }
            counts[edges[1..BINS].partition_point(|edge| *edge <= value)] += 1;
        }
        let quartiles = (!values.is_empty()).then(|| [0.25, 0.5, 0.75].map(|share| quantile(values, share)));
        json!({ "counts": counts, "branches": values.len(), "zeros": left_of, "quartiles": quartiles })
    });
    json!({
        "name": measure.name, "column": measure.column, "unit": unit, "log": log, "edges": edges,
        "kinds": series.collect::<Vec<_>>(),
    })
}

/// The bounds of bins from the least value to the largest.
fn edges(least: f64, largest: f64, log: bool) -> Vec<f64> {
    let (from, to) = match least < largest {
        true => (least, largest),
        // All alike, or none.
        false => (largest * 0.5, if largest > 0.0 { largest * 1.5 } else { 1.0 }),
    };
    let at = |place: usize| {
        let share = place as f64 / BINS as f64;
        if log { from * (to / from).powf(share) } else { from + (to - from) * share }
    };
    (0..=BINS).map(at).collect()
}

/// The quantile of ascending values, with linear interpolation as in pandas.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len() - 1) as f64 * share;
    let (low, high) = (sorted[at as usize], sorted[(at as usize + 1).min(sorted.len() - 1)]);
    low + (high - low) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: [&[f64]; 4]) -> Value {
        histogram(&MEASURES[0], values.map(<[f64]>::to_vec), "µm")
    }

    fn counted(histogram: &Value, kind: usize) -> u64 {
        histogram["kinds"][kind]["counts"].as_array().unwrap().iter().filter_map(Value::as_u64).sum()
    }

    #[test]
    fn every_branch_is_in_a_bin_of_its_kind() {
        let narrow = of([&[1.0, 2.0, 4.0], &[3.0], &[], &[0.0]]);
        assert_eq!([0, 1, 2, 3].map(|kind| counted(&narrow, kind)), [3, 1, 0, 1]);
        assert_eq!(narrow["edges"][0], 0.0);
        assert_eq!((&narrow["log"], &narrow["kinds"][0]["quartiles"]), (&json!(false), &json!([1.5, 2.0, 3.0])));
        let wide = of([&[0.0, 1.0, 10.0, 1000.0], &[], &[], &[]]);
        assert_eq!((counted(&wide, 0), &wide["kinds"][0]["zeros"], &wide["log"]), (3, &json!(1), &json!(true)));
    }

    #[test]
    fn bins_of_one_value_or_none_have_a_width() {
        for values in [&[5.0, 5.0][..], &[0.0], &[]] {
            let histogram = of([values, &[], &[], &[]]);
            let edges: Vec<f64> = serde_json::from_value(histogram["edges"].clone()).unwrap();
            assert!(edges.windows(2).all(|pair| pair[0] < pair[1]), "{edges:?}");
            assert_eq!(counted(&histogram, 0), values.len() as u64);
        }
    }
}
