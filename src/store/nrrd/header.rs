//! The header of a NRRD file: lines of text until an empty one.

use std::path::Path;

use crate::error::{Error, Result};
use crate::store::units::{LengthUnit, converted};
use crate::store::{OpenOptions, file};

/// No header is longer than this.
const LONGEST: u64 = 4 << 20;

/// The fields of a header.
#[derive(Debug)]
pub(super) struct Header {
    /// Names in lower case without spaces, and the text behind the colon.
    fields: Vec<(String, String)>,
    /// The names after `data file: LIST`.
    list: Vec<String>,
    /// Offset of the values, if they are in the same file.
    pub(super) end: u64,
}

/// The location of the values.
#[derive(Debug, PartialEq)]
pub(super) enum DataFiles {
    Attached,
    One(String),
    /// A pattern, with the first number, the last one and the step.
    Pattern(String, [i64; 3]),
    List(Vec<String>),
}

/// The voxel size along an axis, with its unit.
pub(super) type Size = (Option<f64>, Option<String>);

impl Header {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// `Data` if it is malformed.
    pub(super) fn read(path: &Path) -> Result<Header> {
        let (file, length) = file::open(path)?;
        let mut bytes = vec![0; usize::try_from(length.min(LONGEST)).unwrap_or(0)];
        file::read_at(&file, 0, &mut bytes).map_err(|error| file::read_failed(&error))?;
        Self::parse(&bytes)
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Header> {
        let mut header = Header { fields: Vec::new(), list: Vec::new(), end: 0 };
        let (mut rest, mut line_number) = (bytes, 0);
        loop {
            let Some(end) = rest.iter().position(|&byte| byte == b'\n').or((!rest.is_empty()).then_some(rest.len()))
            else {
                // A detached header may end with its file.
                header.end = bytes.len() as u64;
                break;
            };
            let line = String::from_utf8_lossy(&rest[..end]).trim_end_matches('\r').to_owned();
            rest = &rest[(end + 1).min(rest.len())..];
            line_number += 1;
            if line_number == 1 {
                if !matches!(
                    line.trim_end(),
                    "NRRD0001" | "NRRD0002" | "NRRD0003" | "NRRD0004" | "NRRD0005" | "NRRD0006"
                ) {
                    return Err(Error::data(
                        "is no NRRD file of a known version; save it again with `unu save -f nrrd`",
                    ));
                }
                continue;
            }
            if header.get("datafile").is_some_and(|name| name.starts_with("LIST")) {
                header.list.extend(Some(line.trim().to_owned()).filter(|name| !name.is_empty()));
                continue;
            }
            if line.is_empty() {
                header.end = (bytes.len() - rest.len()) as u64;
                break;
            }
            header.add(&line)?;
        }
        Ok(header)
    }

    fn add(&mut self, line: &str) -> Result<()> {
        let Some((name, value)) = line.split_once(':') else {
            if line.starts_with('#') {
                return Ok(());
            }
            let line: String = line.chars().take(40).collect();
            return Err(Error::data(format!("has a damaged header: \"{line}\" is no field; copy it again")));
        };
        // Comments and custom keys do not affect the values.
        if line.starts_with('#') || value.starts_with('=') {
            return Ok(());
        }
        let name: String = name.to_ascii_lowercase().split_whitespace().collect();
        if self.get(&name).is_some() {
            return Err(Error::data(format!("has the field \"{name}\" twice in its header; keep one of them")));
        }
        self.fields.push((name, value.trim().to_owned()));
        Ok(())
    }

    /// The value of a field, by its name in lower case and without spaces.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| &**value)
    }

    /// The lengths of the axes, the fastest first.
    pub(super) fn sizes(&self) -> Result<Vec<u64>> {
        let text = self.get("sizes").ok_or_else(|| missing("sizes"))?;
        let sizes: Option<Vec<u64>> = text.split_whitespace().map(|n| n.parse().ok()).collect();
        let sizes =
            sizes.ok_or_else(|| Error::data(format!("has sizes that are no numbers: {text}; correct its header")))?;
        let dimension = self.get("dimension").ok_or_else(|| missing("dimension"))?;
        if dimension.parse() != Ok(sizes.len()) || !(1..=16).contains(&sizes.len()) {
            let message = format!("has a dimension of {dimension}, but {} sizes; correct its header", sizes.len());
            return Err(Error::data(message));
        }
        Ok(sizes)
    }

