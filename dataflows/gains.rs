//! `--gains FILE`: gains that are solved once, if FILE does not exist yet, and then stay.

use anabranch::error::{Error, Kind, Result};
use anabranch::store::mosaic::{TileGains, TileTable, solve_gains};

use crate::apart;
use crate::arguments::ImageOptions;
use crate::interrupt;
use crate::opening::open_options;
use crate::processes::Seat;
use crate::terminal::print;

/// Makes the file of gains that the options ask for: solves the gains if it does not exist yet, or if they are to be
/// solved again. Of several processes on a machine the first one does so, before it starts the others.
pub(crate) fn settle(image: &ImageOptions, seat: &Seat, threads: usize, quiet: bool) -> Result<()> {
    let Some(path) = &image.tiles.gains else { return Ok(()) };
    let wanted = open_options(image)?;
    let known = path.exists();
    if (known && !image.tiles.refit) || matches!(seat, Seat::Child { .. }) {
        return Ok(());
    }
    if matches!(seat, Seat::Host { .. }) {
        let message = "would have to be solved by one of several hosts for all; solve the gains in one process first, such \
                       as by fuse, and give the file to all hosts, without --refit";
        return Err(Error::usage(message).at(path));
    }
    if known && !path.is_file() {
        return Err(Error::new(Kind::Output, "is not a file; give --gains another path").at(path));
    }
    let table = TileTable::read(&image.input)?;
    if known {
        // Never replaces a file that is no file of gains.
        TileGains::read(path, &table)?;
        apart::of_known_gains(image, path)?;
    }
    let gains = solve_gains(&image.input, &wanted, threads)?;
    interrupt::finish_part(|| gains.write(path, &table))?;
    let tiles = if gains.len() == 1 { "1 tile".to_owned() } else { format!("{} tiles", gains.len()) };
    print(&format!("{}: gains of {tiles}\n", path.display()), quiet);
    Ok(())
}
