//! The summary of a run, for people.

use std::fmt::Write as _;
use std::time::Duration;

use anabranch::kernel::network::branch::BranchKind;
use anabranch::memory::peak_memory;
use anabranch::table::classes::{class_end, class_of};
use anabranch::table::statistics::Describe;
use anabranch::table::summary::{Filled, Removed, Summary, Totals};

use super::{grouped, in_seconds};

/// What the summary on the terminal shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShownResults<'a, P> {
    pub(crate) summary: &'a Summary<P>,
    pub(crate) totals: &'a Totals,
    /// Lengths of all branches, in any order.
    pub(crate) lengths: &'a [f64],
    /// The unit of lengths.
    pub(crate) unit: &'a str,
    /// 2 or 3: how many axes the image has.
    pub(crate) dimensions: usize,
    /// How long the run took.
    pub(crate) elapsed: Duration,
}

/// The summary as lines of text.
pub(crate) fn lines<P>(results: &ShownResults<'_, P>) -> String {
    let ShownResults { summary, totals, unit, .. } = results;
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<24}{value}");
    };
    line("branches", grouped(summary.branches));
    let kinds = &summary.branches_by_kind;
    let counts = [kinds.tip_to_tip, kinds.tip_to_junction, kinds.junction_to_junction, kinds.cycle];
    for (kind, count) in BranchKind::ALL.into_iter().zip(counts) {
        if count != 0 {
            line(&format!("  {}", kind.words()), grouped(count.unsigned_abs()));
        }
    }
    line("tips", grouped(summary.tips.unsigned_abs()));
    let voxels = if summary.junctions == 0 {
        String::new()
    } else {
        format!(" of {} voxels", grouped(summary.junction_voxels.unsigned_abs()))
    };
    line("junctions", grouped(summary.junctions.unsigned_abs()) + &voxels);
    line("loops", grouped(summary.loops.unsigned_abs()));
    line("total length", format!("{} {unit}", rounded(summary.total_length)));
    let described = |name: &str, of: fn(&Describe) -> Option<f64>| {
        summary
            .described
            .iter()
            .find(|(column, _)| column == name)
            .and_then(|(_, described)| of(described))
            .map(rounded)
    };
    let length = "branch_distance";
    if let Some((mean, median)) = described(length, |it| it.mean).zip(described(length, |it| it.half)) {
        line("length of a branch", format!("mean {mean} {unit}, median {median} {unit}"));
    }
    if let Some(median) = described("mean_radius", |it| it.half) {
        line("radius of a branch", format!("median {median} {unit}"));
    }
    if let Some(median) = described("tortuosity", |it| it.half) {
        line("tortuosity", format!("median {median}"));
    }
    if let Some(density) = density(results) {
        line("density", density);
    }
    if let Some(labels) = summary.labels {
        let lost = match labels.labels_without_skeleton {
            0 => String::new(),
            lost => format!(", {} of them without a skeleton", grouped(lost)),
        };
        line("labels", grouped(labels.labels) + &lost);
    }
    line("skeletons", format!("{} with {} voxels", grouped(summary.skeletons), grouped(summary.skeleton_voxels)));
    let share = 100.0 * totals.foreground_voxels as f64 / totals.voxels.max(1) as f64;
    line("foreground", format!("{share:.2} % of {} voxels", grouped(totals.voxels)));
    let filtered = &totals.filtered;
    for (name, removed) in [
        ("removed by hysteresis", filtered.hysteresis),
        ("removed as too small", filtered.remove_smaller),
        ("removed but for largest", filtered.keep_largest),
    ] {
        if let Some(Removed { objects_removed: objects, voxels_removed: voxels }) = removed {
            let [objects, voxels] = [objects, voxels].map(|count| grouped(count.unsigned_abs()));
            line(name, format!("{objects} objects with {voxels} voxels"));
        }
    }
    if let Some(Filled { holes_filled: holes, voxels_filled: voxels }) = filtered.fill_holes {
        let [holes, voxels] = [holes, voxels].map(|count| grouped(count.unsigned_abs()));
        line("filled", format!("{holes} holes with {voxels} voxels"));
    }
    let memory =
        peak_memory().map_or_else(String::new, |bytes| format!(", peak memory {} MB", bytes.div_ceil(1 << 20)));
    line("time", in_seconds(results.elapsed) + &memory);
    if results.lengths.len() > 1 {
        let _ = writeln!(text, "\n  length of branches ({unit})");
        text.push_str(&distribution(results.lengths));
    }
    text
}

/// Length, branches and junctions per volume of the image, or per area.
fn density<P>(results: &ShownResults<'_, P>) -> Option<String> {
    let density = &results.summary.density;
    let [length, branches, junctions] =
        [density.length_per_volume?, density.branches_per_volume?, density.junctions_per_volume?].map(rounded);
    let unit = results.unit;
    let volume = match (unit, results.dimensions) {
        ("voxels", _) => "voxel".to_owned(),
        (unit, 2) if unit.contains(' ') => "square of these".to_owned(),
        (unit, _) if unit.contains(' ') => "cube of these".to_owned(),
        (unit, 2) => format!("{unit}²"),
        (unit, _) => format!("{unit}³"),
    };
    Some(format!("{length} {unit}, {branches} branches, {junctions} junctions per {volume}"))
}

