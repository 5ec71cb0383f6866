//! Tables of tiles.

use std::path::{Path, PathBuf};

use super::{Kind, file};
use crate::image::write_npy;

const TABLE: &str = "Table of tiles";

/// Two tiles of 4 x 5 pixels and a table that places them.
fn table(at: &Path, text: &str) -> PathBuf {
    for name in ["a.npy", "b.npy"] {
        write_npy(&at.join(name), "|u1", &[4, 5], &(1..=20).collect::<Vec<u8>>());
    }
    file(at, "tiles.csv", text)
}

pub(super) fn kinds() -> Vec<Kind> {
    let kind = |form, example, found_by, options, write| Kind { form, example, found_by, options, write };
    vec![
        kind(TABLE, "`path,y,x` in pixels", "the names of the columns", &[], |at| {
            table(at, "path,y,x\na.npy,0,0\nb.npy,0,4\n")
        }),
        kind(TABLE, "in micrometers, with `pixel_size`", "the columns `unit` and `pixel_size`", &[], |at| {
            table(at, "path,y,x,unit,pixel_size\na.npy,0,0,um,0.5\nb.npy,0,2,um,0.5\n")
        }),
        kind(TABLE, "a tile that is missing", "the files that the rows name", &[], |at| {
            table(at, "path,y,x\na.npy,0,0\nc.npy,0,4\n")
        }),
        kind(TABLE, "a position that is no number", "each cell; the row is named", &[], |at| {
            table(at, "path,y,x\na.npy,0,0\nb.npy,0,far\n")
        }),
    ]
}