    /// The number of lines and bytes that are skipped before the values; -1 bytes: all but the values.
    pub(super) fn skips(&self) -> Result<(u64, i64)> {
        let lines = self.get("lineskip").map_or(Ok(0), str::parse);
        let bytes = self.get("byteskip").map_or(Ok(0), str::parse);
        match (lines, bytes) {
            (Ok(lines), Ok(bytes)) if lines < 1_000_000 && bytes >= -1 => Ok((lines, bytes)),
            _ => Err(Error::data("has a line skip or a byte skip that is no such number; correct its header")),
        }
    }

    pub(super) fn data_files(&self) -> Result<DataFiles> {
        let Some(text) = self.get("datafile") else { return Ok(DataFiles::Attached) };
        if text.starts_with("LIST") {
            return Ok(DataFiles::List(self.list.clone()));
        }
        if let Some((pattern, numbers)) = text.split_once(char::is_whitespace).filter(|(name, _)| name.contains('%')) {
            let numbers: Vec<i64> = numbers.split_whitespace().filter_map(|n| n.parse().ok()).collect();
            if let [first, last, step] | [first, last, step, _] = numbers[..] {
                return Ok(DataFiles::Pattern(pattern.to_owned(), [first, last, step]));
            }
            return Err(Error::data(format!(
                "names its data files by {text}, which is not understood; list their names"
            )));
        }
        Ok(DataFiles::One(text.to_owned()))
    }

    /// The names of the axes, the fastest first.
    pub(super) fn names(&self, lengths: &[u64], options: &OpenOptions) -> Result<Vec<char>> {
        let words = |field: &str| {
            self.get(field).map(|text| text.split_whitespace().map(str::to_ascii_lowercase).collect::<Vec<_>>())
        };
        let kinds = words("kinds").filter(|kinds| kinds.len() == lengths.len());
        let directions = self.directions(lengths.len())?;
        let mut names = vec![' '; lengths.len()];
        for (axis, name) in names.iter_mut().enumerate() {
            let kind = kinds.as_ref().map_or("", |kinds| &kinds[axis]);
            let is_nowhere = directions.as_ref().is_some_and(|directions| directions[axis].is_none());
            *name = match kind {
                "complex" => return Err(Error::data("holds complex values; save their magnitude")),
                "time" => 't',
                "" | "domain" | "space" | "none" | "???" if !is_nowhere => ' ',
                _ => 'c',
            };
            if *name == 'c' && lengths[axis] == 1 {
                *name = '1';
            }
        }
        // Of the axes in space, the last ones, then the first ones, may have length one.
        let free = |names: &[char]| (0..names.len()).filter(|&a| names[a] == ' ').collect::<Vec<_>>();
        loop {
            let space = free(&names);
            let ends = [space.last(), space.first()].into_iter().flatten();
            match ends.copied().find(|&axis| space.len() > 3 && lengths[axis] == 1) {
                Some(axis) => names[axis] = '1',
                None => break,
            }
        }
        let space = free(&names);
        let twice = |name| names.iter().filter(|&&n| n == name).count() > 1;
        if options.axes.is_none() && (space.len() > 3 || twice('t') || twice('c')) {
            let message = format!("has {} axes, and does not say well enough what they are (kinds)", lengths.len());
            return Err(Error::usage(message + "; name them with --axes, slowest first, for example --axes t,z,y,x"));
        }
        for (axis, name) in space.into_iter().zip(['x', 'y', 'z']) {
            names[axis] = name;
        }
        Ok(names)
    }

    /// A warning about axes that have the letters of others in `labels` than those by which they are read.
    pub(super) fn other_labels(&self, names: &[char]) -> Option<String> {
        let labels = quoted(self.get("labels")?);
        let letters: Vec<char> = labels.iter().filter_map(|label| label.to_ascii_lowercase().parse().ok()).collect();
        let is_letter = |letter: &char| matches!(letter, 'x' | 'y' | 'z');
        let differ = letters.len() == names.len() && letters.iter().zip(names).any(|(a, b)| is_letter(a) && a != b);
        differ.then(|| {
            let words = |names: &[char]| names.iter().map(char::to_string).collect::<Vec<_>>().join(",");
            format!(
                "has axes labelled {}, the fastest first, which are read as {}: give --axes if that is wrong",
                words(&letters),
                words(names)
            )
        })
    }

