//! `anabranch tiles`: a table of tiles of what a stage has written about a scan.

use anabranch::error::{Error, Kind, Result};
use anabranch::store::mosaic::TileTable;
use anabranch::store::mosaic::stage::table_of_stage;

use crate::apart;
use crate::arguments::TilesOptions;
use crate::interrupt;
use crate::opening::parse_axes;
use crate::terminal::print;

/// Writes the table where nothing is yet, or where it may replace what is there.
pub(crate) fn tiles(options: &TilesOptions) -> Result<()> {
    let out = &options.out;
    let is_csv = out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    if !is_csv {
        let message = "is not a name by which a table of tiles is known again; give one that ends in .csv";
        return Err(Error::usage(message).at(out));
    }
    if out.exists() && !options.overwrite {
        let message = "is there already; give another path, or --overwrite to replace it";
        return Err(Error::new(Kind::Output, message).at(out));
    }
    // A folder of tiles holds the table that is made of them, as a rule.
    if !options.scan.is_dir() {
        apart::of_two((&options.scan, "the input"), (out, "the table", "--out"))?;
    }
    if out.exists() && !out.is_file() {
        return Err(Error::new(Kind::Output, "is there already, and is no file; give another path").at(out));
    }
    if out.exists() {
        // What is no table of tiles is not replaced by one.
        TileTable::read(out).map_err(|error| {
            let message = "is there already, and is no table of tiles; give another path, or remove it first";
            Error::new(Kind::Output, message).because(error).at(out)
        })?;
    }
    let reverse = options.reverse.as_deref().map_or(Ok([false; 3]), |text| parse_axes("--reverse", text))?;
    let scan = table_of_stage(&options.scan)?;
    let count = scan.tiles.len();
    interrupt::finish_part(|| scan.reversed(reverse).write(out))?;
    print(&format!("{}: {count} tiles\n", out.display()), options.quiet);
    Ok(())
}
