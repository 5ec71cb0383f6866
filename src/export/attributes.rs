//! Columns of tables with types, for formats that have types.

use std::collections::BTreeMap;

use crate::kernel::measure::BranchMeasures;
use crate::table::branch_columns::Columns;
use crate::table::columns::{Field, Form};
use crate::table::node_columns;
use crate::table::read::TableText;
use crate::table::skeleton_columns;

/// The type of an attribute's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whole numbers of 32 bits.
    Whole,
    /// Numbers.
    Number,
    /// Yes or no.
    Flag,
    /// Text.
    Text,
    /// Labels that 32 bits do not hold.
    Label,
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute<'t> {
    /// Its name in the table.
    pub(super) name: &'t str,
    /// The type of its values.
    pub(super) kind: Kind,
    /// Its values by rows, NaN where there is none; for text, all NaN.
    pub(super) values: &'t [f64],
    /// Its texts by rows, if it is text.
    pub(super) texts: &'t [String],
    /// Its labels by rows, if it has those.
    pub(super) labels: &'t [i128],
}

impl Attribute<'_> {
    /// Whether no row has a value.
    pub(super) fn is_empty(&self) -> bool {
        self.texts.iter().all(String::is_empty) && self.values.iter().all(|value| value.is_nan())
    }

    /// Whether some row has no value.
    pub(super) fn has_gaps(&self) -> bool {
        self.values.iter().any(|value| value.is_nan())
    }

    /// The labels as whole numbers of a type; `None` if it does not hold all of them.
    pub(super) fn labels_as<T: TryFrom<i128>>(&self) -> Option<Vec<T>> {
        self.labels.iter().map(|&label| T::try_from(label).ok()).collect()
    }
}

/// The columns of a table, in its order. A column of whole numbers that do not fit into 32 bits is one of numbers, unless they
/// are labels.
pub(super) fn attributes<'t>(table: &'t TableText) -> Vec<Attribute<'t>> {
    let kinds = kinds();
    let kind = |name: &str, values: &[f64]| match kinds.get(name) {
        Some(Kind::Whole) if !values.iter().all(|value| value.is_nan() || is_small(*value)) => Kind::Number,
        Some(kind) => *kind,
        None => Kind::Number,
    };
    let attribute = |(name, values): (&'t String, &'t Vec<f64>)| {
        let labels = table.labels_of(name).unwrap_or_default();
        let kind = if labels.is_empty() { kind(name, values) } else { Kind::Label };
        let texts: &[String] = if kind == Kind::Text { &table.texts } else { &[] };
        Attribute { name, kind, values, texts, labels }
    };
    table.names.iter().zip(&table.values).map(attribute).collect()
}

fn is_small(value: f64) -> bool {
    value.fract() == 0.0 && (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&value)
}

/// The columns that a table of branches may have.
pub(super) fn branch_fields() -> Vec<Field> {
    let mut fields = Columns::<BranchMeasures>::default().with_labels().fields(3, true);
    fields.extend(Columns::<BranchMeasures>::region_fields(true));
    fields
}

/// The columns that a table of nodes may have.
pub(super) fn node_fields() -> Vec<Field> {
    node_columns::columns(true).iter().flat_map(|column| column.fields(3)).collect()
}

/// The columns that a table of skeletons may have.
pub(super) fn skeleton_fields() -> Vec<Field> {
    skeleton_columns::columns(true, true).iter().flat_map(|column| column.fields(3)).collect()
}

/// The kinds of the columns that tables of results have, by name.
fn kinds() -> BTreeMap<String, Kind> {
    let kind = |field: Field| {
        let kind = match field.form {
            Form::Flag => Kind::Flag,
            Form::Text => Kind::Text,
            Form::Whole => Kind::Whole,
            Form::Number | Form::Optional if field.is_rank => Kind::Whole,
            Form::Number | Form::Optional => Kind::Number,
        };
        (field.name, kind)
    };
    [branch_fields(), node_fields(), skeleton_fields()].into_iter().flatten().map(kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_follow_from_names_and_not_from_the_values_that_happen_to_be_there() {
        let names = ["branch_id", "branch_distance", "touches_border", "region_name", "junction_id", "own"];
        let table = TableText {
            names: names.map(str::to_owned).to_vec(),
            values: [0.0, 2.0, 1.0, f64::NAN, f64::NAN, 3.0].map(|value| vec![value]).to_vec(),
            texts: vec!["CA1".to_owned()],
            ..TableText::default()
        };
        let found: Vec<Kind> = attributes(&table).iter().map(|attribute| attribute.kind).collect();
        assert_eq!(found, [Kind::Whole, Kind::Number, Kind::Flag, Kind::Text, Kind::Whole, Kind::Number]);
        let table = TableText { names: vec!["branches".to_owned()], values: vec![vec![3e9]], ..TableText::default() };
        assert_eq!(attributes(&table)[0].kind, Kind::Number, "more than 32 bits hold");
    }

    #[test]
    fn labels_that_32_bits_do_not_hold_are_exact() {
        let kinds = |text: &str| {
            let table = TableText::read(text.as_bytes()).unwrap();
            attributes(&table).iter().map(|column| (column.kind, column.labels.len())).collect::<Vec<_>>()
        };
        assert_eq!(kinds("label,region\n3000000000,5\n7,6\n"), [(Kind::Label, 2), (Kind::Whole, 0)]);
        let table = TableText::read(&b"label\n9223372036854775807\n-1\n"[..]).unwrap();
        let columns = attributes(&table);
        assert_eq!(columns[0].labels_as::<i64>(), Some(vec![i64::MAX, -1]));
        assert_eq!(columns[0].labels_as::<u64>(), None);
    }
}
