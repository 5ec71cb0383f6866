//! `anabranch tiles`: a table of tiles of what a stage has written about a scan.

use anabranch::error::{Error, Kind, Result};
use anabranch::store::mosaic::stage::table_of_stage;

use crate::arguments::TilesOptions;
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
    let reverse = options.reverse.as_deref().map_or(Ok([false; 3]), |text| parse_axes("--reverse", text))?;
    let scan = table_of_stage(&options.scan)?;
    let count = scan.tiles.len();
    scan.reversed(reverse).write(out)?;
    print(&format!("{}: {count} tiles\n", out.display()), options.quiet);
    Ok(())
}