    /// The step along each axis in the surrounding space, if the header has it; `None` along an axis outside this
    /// space.
    fn directions(&self, count: usize) -> Result<Option<Vec<Option<Vec<f64>>>>> {
        let Some(text) = self.get("spacedirections") else { return Ok(None) };
        let wrong = || Error::data(format!("has space directions that are not understood: {text}; correct its header"));
        let mut directions = Vec::new();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("none") {
                directions.push(None);
                rest = after.trim_start();
                continue;
            }
            let (vector, after) = rest.strip_prefix('(').and_then(|r| r.split_once(')')).ok_or_else(wrong)?;
            let numbers: Option<Vec<f64>> = vector.split(',').map(|n| n.trim().parse().ok()).collect();
            // Some programs write a vector of NaN for an axis outside the space.
            let numbers = numbers.ok_or_else(wrong)?;
            directions.push(if numbers.iter().all(|n| n.is_nan()) { None } else { Some(numbers) });
            rest = after.trim_start();
        }
        let own: Vec<usize> = directions.iter().flatten().map(Vec::len).collect();
        if directions.len() != count || own.iter().any(|&length| length != own[0]) {
            return Err(wrong());
        }
        Ok(Some(directions))
    }

    /// The voxel size along each axis, the fastest first, and warnings about it.
    pub(super) fn sizes_of_voxels(&self, count: usize) -> Result<(Vec<Size>, Vec<String>)> {
        if let Some(directions) = self.directions(count)? {
            return self.norms(&directions);
        }
        let units = self.get("units").map(quoted).unwrap_or_default();
        let Some(text) = self.get("spacings") else {
            let warning = "has axis mins and maxs but no spacings: lengths are in voxels; give --spacing";
            let has_ends = self.get("axismins").or_else(|| self.get("axismaxs")).is_some();
            return Ok((Vec::new(), has_ends.then(|| warning.to_owned()).into_iter().collect()));
        };
        let wrong = || Error::data(format!("has spacings that are not understood: {text}; correct its header"));
        let spacings: Option<Vec<f64>> = text.split_whitespace().map(|n| n.parse().ok()).collect();
        let spacings = spacings.filter(|spacings| spacings.len() == count).ok_or_else(wrong)?;
        // A spacing of NaN is unknown.
        let size = |(axis, &size): (usize, &f64)| {
            (Some(size.abs()).filter(|size| !size.is_nan()), units.get(axis).cloned().filter(|unit| !unit.is_empty()))
        };
        Ok((spacings.iter().enumerate().map(size).collect(), Vec::new()))
    }

    /// The lengths of the steps along each axis.
    fn norms(&self, directions: &[Option<Vec<f64>>]) -> Result<(Vec<Size>, Vec<String>)> {
        let units = self.get("spaceunits").map(quoted).unwrap_or_default();
        // All in the unit of the first axis of the space.
        let first = units.iter().find(|unit| !unit.is_empty()).cloned();
        let mut factors = Vec::new();
        for unit in &units {
            factors.push(match (LengthUnit::of(unit), first.as_deref().and_then(LengthUnit::of)) {
                _ if Some(unit) == first.as_ref() || unit.is_empty() => 1.0,
                (Some(from), Some(to)) => converted(1.0, from, to),
                _ => {
                    let message = format!("has space units that cannot be converted into each other: {unit}");
                    return Err(Error::data(message + "; give --spacing"));
                }
            });
        }
        let scaled: Vec<Option<Vec<f64>>> = directions
            .iter()
            .map(|direction| {
                let direction = direction.as_ref()?;
                Some(direction.iter().enumerate().map(|(i, n)| n * factors.get(i).copied().unwrap_or(1.0)).collect())
            })
            .collect();
        let norm = |vector: &[f64]| match vector.iter().filter(|n| **n != 0.0).collect::<Vec<_>>()[..] {
            [one] => one.abs(),
            _ => vector.iter().map(|n| n * n).sum::<f64>().sqrt(),
        };
        let vectors: Vec<&Vec<f64>> = scaled.iter().flatten().collect();
        let sheared = vectors.iter().enumerate().any(|(i, a)| {
            vectors[..i].iter().any(|b| {
                let dot = a.iter().zip(*b).map(|(a, b)| a * b).sum::<f64>();
                dot.abs() > 1e-3 * norm(a) * norm(b)
            })
        });
        let warning = "has space directions that are not perpendicular; lengths are measured as if they were";
        let warnings = sheared.then(|| warning.to_owned()).into_iter().collect();
        let size = |vector: &Option<Vec<f64>>| (vector.as_deref().map(norm), first.clone());
        Ok((scaled.iter().map(size).collect(), warnings))
    }
}

/// Splits quoted texts, or words if nothing is quoted.
fn quoted(text: &str) -> Vec<String> {
    if text.contains('"') {
        text.split('"').skip(1).step_by(2).map(|unit| unit.trim().to_owned()).collect()
    } else {
        text.split_whitespace().map(str::to_owned).collect()
    }
}

/// The refusal of a header that lacks a field.
pub(super) fn missing(field: &str) -> Error {
    Error::data(format!("has a header without the field \"{field}\"; add it as the program that made it has it"))
}
