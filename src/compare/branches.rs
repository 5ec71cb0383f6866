//! What a comparison needs of a branch table, read line by line.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::error::{Error, Result};
use crate::store::file::read_failed;
use crate::store::output::folder::BRANCHES;
use crate::text::byte_cells;

/// What is measured of each branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PerBranch {
    /// Its length.
    Length,
    /// The straight distance between its ends; a cycle has none.
    Chord,
    /// Its mean radius.
    Radius,
    /// Its length divided by its chord; a cycle has none.
    Tortuosity,
}

impl PerBranch {
    /// All of them.
    pub const ALL: [PerBranch; 4] = [PerBranch::Length, PerBranch::Chord, PerBranch::Radius, PerBranch::Tortuosity];

    /// Whether it is a length.
    pub(super) fn is_length(self) -> bool {
        self != PerBranch::Tortuosity
    }
}

/// The values of the branches of a sample, each list ascending, in the order of [`PerBranch::ALL`].
#[derive(Clone, Debug, Default)]
pub(super) struct BranchValues {
    pub(super) values: [Vec<f64>; 4],
    /// Branches in the table.
    pub(super) rows: u64,
    /// Branches that touch the border of the image, which are left out; `None` if the table does not say.
    pub(super) at_border: Option<u64>,
}

/// The columns that are needed, by their places.
struct Places {
    count: usize,
    length: usize,
    chord: usize,
    kind: usize,
    radius: Option<usize>,
    border: Option<usize>,
}

/// A branch whose ends are the same voxel.
const CYCLE: f64 = 3.0;

impl BranchValues {
    /// Reads the branch table in a folder of results. Takes 32 bytes for each branch.
    ///
    /// # Errors
    /// `Missing` if there is no table; `Data` if it is not what a run writes, by its line.
    pub(super) fn read(results: &Path) -> Result<BranchValues> {
        let path = results.join(BRANCHES);
        let file = File::open(&path).map_err(|error| read_failed(&error).at(&path))?;
        BranchValues::parse(BufReader::with_capacity(1 << 18, file)).map_err(|error| error.at(&path))
    }

    fn parse(mut from: impl BufRead) -> Result<BranchValues> {
        let mut line = Vec::new();
        let mut next = |line: &mut Vec<u8>| {
            line.clear();
            let read = from.read_until(b'\n', line);
            line.truncate(line.trim_ascii_end().len());
            read.map_err(|error| read_failed(&error))
        };
        next(&mut line)?;
        let places = Places::of(&line)?;
        let mut read = BranchValues { at_border: places.border.map(|_| 0), ..BranchValues::default() };
        while next(&mut line)? > 0 {
            read.rows += 1;
            if places.add(&line, &mut read).is_none() {
                let message = format!("line {} is no row of a branch table; run the analysis again", read.rows + 1);
                return Err(Error::data(message));
            }
        }
        read.values.iter_mut().for_each(|values| values.sort_by(f64::total_cmp));
        Ok(read)
    }
}

impl Places {
    /// From the line of the header.
    fn of(header: &[u8]) -> Result<Places> {
        let names: Vec<&[u8]> = byte_cells(header).collect();
        let place = |name: &str| names.iter().position(|cell| *cell == name.as_bytes());
        let needed = |name: &str| {
            place(name).ok_or_else(|| Error::data(format!("has no column {name}; run the analysis again")))
        };
        Ok(Places {
            count: names.len(),
            length: needed("branch_distance")?,
            chord: needed("euclidean_distance")?,
            kind: needed("branch_type")?,
            radius: place("mean_radius"),
            border: place("touches_border"),
        })
    }

    /// Adds the branch of a line; `None` if it is no row of this table.
    fn add(&self, line: &[u8], to: &mut BranchValues) -> Option<()> {
        let (mut length, mut chord, mut kind, mut radius, mut border) = (f64::NAN, f64::NAN, f64::NAN, None, false);
        let mut cells = 0;
        for (place, cell) in byte_cells(line).enumerate() {
            cells += 1;
            let number = || std::str::from_utf8(cell).ok()?.parse::<f64>().ok();
            match place {
                _ if place == self.length => length = number()?,
                _ if place == self.chord => chord = number()?,
                _ if place == self.kind => kind = number()?,
                _ if Some(place) == self.radius => radius = if cell.is_empty() { None } else { Some(number()?) },
                _ if Some(place) == self.border => border = cell == b"True",
                _ => {}
            }
        }
        if cells != self.count || !(length.is_finite() && chord.is_finite() && kind.is_finite()) {
            return None;
        }
        if border {
            to.at_border = to.at_border.map(|count| count + 1);
            return Some(());
        }
        let [lengths, chords, radii, tortuosities] = &mut to.values;
        lengths.push(length);
        radii.extend(radius.filter(|radius| radius.is_finite()));
        if kind != CYCLE && chord > 0.0 {
            chords.push(chord);
            tortuosities.push(length / chord);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_at_the_border_and_cycles_are_left_out_where_they_have_no_value() {
        let text = "region_name,branch_distance,branch_type,euclidean_distance,mean_radius,touches_border\n\
                    \"a, b\",4,1,2,0.5,False\n,3,3,0,1.5,False\n,9,0,9,7,True\n,1,2,1,,False\n";
        let read = BranchValues::parse(text.as_bytes()).unwrap();
        assert_eq!((read.rows, read.at_border), (4, Some(1)));
        assert_eq!(read.values, [vec![1.0, 3.0, 4.0], vec![1.0, 2.0], vec![0.5, 1.5], vec![1.0, 2.0]]);
        let skan = BranchValues::parse(&b"branch_distance,branch_type,euclidean_distance\n2,0,2\n"[..]).unwrap();
        assert_eq!((skan.at_border, &skan.values[2]), (None, &vec![]));
    }

    #[test]
    fn a_table_that_is_damaged_is_refused_by_its_line() {
        let header = "branch_distance,branch_type,euclidean_distance";
        for row in ["1,2", "1,2,x", "1,2,3,4", "nan,1,1"] {
            let error = BranchValues::parse(format!("{header}\n1,1,1\n{row}\n").as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with("line 3 is no row"), "{error}");
        }
        let error = BranchValues::parse(&b"branch_type\n"[..]).unwrap_err().to_string();
        assert!(error.contains("no column branch_distance"), "{error}");
    }
}
