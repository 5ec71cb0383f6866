//! Tile positions in the formats of other stitching programs: always in pixels, x first.

use super::cells::require_path;
use super::lines::in_row;
use super::table_text::MOST_ROWS;
use crate::error::{Error, Result};

/// The tiles of a layout.
#[derive(Debug, PartialEq)]
pub(super) struct TileLayout {
    pub(super) dimensions: usize,
    pub(super) tiles: Vec<TilePlace>,
}

/// A tile of a layout.
#[derive(Debug, PartialEq)]
pub(super) struct TilePlace {
    pub(super) line: u64,
    /// Its path, as written.
    pub(super) name: String,
    /// Position of its first pixel, in pixels along (z, y, x).
    pub(super) position: [f64; 3],
}

/// Parses a TileConfiguration: a line `dim = 2` or `dim = 3`, then a line `name; ; (x, y)` or `name; ; (x, y, z)` for
/// each tile. Lines that begin with `#` are comments. With `multiseries = true` the middle is the number of an image in
/// the file.
///
/// # Errors
/// `Data`, naming the line, if the text is malformed.
pub(super) fn tile_configuration(text: &str) -> Result<TileLayout> {
    let (mut dimensions, mut series) = (None, false);
    let mut tiles = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |message: &str| in_row(number, "", &Error::data(message));
        let Some((name, middle, place)) = tuple_line(line) else {
            match line.split_once('=').map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim())) {
                Some((name, value)) if name == "dim" => {
                    let value = value.split('#').next().unwrap_or_default().trim();
                    let known = [("2", 2), ("3", 3)].into_iter().find(|(text, _)| *text == value);
                    let (_, found) = known.ok_or_else(|| wrong("has a dim that is neither 2 nor 3; correct it"))?;
                    dimensions = Some(found);
                }
                Some((name, value)) if name == "multiseries" => series = value.eq_ignore_ascii_case("true"),
                Some((name, _)) if name == "absolutepath" => {}
                _ => return Err(wrong("is no line of a TileConfiguration; write name.tif; ; (x, y)")),
            }
            continue;
        };
        let dimensions = dimensions.ok_or_else(|| wrong("has a tile before the line dim = 2 or dim = 3; add it"))?;
        let of_tile = |error: Error| in_row(number, name, &error);
        require_name(name, middle, series).map_err(of_tile)?;
        let place: Vec<f64> = place.split(',').map(finite).collect::<Result<_>>().map_err(of_tile)?;
        let position = match (dimensions, &place[..]) {
            (2, &[x, y]) => [0.0, y, x],
            (3, &[x, y, z]) => [z, y, x],
            _ => {
                let message = format!("has {} numbers, but dim = {dimensions}; give (x, y) or (x, y, z)", place.len());
                return Err(of_tile(Error::data(message)));
            }
        };
        push(&mut tiles, TilePlace { line: number, name: name.to_owned(), position })?;
    }
    let missing = || Error::data("has no line dim = 2 or dim = 3; add it");
    Ok(TileLayout { dimensions: dimensions.ok_or_else(missing)?, tiles })
}

/// Splits a line `name; middle; (place)`, whose name may contain semicolons.
fn tuple_line(line: &str) -> Option<(&str, &str, &str)> {
    // The last bracket may be followed by a comment.
    let (before, end) = line.rsplit_once(')')?;
    if !(end.trim().is_empty() || end.trim().starts_with('#')) {
        return None;
    }
    let (before, place) = before.rsplit_once('(')?;
    let (name, middle) = before.trim_end().strip_suffix(';')?.rsplit_once(';')?;
    Some((name.trim(), middle.trim(), place))
}

fn require_name(name: &str, middle: &str, series: bool) -> Result<()> {
    if name.is_empty() {
        return Err(Error::data("has no name of a file before the first semicolon; fill it in"));
    }
    require_path(name)?;
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        let message = format!(
            "has {name}, the number of a view in a BigStitcher project, in place of a file; give the names of the files"
        );
        return Err(Error::data(message));
    }
    if series && !matches!(middle, "" | "0") {
        let message = format!(
            "is series {middle} of its file, and only the first of a file is read; save each series as a file of its own"
        );
        return Err(Error::data(message));
    }
    Ok(())
}

/// Parses the global positions of MIST, one line for each tile: `file: a.tif; corr: 0.98; position: (x, y); grid: (c,
/// r);`.
///
/// # Errors
/// `Data`, naming the line, if the text is malformed.
pub(super) fn global_positions(text: &str) -> Result<TileLayout> {
    let mut tiles = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, place)) = mist_line(line) else {
            let message = "is no line of MIST's global positions; write file: name.tif; corr: 1; position: (x, y); \
                           grid: (column, row);";
            return Err(in_row(number, "", &Error::data(message)));
        };
        let of_tile = |error: Error| in_row(number, name, &error);
        require_path(name).map_err(of_tile)?;
        let place: Vec<f64> = place.split(',').map(finite).collect::<Result<_>>().map_err(of_tile)?;
        let &[x, y] = &place[..] else {
            let message = format!("has a position of {} numbers; give (x, y)", place.len());
            return Err(of_tile(Error::data(message)));
        };
        push(&mut tiles, TilePlace { line: number, name: name.to_owned(), position: [0.0, y, x] })?;
    }
    Ok(TileLayout { dimensions: 2, tiles })
}

