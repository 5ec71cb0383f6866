//! The branch table, read back from comma-separated values.

use std::collections::BTreeMap;
use std::io::BufRead;

use crate::error::{Error, Kind, Result};
use crate::text::{cells, unquoted};

/// Maximum length of a line, in bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// Columns whose values are text.
const TEXTS: [&str; 2] = ["name", "region_name"];

/// Columns whose values are labels, of up to 64 bits.
const LABELS: [&str; 2] = ["label", "region"];

/// A table read from text, by columns. `True` and `False` are 1 and 0; empty fields, and names of regions, are NaN.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableText {
    /// Names of the columns, in order.
    pub names: Vec<String>,
    /// The values of each column, by rows.
    pub values: Vec<Vec<f64>>,
    /// The names of regions, by rows; empty if the table has none.
    pub texts: Vec<String>,
    /// The exact labels of columns that have one of more than 32 bits, by rows: beyond 2^53 several labels are one number.
    pub labels: BTreeMap<String, Vec<i128>>,
}

impl TableText {
    /// Reads a table with a header.
    ///
    /// # Errors
    /// Of kind `Data` if a line has another number of fields than the header, or a field that is not a number; `Io` if
    /// the table cannot be read.
    pub fn read(mut from: impl BufRead) -> Result<TableText> {
        let mut table = TableText::default();
        let mut line = String::new();
        let mut text_column = None;
        // The columns of labels, and their labels as far as they are whole numbers.
        let mut labels: Vec<(usize, Vec<i128>)> = Vec::new();
        for number in 1u64.. {
            line.clear();
            let read = std::io::Read::take(&mut from, LONGEST_LINE).read_line(&mut line);
            if read.map_err(|error| Error::new(Kind::Io, "cannot be read; check the disk").because(error))? == 0 {
                break;
            }
            let text = line.trim_end_matches(['\n', '\r']);
            // As spreadsheets write it.
            let fields = cells(if number == 1 { text.trim_start_matches('\u{feff}') } else { text });
            if number == 1 {
                table.names = fields.map(str::to_owned).collect();
                table.values = vec![Vec::new(); table.names.len()];
                text_column = table.names.iter().position(|name| TEXTS.contains(&name.as_str()));
                let places = LABELS.map(|name| table.names.iter().position(|column| column == name));
                labels = places.into_iter().flatten().map(|place| (place, Vec::new())).collect();
                continue;
            }
            let values: Option<Vec<f64>> = fields
                .enumerate()
                .map(|(column, field)| match Some(column) == text_column {
                    true => {
                        table.texts.push(unquoted(field).into_owned());
                        Some(f64::NAN)
                    }
                    false => {
                        let of_column = labels.iter_mut().find(|(place, _)| *place == column);
                        of_column.into_iter().for_each(|(_, labels)| labels.extend(field.parse::<i128>()));
                        value(field)
                    }
                })
                .collect();
            let Some(values) = values.filter(|values| values.len() == table.names.len()) else {
                let message = format!("line {number} is no row of a table of {} numbers", table.names.len());
                return Err(Error::data(format!("{message}; run the analysis again")));
            };
            table.values.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        }
        let rows = table.len();
        for (place, labels) in labels {
            if labels.len() == rows && labels.iter().any(|label| i32::try_from(*label).is_err()) {
                table.labels.insert(table.names[place].clone(), labels);
            }
        }
        Ok(table)
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.first().map_or(0, Vec::len)
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses a table without some columns.
    ///
    /// # Errors
    /// `Data` if one is missing.
    pub fn require(&self, names: &[&str]) -> Result<()> {
        match names.iter().find(|&&name| self.column(name).is_none()) {
            None => Ok(()),
            Some(name) => Err(Error::data(format!("has no column {name}; run the analysis again"))),
        }
    }

    /// The values of the column with this name; `None` if the table has no such column.
    pub fn column(&self, name: &str) -> Option<&[f64]> {
        let place = self.names.iter().position(|column| column == name)?;
        Some(&self.values[place])
    }

    /// The exact labels of the column with this name; `None` if 32 bits hold all of them, or it is no column of labels.
    pub fn labels_of(&self, name: &str) -> Option<&[i128]> {
        self.labels.get(name).map(Vec::as_slice)
    }
}

fn value(text: &str) -> Option<f64> {
    match text {
        "True" => Some(1.0),
        "False" => Some(0.0),
        "" => Some(f64::NAN),
        _ => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_by_columns() {
        let table = TableText::read(&b"length,provisional\n1.5,True\n,False\n"[..]).unwrap();
        assert_eq!((table.len(), table.column("provisional")), (2, Some(&[1.0, 0.0][..])));
        let lengths = table.column("length").unwrap();
        assert!(lengths[0] == 1.5 && lengths[1].is_nan() && table.column("width").is_none());
    }

    #[test]
    fn names_are_read_as_text() {
        let table = TableText::read(&b"region,name,voxels\n1,\"CA1, left\",5\n-2,,6\n"[..]).unwrap();
        assert_eq!(table.texts, ["CA1, left", ""]);
        assert_eq!((table.column("region"), table.column("voxels")), (Some(&[1.0, -2.0][..]), Some(&[5.0, 6.0][..])));
    }

    #[test]
    fn labels_of_more_than_32_bits_are_exact() {
        let text = b"branch_id,label,region\n0,18446744073709551615,-9223372036854775808\n1,720575940623374511,7\n";
        let table = TableText::read(&text[..]).unwrap();
        assert_eq!(table.labels_of("label"), Some(&[i128::from(u64::MAX), 720_575_940_623_374_511][..]));
        assert_eq!(table.labels_of("region"), Some(&[i128::from(i64::MIN), 7][..]));
        let table = TableText::read(&b"branch_id,label,region\n5000000000,-5,\n"[..]).unwrap();
        assert_eq!(table.labels, BTreeMap::new());
    }

    #[test]
    fn a_row_that_is_damaged_is_named() {
        for text in ["a,b\n1,2\n3\n", "a,b\n1,2\n3,x\n", "a,b\n1,2\n3,4,5\n"] {
            let error = TableText::read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("line 3 is no row"), "{error}");
        }
    }
}
