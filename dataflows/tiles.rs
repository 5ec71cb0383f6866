//! `anabranch tiles`: a table of tiles, from what a stage has written about a scan, from the positions that another
//! stitching program has found, or from a grid.

use anabranch::error::{Error, Kind, Result};
use anabranch::store::mosaic::TileTable;
use anabranch::store::mosaic::stage::{GridOverlap, GridScan, ScanOrder, table_of_grid, table_of_stage};

use crate::apart;
use crate::arguments::{Corner, StageOrder, TilesOptions};
use crate::interrupt;
use crate::opening::parse_axes;
use crate::terminal::print;

/// Writes the table to a path that does not exist, or whose table it may replace.
pub(crate) fn tiles(options: &TilesOptions) -> Result<()> {
    let out = &options.out;
    let is_csv = out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    if !is_csv {
        let message = "is not a name by which a table of tiles is known again; give one that ends in .csv";
        return Err(Error::usage(message).at(out));
    }
    if out.exists() && !options.output.overwrite {
        let message = "is there already; give another path, or --overwrite to replace it";
        return Err(Error::new(Kind::Output, message).at(out));
    }
    // A folder of tiles usually holds the table that is made of them; what is not there is told of when it is read.
    for scan in options.scan.iter().filter(|scan| scan.is_file()) {
        apart::of_two((scan, "the input"), (out, "the table", "--out"))?;
    }
    if out.exists() && !out.is_file() {
        return Err(Error::new(Kind::Output, "is there already, and is no file; give another path").at(out));
    }
    if out.exists() {
        // Never replaces a file that is no table of tiles.
        TileTable::read(out).map_err(|error| {
            let message = "is there already, and is no table of tiles; give another path, or remove it first";
            Error::new(Kind::Output, message).because(error).at(out)
        })?;
    }
    let reverse = options.reverse.as_deref().map_or(Ok([false; 3]), |text| parse_axes("--reverse", text))?;
    let scan = match (grid_scan(options)?, &options.scan[..]) {
        (Some(grid), paths) => table_of_grid(paths, &grid)?,
        (None, [path]) => table_of_stage(path)?,
        (None, _) => {
            let message = "of several paths each is a tile of a grid: give --grid ROWSxCOLUMNS and --overlap";
            return Err(Error::usage(message));
        }
    };
    let count = scan.tiles.len();
    interrupt::finish();
    scan.reversed(reverse).write(out)?;
    print(&format!("{}: {count} tiles\n", out.display()), options.output.quiet);
    Ok(())
}

/// The grid that the options describe, if they describe one.
fn grid_scan(options: &TilesOptions) -> Result<Option<GridScan>> {
    let grid = match (&options.grid, options.rows, options.columns) {
        (Some(text), _, _) => Some(parse_grid(text)?),
        (None, Some(rows), Some(columns)) => Some([rows, columns]),
        _ => None,
    };
    if grid.is_some_and(|grid| grid.contains(&0)) {
        return Err(Error::usage("a grid has at least one row and one column; correct --grid"));
    }
    if grid.is_none() && options.pattern.is_none() {
        let given = [
            ("--overlap", options.overlap.is_some()),
            ("--scan-order", options.scan_order.is_some()),
            ("--start", options.start.is_some()),
        ];
        return match given.iter().find(|(_, given)| *given) {
            Some((name, _)) => {
                Err(Error::usage(format!("{name} is for grids: give --grid ROWSxCOLUMNS, or --pattern")))
            }
            None => Ok(None),
        };
    }
    let Some(overlap) = &options.overlap else {
        let message = "a grid needs the overlap of neighbouring tiles: give --overlap, such as 10% or 200px";
        return Err(Error::usage(message));
    };
    let start = options.start.unwrap_or(Corner::TopLeft);
    Ok(Some(GridScan {
        grid,
        overlap: parse_overlap(overlap)?,
        order: match options.scan_order.unwrap_or(StageOrder::Row) {
            StageOrder::Row => ScanOrder::Row,
            StageOrder::Column => ScanOrder::Column,
            StageOrder::SnakeRow => ScanOrder::SnakeRow,
            StageOrder::SnakeColumn => ScanOrder::SnakeColumn,
        },
        from_bottom: matches!(start, Corner::BottomLeft | Corner::BottomRight),
        from_right: matches!(start, Corner::TopRight | Corner::BottomRight),
        pattern: options.pattern.clone(),
    }))
}

/// Rows and columns: `4x6`.
fn parse_grid(text: &str) -> Result<[usize; 2]> {
    let numbers = text.split_once(['x', 'X', '×', ',']);
    let numbers = numbers.and_then(|(rows, columns)| Some([rows.trim().parse().ok()?, columns.trim().parse().ok()?]));
    numbers.ok_or_else(|| Error::usage(format!("--grid {text} does not fit: give ROWSxCOLUMNS, such as 4x6")))
}

/// An overlap along both axes, or along y and x: `0.1`, `10%`, `200px`, `10%,15%`.
fn parse_overlap(text: &str) -> Result<[GridOverlap; 2]> {
    let wrong = || {
        let message = format!(
            "--overlap {text} does not fit: give a share of a tile such as 0.1 or 10%, or pixels such as 200px; one for \
             both axes, or Y,X"
        );
        Error::usage(message)
    };
    let one = |part: &str| {
        let part = part.trim();
        let number = |text: &str| text.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
        let share = |share: f64| (share < 1.0).then_some(GridOverlap::Share(share));
        match (part.strip_suffix('%'), part.strip_suffix("px")) {
            (Some(percent), _) => share(number(percent)? / 100.0),
            (None, Some(pixels)) => number(pixels).map(GridOverlap::Pixels),
            (None, None) => share(number(part)?),
        }
    };
    let parts: Option<Vec<GridOverlap>> = text.split(',').map(one).collect();
    match parts.as_deref() {
        Some([both]) => Ok([*both; 2]),
        Some([y, x]) => Ok([*y, *x]),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_and_grids_are_read_as_people_write_them() {
        let (share, pixels) = (GridOverlap::Share, GridOverlap::Pixels);
        assert_eq!(parse_overlap("10%").unwrap(), [share(0.1); 2]);
        assert_eq!(parse_overlap("0.1, 200 px").unwrap(), [share(0.1), pixels(200.0)]);
        assert_eq!(parse_overlap("0").unwrap(), [share(0.0); 2]);
        assert!(
            ["", "10", "1", "100%", "-1px", "10%,", "1,2,3", "nan", "inf px"].iter().all(|t| parse_overlap(t).is_err())
        );
        assert_eq!((parse_grid("4x6").unwrap(), parse_grid("4, 6").unwrap()), ([4, 6], [4, 6]));
        assert!(["4", "x6", "4x-6", "4x6x2", "axb"].iter().all(|text| parse_grid(text).is_err()));
    }
}