/// The name and the position on a line of MIST.
fn mist_line(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix("file:")?;
    let at = rest.find("; position:").or_else(|| rest.find(";position:"))?;
    let (before, after) = rest.split_at(at);
    let name = before.find("; corr:").map_or(before, |end| &before[..end]).trim();
    let (_, place) = after.split_once('(')?;
    let (place, _) = place.split_once(')')?;
    (!name.is_empty()).then_some((name, place))
}

fn finite(text: &str) -> Result<f64> {
    let text = text.trim();
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| Error::data(format!("has {text:?} in its position; give finite numbers with decimal points")))
}

fn push(tiles: &mut Vec<TilePlace>, tile: TilePlace) -> Result<()> {
    if tiles.len() >= MOST_ROWS {
        return Err(Error::data(format!("has more than {MOST_ROWS} tiles; give a part of them")));
    }
    tiles.push(tile);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(layout: &TileLayout) -> Vec<(u64, &str, [f64; 3])> {
        layout.tiles.iter().map(|tile| (tile.line, tile.name.as_str(), tile.position)).collect()
    }

    #[test]
    fn a_tile_configuration_has_x_first() {
        let text = "# Define the number of dimensions we are working on\r\ndim = 2\r\n\r\n# Define the image coordinates\r\n\
                    tile_1.tif; ; (0.0, 0.0)\r\nsub/tile; 2.tif;  ;  ( 921.5,-1.25E1 ) # moved\r\n3.tif;;(1,2)\r\n";
        let layout = tile_configuration(text).unwrap();
        assert_eq!(layout.dimensions, 2);
        let expected =
            [(5, "tile_1.tif", [0.0; 3]), (6, "sub/tile; 2.tif", [0.0, -12.5, 921.5]), (7, "3.tif", [0.0, 2.0, 1.0])];
        assert_eq!(places(&layout), expected);
        let deep = tile_configuration("dim=3\nmultiseries = true\na.tif; 0; (1, 2, 3)").unwrap();
        assert_eq!((deep.dimensions, places(&deep)), (3, vec![(3, "a.tif", [3.0, 2.0, 1.0])]));
    }

    #[test]
    fn the_positions_of_mist_have_x_first() {
        let text = "file: img_r001_c001.tif; corr: -1.0000000000; position: (0, 0); grid: (0, 0);\n\
                    file: a; b.tif; corr: 0.98; position: (1250, 7); grid: (1, 0);\n\n\
                    file: c.tif; position: (3.5, -4);\n";
        let expected =
            [(1, "img_r001_c001.tif", [0.0; 3]), (2, "a; b.tif", [0.0, 7.0, 1250.0]), (4, "c.tif", [0.0, -4.0, 3.5])];
        assert_eq!(places(&global_positions(text).unwrap()), expected);
    }

    #[test]
    fn layouts_that_are_none_are_refused_by_their_lines() {
        for (text, said) in [
            ("a.tif; ; (0, 0)\n", "line 1: has a tile before the line dim = 2 or dim = 3"),
            ("# dim = 2\n", "has no line dim = 2"),
            ("dim = 4\n", "line 1: has a dim that is neither 2 nor 3"),
            ("dim = 2\na.tif; ; (0, 0, 0)\n", "line 2: a.tif: has 3 numbers, but dim = 2"),
            ("dim = 3\na.tif; ; (0, 0)\n", "line 2: a.tif: has 2 numbers, but dim = 3"),
            ("dim = 2\na.tif; ; (NaN, 0)\n", "line 2: a.tif: has \"NaN\" in its position"),
            ("dim = 2\na.tif; ; (0, Infinity)\n", "has \"Infinity\" in its position"),
            ("dim = 2\na.tif; (0, 0)\n", "line 2: is no line of a TileConfiguration"),
            ("dim = 2\na.tif; ; 0, 0\n", "line 2: is no line of a TileConfiguration"),
            ("dim = 2\nscale = 3\n", "line 2: is no line of a TileConfiguration"),
            ("dim = 2\n; ; (0, 0)\n", "line 2: has no name of a file"),
            ("dim = 3\n0;;(0, 0, 0)\n", "has 0, the number of a view in a BigStitcher project"),
            ("dim = 2\nmultiseries = true\na.czi; 1; (0, 0)\n", "line 3: a.czi: is series 1 of its file"),
        ] {
            let error = tile_configuration(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text:?}: {error}");
        }
        for (text, said) in [
            ("file: a.tif; corr: 1; position: (0, 0, 0); grid: (0, 0);", "line 1: a.tif: has a position of 3 numbers"),
            ("file: a.tif; corr: 1; position: (0, x); grid: (0, 0);", "line 1: a.tif: has \"x\" in its position"),
            ("file: a.tif; corr: 1; grid: (0, 0);", "line 1: is no line of MIST's global positions"),
            ("file: ; corr: 1; position: (0, 0); grid: (0, 0);", "line 1: is no line of MIST's"),
        ] {
            let error = global_positions(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text:?}: {error}");
        }
    }
}