/// The distribution of lengths as bars, over classes that end at 1, 2, 5, 10 and so on; each begins beyond the end of
/// the one before.
fn distribution(lengths: &[f64]) -> String {
    const BARS: usize = 12;
    const WIDEST: usize = 40;
    let largest = lengths.iter().copied().fold(0.0, f64::max);
    let last = class_of(largest);
    let ends: Vec<f64> = (last + 1 - BARS as i32..=last).map(class_end).collect();
    let mut counts = [0usize; BARS];
    for length in lengths {
        counts[ends.iter().position(|end| length <= end).unwrap_or(BARS - 1)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let mut text = String::new();
    let first = counts.iter().position(|&count| count > 0).unwrap_or(0);
    let mut from = if first == 0 { 0.0 } else { ends[first - 1] };
    for (end, count) in ends.into_iter().zip(counts).skip(first) {
        let bar = "#".repeat((count * WIDEST).div_ceil(most));
        let range = format!("{} to {}", round_number(from), round_number(end));
        let _ = writeln!(text, "  {range:>22}  {:>9}  {bar}", grouped(count as u64));
        from = end;
    }
    text
}

/// The end of a class, whole thousands with commas; very small and very large ones with a power of ten.
fn round_number(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        v if (1000.0..1e9).contains(&v) => grouped(v as u64),
        v if (1e-4..1e9).contains(&v) => v.to_string(),
        v => format!("{v:e}"),
    }
}

/// A number with about three digits; a whole number from a thousand on, and a power of ten from a billion on.
pub(crate) fn rounded(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        v if v >= 1e9 => format!("{value:.2e}"),
        v if v >= 1000.0 => grouped(value.round() as u64),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        v if v >= 1e-4 => format!("{value:.*}", (2.0 - v.log10().floor()) as usize),
        _ => format!("{value:.2e}"),
    }
}

#[cfg(test)]
mod tests {
    use anabranch::kernel::measure::moments::Moments;
    use anabranch::kernel::measure::radii::RadiusMeasures;
    use anabranch::kernel::network::branch::BranchKind;
    use anabranch::table::row::Measures;
    use anabranch::table::statistics::{Snapshot, Statistics};
    use anabranch::table::summary::JunctionCounts;

    use super::*;

    fn statistics(lengths: &[f64]) -> Snapshot {
        let mut statistics = Statistics::default();
        for (place, &length) in lengths.iter().enumerate() {
            statistics.add(&Measures {
                branch_distance: length,
                branch_type: if place < 2 { BranchKind::TipToJunction } else { BranchKind::JunctionToJunction },
                is_isolated_cycle: false,
                measured: (Moments::new(1.0, 0.0), RadiusMeasures::default()),
                image_coord_src: [0; 3],
                image_coord_dst: [0; 3],
                coord_src: [0.0; 3],
                coord_dst: [0.0; 3],
                euclidean_distance: length / 2.0,
            });
        }
        statistics.snapshot()
    }

    fn totals() -> Totals {
        let mut totals = Totals::default();
        (totals.skeletons, totals.skeleton_voxels) = (1, 1234);
        (totals.foreground_voxels, totals.voxels, totals.voxel_volume) = (50_000, 1_000_000, 0.5);
        totals.junctions = JunctionCounts { voxels: 3, joined: 2 };
        totals
    }

    #[test]
    fn the_summary_has_what_a_person_wants_to_read() {
        let (lengths, totals) = ([0.5, 3.0, 700.0, 900.0], totals());
        let summary = Summary::new((), &totals, &statistics(&lengths));
        let shown = |unit, dimensions| {
            let elapsed = Duration::from_millis(1540);
            lines(&ShownResults { summary: &summary, totals: &totals, lengths: &lengths, unit, dimensions, elapsed })
        };
        let text = shown("µm", 3);
        for part in [
            "1,604 µm",
            "tip to junction       2",
            "1,234 voxels",
            "5.00 % of 1,000,000",
            "1.5 s",
            "tips                    2",
            "junctions               2 of 3 voxels",
            "loops                   0",
            "mean 401 µm, median 352 µm",
            "tortuosity              median 2.00",
            "density                 0.00321 µm, 8.00e-6 branches, 4.00e-6 junctions per µm³",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(!text.contains("cycle") && !text.contains("radius"), "{text}");
        assert!(shown("µm", 2).contains("junctions per µm²"));
        assert!(shown("units of the spacing", 3).contains("per cube of these"));
    }

    #[test]
    fn numbers_are_short_however_small_or_large() {
        assert_eq!([0.0, 2e-9, 0.5, 20.0, 5000.0, 1e12].map(round_number), ["0", "2e-9", "0.5", "20", "5,000", "1e12"]);
        assert_eq!([2.5e-9, 0.0123, 1234.5, 1.5e16].map(rounded), ["2.50e-9", "0.0123", "1,235", "1.50e16"]);
    }

    #[test]
    fn every_length_is_in_one_bar() {
        let text = distribution(&[1.0, 1.5, 2.0, 1024.0]);
        assert!(text.contains("1 to 2          2") && text.contains("1,000 to 2,000          1"), "{text}");
        for lengths in [vec![1.0, 1.5, 2.0, 1024.0], vec![0.001, 0.002], vec![0.0, 0.0], vec![5.0; 12345]] {
            let text = distribution(&lengths);
            let counts = text
                .lines()
                .map(|line| line.replace(',', ""))
                .map(|line| line.split_whitespace().nth(3).and_then(|count| count.parse::<usize>().ok()).unwrap());
            assert_eq!(counts.sum::<usize>(), lengths.len(), "{text}");
        }
    }
}
