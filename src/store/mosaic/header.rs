//! Names of columns, as people and programs write them: `Path`, `file name`, `X (µm)`, `y_px`.

use csv::StringRecord;

use crate::error::{Error, Result};
use crate::store::units::{LengthUnit, unit_name};

/// Units that may follow a name without brackets, as in `x_um`; others would be read as words.
const BARE_UNITS: [&str; 16] = [
    "px",
    "pix",
    "pixel",
    "pixels",
    "nm",
    "um",
    "µm",
    "μm",
    "mm",
    "cm",
    "micron",
    "microns",
    "micrometer",
    "micrometers",
    "nanometers",
    "millimeters",
];

/// The unit of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum TileUnit {
    Pixels,
    Length(&'static LengthUnit),
}

impl TileUnit {
    /// The unit of that name, if there is one.
    pub(super) fn of(text: &str) -> Option<TileUnit> {
        match LengthUnit::of(text) {
            Some(unit) => Some(TileUnit::Length(unit)),
            None if ["pix", "pxl"].contains(&text.trim().to_lowercase().as_str()) => Some(TileUnit::Pixels),
            None => (!text.trim().is_empty() && unit_name(text).is_none()).then_some(TileUnit::Pixels),
        }
    }
}

/// A column of the header.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TileColumn {
    /// Its name, as written.
    pub(super) name: String,
    /// Its index in the rows.
    pub(super) at: usize,
    /// The unit in its name.
    pub(super) unit: Option<TileUnit>,
    /// Its name in lower case, with underscores for spaces, hyphens and dots, without the unit.
    base: String,
    /// The same with the unit, if that is not in brackets.
    whole: String,
}

impl TileColumn {
    fn of(at: usize, name: &str) -> TileColumn {
        let (before, bracketed) = in_brackets(name);
        let whole = plain(before);
        let (base, unit) = match bracketed {
            Some(unit) => (whole.clone(), Some(unit)),
            None => match whole.rsplit_once('_') {
                Some((base, end)) if BARE_UNITS.contains(&end) => (base.to_owned(), TileUnit::of(end)),
                _ => (whole.clone(), None),
            },
        };
        TileColumn { name: name.to_owned(), at, unit, base, whole }
    }

    /// Name and index, for messages and values.
    pub(super) fn named(&self) -> (&str, usize) {
        (&self.name, self.at)
    }
}

/// Splits a name from the unit in brackets behind it.
fn in_brackets(name: &str) -> (&str, Option<TileUnit>) {
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some((before, unit)) = name.trim_end().strip_suffix(close).and_then(|rest| rest.rsplit_once(open))
            && let Some(unit) = TileUnit::of(unit)
        {
            return (before, Some(unit));
        }
    }
    (name, None)
}

fn plain(name: &str) -> String {
    let lower = name.trim().to_lowercase();
    lower.split([' ', '-', '.', '_']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_")
}

/// The columns of a table.
#[derive(Debug)]
pub(super) struct Header {
    columns: Vec<TileColumn>,
}

impl Header {
    pub(super) fn of(record: &StringRecord) -> Header {
        Header { columns: record.iter().enumerate().map(|(at, name)| TileColumn::of(at, name)).collect() }
    }

    /// All columns, with the plain form of their names.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &TileColumn)> {
        self.columns.iter().map(|column| (column.base.as_str(), column))
    }

    /// Whether a column has one of these names.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        self.columns.iter().any(|column| names.contains(&column.base.as_str()))
    }

    /// The column with a name. An exact match has precedence over one with capitals or a unit.
    ///
    /// # Errors
    /// `Data` if several columns match equally.
    pub(super) fn find(&self, name: &str) -> Result<Option<&TileColumn>> {
        let ranks: [&dyn Fn(&TileColumn) -> bool; 3] = [
            &|column| column.name.trim() == name,
            &|column| column.whole == name && column.unit.is_none(),
            &|column| column.base == name,
        ];
        for rank in ranks {
            let found: Vec<&TileColumn> = self.columns.iter().filter(|column| rank(column)).collect();
            match found[..] {
                [] => {}
                [one] => return Ok(Some(one)),
                [one, other, ..] if one.name == other.name => {
                    let message = format!("has the column {} twice; take one out or rename it", one.name);
                    return Err(Error::data(message));
                }
                [one, other, ..] => return Err(ambiguous(one, other, name)),
            }
        }
        Ok(None)
    }

    /// The column with the first name; if it is missing, the only one with another of the names.
    ///
    /// # Errors
    /// Those of [`Header::find`].
    pub(super) fn find_any(&self, name: &str, others: &[&str]) -> Result<Option<&TileColumn>> {
        if let Some(found) = self.find(name)? {
            return Ok(Some(found));
        }
        let mut found: Option<&TileColumn> = None;
        for other in others {
            if let Some(column) = self.find(other)? {
                match found {
                    Some(one) => return Err(ambiguous(one, column, name)),
                    None => found = Some(column),
                }
            }
        }
        Ok(found)
    }
}

fn ambiguous(one: &TileColumn, other: &TileColumn, name: &str) -> Error {
    let (one, other) = (&one.name, &other.name);
    Error::data(format!("has the columns {one} and {other}, and either may be {name}; call the one that counts {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &[&str]) -> Header {
        Header::of(&StringRecord::from(names.to_vec()))
    }

    #[test]
    fn names_are_found_in_any_case_and_with_units() {
        let micrometer = LengthUnit::of("um").map(TileUnit::Length);
        for (name, unit) in [
            ("x", None),
            ("X", None),
            (" x ", None),
            ("X (µm)", micrometer),
            ("x [um]", micrometer),
            ("x_um", micrometer),
            ("X-µm", micrometer),
            ("x_px", Some(TileUnit::Pixels)),
            ("X (pixels)", Some(TileUnit::Pixels)),
        ] {
            let header = header(&["path", "y", name]);
            let found = header.find("x").unwrap().unwrap();
            assert_eq!((found.at, found.unit), (2, unit), "{name}");
        }
        for name in ["xx", "x_m", "x_left", "x (left)", "x_in", "px"] {
            assert_eq!(header(&[name]).find("x").unwrap(), None, "{name}");
        }
    }

    #[test]
    fn the_exact_name_comes_first_and_equal_claims_are_refused() {
        assert_eq!(header(&["X", "x", "x_um"]).find("x").unwrap().unwrap().at, 1);
        assert_eq!(header(&["x_um", "X"]).find("x").unwrap().unwrap().at, 1);
        for (names, said) in [
            (&["x", "x"][..], "has the column x twice"),
            (&["x_um", "x_px"], "has the columns x_um and x_px, and either may be x"),
            (&["X (um)", "X [mm]"], "either may be x; call the one that counts x"),
        ] {
            let error = header(names).find("x").unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        let both = header(&["tile", "File Name"]).find_any("path", &["tile", "file_name"]).unwrap_err().to_string();
        assert!(both.contains("has the columns tile and File Name, and either may be path"), "{both}");
        let path = header(&["tile", "Path"]);
        assert_eq!(path.find_any("path", &["tile", "file_name"]).unwrap().unwrap().at, 1);
    }
}
