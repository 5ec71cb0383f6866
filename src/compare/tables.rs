//! Tables of many samples: a row for each sample, and the branches of all.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};

use super::csv::{cell, number};
use super::groups::GroupRule;
use super::measures::MEASURES;
use super::sample::Sample;
use crate::error::{Error, Result};
use crate::store::file::read_failed;
use crate::store::output::folder::BRANCHES;
use crate::store::units::symbol;
use crate::store::write_failed;
use crate::text::byte_cells;

/// The table with a row for each sample: its name, group, image, number of axes and unit of length, and all measures in that
/// unit. Empty where a sample has no value.
pub fn sample_table(samples: &[Sample], rules: &[GroupRule]) -> String {
    let names: Vec<&str> = MEASURES.iter().map(|measure| measure.name).collect();
    let mut text = format!("sample,group,image,axes,unit,{}\n", names.join(","));
    for sample in samples {
        let group = GroupRule::group_of(rules, &sample.name).map(cell).unwrap_or_default();
        let unit = sample.unit.as_deref().map(symbol).unwrap_or_default();
        let values: Vec<String> = MEASURES.iter().map(|measure| number(measure.value(sample))).collect();
        let (name, image, unit) = (cell(&sample.name), cell(&sample.image), cell(unit));
        text += &format!("{name},{group},{image},{},{unit},{}\n", sample.dimensions, values.join(","));
    }
    text
}

/// The columns of the branch tables of all samples: those of the first, and after them what others have more.
///
/// # Errors
/// `Missing` or `Io` if a table cannot be read.
pub fn branch_header(samples: &[Sample]) -> Result<Vec<String>> {
    let mut header: Vec<String> = Vec::new();
    for sample in samples {
        for name in names(&mut open(sample)?, sample)? {
            if !header.contains(&name) {
                header.push(name);
            }
        }
    }
    Ok(header)
}

/// Appends the branches of a sample to a table with these columns, after its name and its group, line by line. Numbers are in
/// the sample's own unit, as in its table.
///
/// # Errors
/// `Missing` or `Io` if the table cannot be read, `Data` if it is damaged, `Io` if writing fails.
pub fn append_branches(sample: &Sample, group: Option<&str>, header: &[String], to: &mut impl Write) -> Result<()> {
    let mut from = open(sample)?;
    let own = names(&mut from, sample)?;
    let places: Vec<Option<usize>> = header.iter().map(|name| own.iter().position(|other| other == name)).collect();
    let as_they_are = own == header;
    let start = format!("{},{},", cell(&sample.name), group.map(cell).unwrap_or_default());
    let (mut line, mut number) = (Vec::new(), 1u64);
    loop {
        line.clear();
        number += 1;
        if from.read_until(b'\n', &mut line).map_err(|error| at(read_failed(&error), sample))? == 0 {
            return Ok(());
        }
        let row = line.trim_ascii_end();
        let cells: Vec<&[u8]> = byte_cells(row).collect();
        if cells.len() != own.len() {
            let message = format!("line {number} is no row of a branch table; run the analysis again");
            return Err(at(Error::data(message), sample));
        }
        let written = to.write_all(start.as_bytes()).and_then(|()| match as_they_are {
            true => to.write_all(row),
            false => {
                let cell = |place: &Option<usize>| place.map_or(&b""[..], |place| cells[place]);
                to.write_all(&places.iter().map(cell).collect::<Vec<_>>().join(&b","[..]))
            }
        });
        written.and_then(|()| to.write_all(b"\n")).map_err(|error| write_failed(&error))?;
    }
}

fn open(sample: &Sample) -> Result<BufReader<File>> {
    let file = File::open(sample.folder.join(BRANCHES)).map_err(|error| at(read_failed(&error), sample))?;
    Ok(BufReader::with_capacity(1 << 18, file))
}

/// The names in the header of a table.
fn names(from: &mut impl BufRead, sample: &Sample) -> Result<Vec<String>> {
    let mut line = String::new();
    from.read_line(&mut line).map_err(|error| at(read_failed(&error), sample))?;
    Ok(line.trim_end().split(',').map(str::to_owned).collect())
}

fn at(error: Error, sample: &Sample) -> Error {
    error.at(sample.folder.join(BRANCHES))
}
