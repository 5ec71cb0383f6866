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
}

/// The columns of a table, in its order. A column of whole numbers that do not fit into 32 bits is one of numbers.
pub(super) fn attributes<'t>(table: &'t TableText) -> Vec<Attribute<'t>> {
    let kinds = kinds();
    let kind = |name: &str, values: &[f64]| match kinds.get(name) {
        Some(Kind::Whole) if !values.iter().all(|value| value.is_nan() || is_small(*value)) => Kind::Number,
        Some(kind) => *kind,
        None => Kind::Number,
    };
    let attribute = |(name, values): (&'t String, &'t Vec<f64>)| {
        let kind = kind(name, values);
        let texts: &[String] = if kind == Kind::Text { &table.texts } else { &[] };
        Attribute { name, kind, values, texts }
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
        };
        let found: Vec<Kind> = attributes(&table).iter().map(|attribute| attribute.kind).collect();
        assert_eq!(found, [Kind::Whole, Kind::Number, Kind::Flag, Kind::Text, Kind::Whole, Kind::Number]);
        let table = TableText { names: vec!["label".to_owned()], values: vec![vec![3e9]], texts: Vec::new() };
        assert_eq!(attributes(&table)[0].kind, Kind::Number, "more than 32 bits hold");
    }
}
