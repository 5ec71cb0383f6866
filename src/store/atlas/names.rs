//! Names of regions by their labels, from a table of text.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};
use crate::store::file::{open, read_failed};
use crate::text::{cells, unquoted};

/// Names of regions, by their labels.
pub type RegionNames = BTreeMap<i128, String>;

/// Maximum length of a table of names in bytes,
const LONGEST: u64 = 64 << 20;
/// and of a name.
const LONGEST_NAME: usize = 255;

/// Reads names of regions from a CSV file in UTF-8 with the columns `label` and `name`, in any order.
///
/// # Errors
/// `Missing` if the file does not exist; `Data` if it has other columns, a label that is no whole number of 64 bits or occurs
/// twice, or a name that is too long, by the line.
pub fn read_region_names(path: &Path) -> Result<RegionNames> {
    let (file, length) = open(path)?;
    if length > LONGEST {
        return Err(Error::data("is longer than 64 MiB, which no table of names is; check the file").at(path));
    }
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).map_err(|error| read_failed(&error).at(path))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        Error::data("is not text in UTF-8; save the names as CSV in UTF-8 (Excel calls it CSV UTF-8)").at(path)
    })?;
    parse(text).map_err(|error| error.at(path))
}

fn parse(text: &str) -> Result<RegionNames> {
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let header: Vec<String> = lines.next().map_or_else(Vec::new, |(_, line)| fields(line));
    let place = |name: &str| header.iter().position(|column| column == name);
    let (Some(label), Some(name), 2) = (place("label"), place("name"), header.len()) else {
        let found = if header.is_empty() { "none".to_owned() } else { header.join(", ") };
        return Err(Error::data(format!(
            "names of regions need the columns label and name and no others, not {found}"
        )));
    };
    let mut names = RegionNames::new();
    for (number, line) in lines {
        let refused = |message: &str| Error::data(format!("line {}: {message}", number + 1));
        let row = fields(line);
        if row.len() != 2 {
            return Err(refused("has not one label and one name; put a name with commas in quotation marks"));
        }
        let fits = |label: &i128| (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(label);
        let Some(number) = row[label].parse::<i128>().ok().filter(fits) else {
            return Err(refused(&format!("{:?} is no label: give a whole number", row[label])));
        };
        if row[name].len() > LONGEST_NAME || row[name].contains(char::is_control) {
            return Err(refused(
                "the name is longer than 255 bytes or has a control character; give a shorter, plain one",
            ));
        }
        if names.insert(number, row[name].clone()).is_some() {
            return Err(refused(&format!("label {number} has a name already; name it once")));
        }
    }
    Ok(names)
}

/// The texts of a line.
fn fields(line: &str) -> Vec<String> {
    cells(line).map(|cell| unquoted(cell.trim()).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_however_a_spreadsheet_writes_them() {
        let expected = RegionNames::from(
            [(1, "cortex"), (-3, "CA1, left"), (720_575_940_612_345_678, "a \"b\""), (7, "")]
                .map(|(label, name)| (label, name.to_owned())),
        );
        let text = "label,name\n1,cortex\n-3,\"CA1, left\"\n\n720575940612345678,\"a \"\"b\"\"\"\n7,\n";
        assert_eq!(parse(text).unwrap(), expected);
        assert_eq!(parse(&format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap(), expected);
        let turned = "name,label\n cortex , 1 \n\"CA1, left\",-3\n\"a \"\"b\"\"\",720575940612345678\n,7\n";
        assert_eq!(parse(turned).unwrap(), expected);
        assert!(parse("label,name\n").unwrap().is_empty());
    }

    #[test]
    fn a_table_of_no_use_is_refused_by_its_line() {
        let long = format!("label,name\n1,{}\n", "a".repeat(256));
        for (text, message) in [
            ("", "label and name and no others, not none"),
            ("label,name,colour\n1,a,b\n", "not label, name, colour"),
            ("id,name\n1,a\n", "not id, name"),
            ("label,name\n1,a\n2\n", "line 3: has not one label and one name"),
            ("label,name\n1,a,b\n", "line 2: has not one label and one name"),
            ("label,name\n1.5,a\n", "line 2: \"1.5\" is no label"),
            ("label,name\n99999999999999999999,a\n", "is no label"),
            ("label,name\n1,a\n2,b\n1,c\n", "line 4: label 1 has a name already"),
            (&long, "line 2: the name is longer than 255 bytes"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text:?}: {error}");
        }
    }
}
