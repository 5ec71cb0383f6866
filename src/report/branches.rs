//! The table of branches, as columns of a page.

use crate::export::Network;
use crate::page::{ColumnValues, Columns};

/// The columns of numbers that are in a page, if the table has them.
///
/// The straight distance follows from the ends of lines, and with it the tortuosity.
const NUMBERS: [(&str, &str); 4] =
    [("branch_distance", "length"), ("mean_radius", "radius"), ("volume", "volume"), ("mean_pixel_value", "value")];

/// Bits of the column of flags.
const BORDER: u8 = 4;
const PROVISIONAL: u8 = 8;

/// The rows of the branches that a page shows, ascending: all, or the longest ones.
pub(super) fn shown(network: &Network, most: usize) -> Vec<u32> {
    let count = network.paths.len();
    let mut rows: Vec<u32> = (0..count as u32).collect();
    if count > most {
        let lengths = network.branches.column("branch_distance").unwrap_or_default();
        // Of equals the first ones.
        let longer = |&a: &u32, &b: &u32| lengths[b as usize].total_cmp(&lengths[a as usize]).then(a.cmp(&b));
        rows.select_nth_unstable_by(most, longer);
        rows.truncate(most);
        rows.sort_unstable();
    }
    rows
}

/// The columns: `id`, `skeleton`, `flags` (kind, with 4 for those that touch the border and 8 for provisional ones), numbers that
/// are not alike in all rows, and `label` and `region` where there are any.
pub(super) fn columns(network: &Network, shown: &[u32]) -> Columns<'static> {
    let column = |name: &str| network.branches.column(name);
    let of = |values: &[f64]| -> Vec<f64> { shown.iter().map(|&row| values[row as usize]).collect() };
    let mut columns = Columns::default();
    columns.push("id", ColumnValues::Ascending(shown.to_vec().into()));
    let whole = |values: &[f64]| -> Vec<u32> { of(values).into_iter().map(|value| value as u32).collect() };
    columns.push("skeleton", ColumnValues::Ascending(whole(column("skeleton_id").unwrap_or_default()).into()));
    let mut flags: Vec<u8> = of(column("branch_type").unwrap_or_default()).into_iter().map(|kind| kind as u8).collect();
    for (name, bit) in [("touches_border", BORDER), ("provisional", PROVISIONAL)] {
        if let Some(values) = column(name) {
            flags.iter_mut().zip(of(values)).filter(|(_, value)| *value == 1.0).for_each(|(flags, _)| *flags |= bit);
        }
    }
    columns.push("flags", ColumnValues::Bytes(flags.into()));
    for (name, short) in NUMBERS {
        if let Some(values) = column(name).filter(|_| !is_constant(network, name)) {
            let values: Vec<f32> = of(values).into_iter().map(|value| value as f32).collect();
            columns.push(short, ColumnValues::Numbers(values.into()));
        }
    }
    for name in ["label", "region"] {
        let exact = |row: u32| match network.branches.labels_of(name) {
            Some(labels) => labels[row as usize],
            None => column(name).map_or(0, |values| values[row as usize] as i128),
        };
        if column(name).is_some_and(|values| values.iter().all(|value| value.fract() == 0.0)) {
            columns.push(name, labels(shown.iter().map(|&row| exact(row)).collect()));
        }
    }
    columns
}

/// Labels as the narrowest type that holds all of them.
fn labels(labels: Vec<i128>) -> ColumnValues<'static> {
    fn all<T: TryFrom<i128>>(labels: &[i128]) -> Option<Vec<T>> {
        labels.iter().map(|&label| T::try_from(label).ok()).collect()
    }
    if let Some(labels) = all::<u32>(&labels) {
        ColumnValues::Whole(labels.into())
    } else if let Some(labels) = all::<i64>(&labels) {
        ColumnValues::Signed(labels.into())
    } else {
        // Only unsigned labels are beyond those.
        ColumnValues::Unsigned(labels.into_iter().map(|label| label as u64).collect())
    }
}

/// Whether a column says nothing: no value at all, or that of a mask throughout.
pub(super) fn is_constant(network: &Network, name: &str) -> bool {
    let values = network.branches.column(name).unwrap_or_default();
    match values.first() {
        // Unknown throughout, or the value of a mask.
        Some(first) if first.is_nan() || name == "mean_pixel_value" && values.len() > 1 => {
            values.iter().all(|value| value.total_cmp(first).is_eq())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::zigzags;
    use crate::table::read::TableText;

    #[test]
    fn the_longest_branches_are_shown_if_there_are_too_many() {
        let mut network = zigzags(6, 4);
        let place = network.branches.names.iter().position(|name| name == "branch_distance").unwrap();
        network.branches.values[place] = vec![3.0, 9.0, 1.0, 3.0, 8.0, 3.0];
        assert_eq!(shown(&network, 6), [0, 1, 2, 3, 4, 5]);
        assert_eq!(shown(&network, 4), [0, 1, 3, 4]);
        assert_eq!(shown(&network, 0), [0; 0]);
    }

    #[test]
    fn labels_are_shown_with_all_their_digits() {
        for (labels, kind) in [
            (["7", "4294967295"], "u32"),
            (["-1", "7"], "i64"),
            (["720575940623374511", "720575940623374513"], "i64"),
            (["18446744073709551615", "1"], "u64"),
        ] {
            let mut network = zigzags(2, 4);
            let text = format!("skeleton_id,branch_type,label,region\n0,0,{},5\n1,0,{},6\n", labels[0], labels[1]);
            network.branches = TableText::read(text.as_bytes()).unwrap();
            let columns = columns(&network, &[0, 1]).encode();
            assert!(columns.contains("[\"region\",\"u32\",2,8]"), "{columns}");
            assert!(columns.contains(&format!("[\"label\",\"{kind}\",2,")), "{columns}");
            let told = match super::labels(labels.map(|label| label.parse().unwrap()).to_vec()) {
                ColumnValues::Whole(values) => values.iter().map(u32::to_string).collect::<Vec<_>>(),
                ColumnValues::Signed(values) => values.iter().map(i64::to_string).collect(),
                ColumnValues::Unsigned(values) => values.iter().map(u64::to_string).collect(),
                other => panic!("{other:?}"),
            };
            assert_eq!(told, labels);
        }
    }

    #[test]
    fn columns_without_a_difference_are_left_out() {
        let network = zigzags(3, 4);
        let text = columns(&network, &[0, 2]).encode();
        let head = text.lines().next().unwrap();
        assert!(head.contains("\"length\",\"f32\",2") && !head.contains("\"value\""), "{head}");
    }
}
