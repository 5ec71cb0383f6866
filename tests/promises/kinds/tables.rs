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
        kind(TABLE, "semicolons, decimal commas, capitals", "the line of names", &[], |at| {
            table(at, "Path;Y;X\na.npy;0,0;0,0\nb.npy;0,0;4,0\n")
        }),
        kind(TABLE, "`pixel_size_y` and `pixel_size_x`, in `unit`", "the names of the columns", &[], |at| {
            table(at, "path,y,x,unit,pixel_size_y,pixel_size_x\na.npy,0,0,um,0.5,0.25\nb.npy,0,1,um,0.5,0.25\n")
        }),
        kind(TABLE, "two pixel sizes", "each row is compared with the first", &[], |at| {
            table(at, "path,y,x,pixel_size\na.npy,0,0,0.5\nb.npy,0,4,0.25\n")
        }),
        kind(TABLE, "tiles that do not touch", "the tiles' places and shapes", &[], |at| {
            table(at, "path,y,x\na.npy,0,0\nb.npy,0,40\n")
        }),
        kind(TABLE, "`TileConfiguration.txt` of Fiji", "`dim = 2`", &[], |at| {
            table(at, "");
            file(
                at,
                "TileConfiguration.txt",
                "# Define the number of dimensions\ndim = 2\n\n# Define the image coordinates\n\
                a.npy; ; (0.0, 0.0)\nb.npy; ; (4.0, 0.0)\n",
            )
        }),
        kind(TABLE, "MIST's global positions", "its lines `file: …; position: (x, y);`", &[], |at| {
            table(at, "");
            file(
                at,
                "img-global-positions-0.txt",
                "file: a.npy; corr: 1.0000000000; position: (0, 0); grid: (0, 0);\n\
                file: b.npy; corr: 0.9; position: (4, 0); grid: (1, 0);\n",
            )
        }),
        kind(TABLE, "a tile that is missing", "the files that the rows name", &[], |at| {
            table(at, "path,y,x\na.npy,0,0\nc.npy,0,4\n")
        }),
        kind(TABLE, "a position that is no number", "each cell; the row is named", &[], |at| {
            table(at, "path,y,x\na.npy,0,0\nb.npy,0,far\n")
        }),
    ]
}
