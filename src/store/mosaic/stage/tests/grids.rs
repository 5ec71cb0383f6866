//! Tables of grids, and files of other stitching programs.

use super::*;

/// A folder of tiles of 10 x 20 pixels, and a file that is not a tile.
fn folder(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let voxels = crate::chunk::Voxels::filled(crate::chunk::Dtype::U8, [1, 10, 20], 1.0);
        write_npy(folder.path().join(name), &voxels, 2).unwrap();
    }
    std::fs::write(folder.path().join("notes.txt"), "notes").unwrap();
    folder
}

fn grid(rows: usize, columns: usize) -> GridScan {
    GridScan {
        grid: Some([rows, columns]),
        overlap: [GridOverlap::Share(0.1), GridOverlap::Pixels(4.0)],
        order: ScanOrder::Row,
        from_bottom: false,
        from_right: false,
        pattern: None,
    }
}

/// The names and the positions along (y, x).
fn places(folder: &tempfile::TempDir, scan: &GridScan) -> Vec<(String, f64, f64)> {
    let found = table_of_grid(&[folder.path().to_owned()], scan).unwrap();
    let name = |tile: &StageTile| tile.path.file_name().unwrap().to_string_lossy().into_owned();
    found.tiles.iter().map(|tile| (name(tile), tile.position[1], tile.position[2])).collect()
}

#[test]
fn each_order_puts_tiles_where_the_stage_was() {
    let folder = folder(&["t_1.npy", "t_2.npy", "t_3.npy", "t_9.npy", "t_10.npy", "t_11.npy"]);
    // By the row and the column of each tile, in the natural order of names.
    for (order, bottom, right, expected) in [
        (ScanOrder::Row, false, false, ["00", "01", "02", "10", "11", "12"]),
        (ScanOrder::SnakeRow, false, false, ["00", "01", "02", "12", "11", "10"]),
        (ScanOrder::Column, false, false, ["00", "10", "01", "11", "02", "12"]),
        (ScanOrder::SnakeColumn, false, false, ["00", "10", "11", "01", "02", "12"]),
        (ScanOrder::Row, true, false, ["10", "11", "12", "00", "01", "02"]),
        (ScanOrder::SnakeRow, false, true, ["02", "01", "00", "10", "11", "12"]),
        (ScanOrder::SnakeColumn, true, true, ["12", "02", "01", "11", "10", "00"]),
    ] {
        let scan = GridScan { order, from_bottom: bottom, from_right: right, ..grid(2, 3) };
        let found = places(&folder, &scan);
        assert!(
            found
                .iter()
                .map(|(name, ..)| name.as_str())
                .eq(["t_1.npy", "t_2.npy", "t_3.npy", "t_9.npy", "t_10.npy", "t_11.npy"])
        );
        // A tenth of 10 rows, and four of 20 columns.
        let at =
            |place: &str| (f64::from(place.as_bytes()[0] - b'0') * 9.0, f64::from(place.as_bytes()[1] - b'0') * 16.0);
        assert!(found.iter().map(|(_, y, x)| (*y, *x)).eq(expected.map(at)), "{order:?}: {found:?}");
    }
}

#[test]
fn steps_are_rounded_tile_by_tile() {
    let folder = folder(&["a.npy", "b.npy", "c.npy", "d.npy"]);
    let scan = GridScan { overlap: [GridOverlap::Share(0.25); 2], ..grid(4, 1) };
    assert!(places(&folder, &scan).iter().map(|(_, y, _)| *y).eq([0.0, 8.0, 15.0, 23.0]));
}

#[test]
fn names_say_rows_and_columns() {
    let folder = folder(&["r1_c2.npy", "r1_c1.npy", "r2_c1.npy", "r2_c2.npy", "mean.npy"]);
    for size in [None, Some([2, 2])] {
        let scan = GridScan { pattern: Some("r{row}_c{col}.npy".to_owned()), grid: size, ..grid(1, 1) };
        let expected =
            [("r1_c1.npy", 0.0, 0.0), ("r1_c2.npy", 0.0, 16.0), ("r2_c1.npy", 9.0, 0.0), ("r2_c2.npy", 9.0, 16.0)];
        assert_eq!(places(&folder, &scan), expected.map(|(name, y, x)| (name.to_owned(), y, x)));
    }
}

#[test]
fn grids_that_do_not_fit_are_refused() {
    let folder = folder(&["r1_c2.npy", "r1_c1.npy", "r2_c1.npy", "r02_c01.npy"]);
    let pattern = |text: &str| Some(text.to_owned());
    for (scan, said) in [
        (grid(2, 3), "has 4 images, but a grid of 2 rows and 3 columns has 6 places"),
        (grid(usize::MAX, 3), "columns has too many places"),
        (GridScan { grid: None, ..grid(1, 1) }, "needs its rows and columns"),
        (
            GridScan { overlap: [GridOverlap::Pixels(10.0); 2], ..grid(2, 2) },
            "has 10 pixels along y, and --overlap leaves nothing",
        ),
        (GridScan { pattern: pattern("r{row}_c{col}.npy"), ..grid(2, 2) }, "for one place of the grid"),
        (
            GridScan { pattern: pattern("x{row}_c{col}.npy"), ..grid(2, 2) },
            "has no image whose name is like x{row}_c{col}.npy",
        ),
        (GridScan { pattern: pattern("r1_c{col}{row}"), ..grid(2, 2) }, "--pattern r1_c{col}{row} does not fit"),
    ] {
        let error = table_of_grid(&[folder.path().to_owned()], &scan).unwrap_err();
        assert!(error.kind() == Kind::Usage && error.to_string().contains(said), "{said}: {error}");
    }
    std::fs::remove_file(folder.path().join("r02_c01.npy")).unwrap();
    let scan = GridScan { pattern: pattern("r{row}_c{col}.npy"), grid: None, ..grid(1, 1) };
    let error = table_of_grid(&[folder.path().to_owned()], &scan).unwrap_err().to_string();
    assert!(error.contains("has no image like r{row}_c{col}.npy of row 2 and column 2"), "{error}");
    let error =
        table_of_grid(&[folder.path().to_owned()], &GridScan { grid: Some([3, 3]), ..scan }).unwrap_err().to_string();
    assert!(error.contains("has images for 2 rows and 2 columns, but --grid is 3x3"), "{error}");
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(table_of_grid(&[empty.path().to_owned()], &grid(1, 1)).unwrap_err().kind(), Kind::Usage);
}

#[test]
fn layouts_of_other_programs_become_tables() {
    let folder = folder(&["a.npy", "b.npy"]);
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("TileConfiguration.txt"), "dim = 2\na.npy; ; (0.0, 0.0)\nb.npy; ; (16.5, -1)\n").unwrap();
    let mist = "file: a.npy; corr: 1; position: (0, 0); grid: (0, 0);\nfile: b.npy; corr: 1; position: (16, 1); grid: (1, 0);\n";
    std::fs::write(path("positions.txt"), mist).unwrap();
    let table = |name: &str| table_of_stage(&path(name)).unwrap().to_csv(folder.path()).unwrap();
    assert_eq!(table("TileConfiguration.txt"), "path,y,x\na.npy,0,0\nb.npy,-1,16.5\n");
    assert_eq!(table("positions.txt"), "path,y,x\na.npy,0,0\nb.npy,1,16\n");
    std::fs::write(path("tiles.csv"), table("positions.txt")).unwrap();
    refused(&path("tiles.csv"), Kind::Data, "tiles.csv: is a table of tiles already; give it to run, watch or fuse");
}
