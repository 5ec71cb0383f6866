//! One scan in every format of a table: the mosaic is the same.

use std::path::Path;

use super::*;
use crate::store::MissingTiles;

/// Tiles of 20 x 30 pixels at whole and fractional pixels along (y, x).
const PLACES: [(&str, f64, f64); 4] =
    [("tile_01.npy", 0.0, 0.0), ("tile_02.npy", -2.5, 25.25), ("tile_03.npy", 15.0, 1.0), ("tile_10.npy", 16.5, 26.0)];

/// A folder with the tiles, some of them in a subfolder.
fn tiles() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("scan")).unwrap();
    for (number, (name, ..)) in PLACES.iter().enumerate() {
        for below in ["", "scan"] {
            write_npy(folder.path().join(below).join(name), &speckled([1, 20, 30], number), 2).unwrap();
        }
    }
    folder
}

/// A table of the tiles, line by line.
fn table(header: &str, row: impl Fn(&str, f64, f64) -> String) -> String {
    let rows: Vec<String> = PLACES.iter().map(|(name, y, x)| row(name, *y, *x)).collect();
    format!("{header}{}\n", rows.join("\n"))
}

fn read(path: &Path) -> (Position, Voxels) {
    let source = open(path, &OpenOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    (source.origin(), whole(&*source))
}

#[test]
fn every_form_of_a_table_gives_the_same_mosaic() {
    let folder = tiles();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("plain.csv"), table("path,y,x\n", |n, y, x| format!("{n},{y},{x}"))).unwrap();
    let expected = read(&path("plain.csv"));
    assert_eq!(expected.0, [0, -3, 0]);
    let comma = |number: f64| number.to_string().replace('.', ",");
    let fiji = "# Define the number of dimensions we are working on\ndim = 2\n\n# Define the image coordinates\n";
    let forms = [
        ("TileConfiguration.txt", table(fiji, |n, y, x| format!("{n}; ; ({x:.1}, {y})").replace("25.2,", "25.25,"))),
        ("TileConfiguration.registered.txt", table(fiji, |n, y, x| format!("{n}; ; ({x:?}, {y:?})"))),
        ("TileConfiguration", table("dim=2\nmultiseries = true\n", |n, y, x| format!("{n}; 0; ({x}, {y})"))),
        ("fiji.csv", table(fiji, |n, y, x| format!("{n};;({x},{y})"))),
        (
            "img-global-positions-0.txt",
            table("", |n, y, x| format!("file: {n}; corr: 0.9876; position: ({x}, {y}); grid: (0, 0);")),
        ),
        ("semicolons.csv", table("path;y;x\n", |n, y, x| format!("{n};{};{}", comma(y), comma(x)))),
        ("excel.csv", table("sep=;\r\nPath;Y;X;\r\n", |n, y, x| format!("\"{n}\";{};{};\r", comma(y), comma(x)))),
        ("points.csv", table("path;y;x\n", |n, y, x| format!("{n};{y};{x}"))),
        ("tabs.csv", table("filename\tX\tY\n", |n, y, x| format!("{n}\t{x}\t{y}"))),
        ("tabs.tsv", table("File Name\ty\tx\tnote\n", |n, y, x| format!("{n}\t{y}\t{x}\ta, b"))),
        ("tabs.txt", table("Image\tX (px)\tY (px)\n", |n, y, x| format!("{n}\t{x}\t{y}"))),
        ("comments.csv", table("# by hand\n\n name , pos_x , pos_y \n", |n, y, x| format!(" {n} , {x} , {y} "))),
        ("trailing.csv", table("path,y,x,\n", |n, y, x| format!("{n},{y},{x},,")) + ",,,,\n"),
        ("pixels.csv", table("path,y,x,unit,pixel_size\n", |n, y, x| format!("{n},{y},{x},px,0.5"))),
        ("lengths.csv", table("path,y,x,pixel_size\n", |n, y, x| format!("{n},{},{},0.5", y / 2.0, x / 2.0))),
        (
            "axes.csv",
            table("Tile,y_um,x_nm,pixel_size_y,pixel_size_x,pixel_unit\n", |n, y, x| {
                format!("{n},{},{},500,250,nm", y / 2.0, x * 250.0)
            }),
        ),
        ("windows.csv", table("path,y,x\n", |n, y, x| format!("scan\\{n},{y},{x}"))),
        ("matrix.csv", table("PATH,M00,M01,M02,M10,M11,M12\n", |n, y, x| format!("{n},1,0,{y},0,1,{x}"))),
    ];
    for (name, text) in forms {
        std::fs::write(path(name), &text).unwrap();
        assert!(is_table(&path(name)), "{name}");
        assert!(read(&path(name)) == expected, "{name}: {text}");
        let wide: Vec<u8> =
            ['\u{feff}'].into_iter().chain(text.chars()).flat_map(|c| (c as u16).to_le_bytes()).collect();
        std::fs::write(path(name), wide).unwrap();
        assert!(is_table(&path(name)) && read(&path(name)) == expected, "{name} in UTF-16");
        std::fs::write(path(name), format!("\u{feff}{text}")).unwrap();
        assert!(is_table(&path(name)) && read(&path(name)) == expected, "{name} with a mark");
    }
}

#[test]
fn volumes_of_a_tile_configuration_have_x_first() {
    let mut scan = Scan::new("path,z,y,x");
    scan.tile("a.npy", "0,0,0", &speckled([4, 9, 8], 0));
    scan.tile("b.npy", "2,-1,6", &speckled([4, 9, 8], 1));
    let expected = read(&scan.table());
    let fiji = scan.path("TileConfiguration.txt");
    std::fs::write(&fiji, "dim = 3\na.npy; ; (0.0, 0.0, 0.0)\nb.npy; ; (6.0, -1.0, 2.0)\n").unwrap();
    assert!(read(&fiji) == expected);
    std::fs::write(&fiji, "dim = 2\na.npy; ; (0.0, 0.0)\nb.npy; ; (6.0, -1.0)\n").unwrap();
    let error = open(&fiji, &OpenOptions::default()).err().unwrap().to_string();
    assert!(error.contains("line 2: ") && error.contains("give dim = 3 and positions (x, y, z)"), "{error}");
}

#[test]
fn volumes_of_one_plane_are_tiles_of_a_plane() {
    let mut scan = Scan::new("path,y,x");
    scan.tile("a.npy", "0,0", &speckled([1, 9, 8], 0));
    write_npy(scan.path("b.npy"), &speckled([1, 9, 8], 1), 3).unwrap();
    scan.row("b.npy,2,7");
    let mosaic = scan.mosaic();
    assert_eq!((mosaic.description().shape, mosaic.description().dimensions), ([1, 11, 15], 2));
    assert_eq!(
        whole(&mosaic).part(&Region::new([0, 9, 7], [1, 11, 15])),
        speckled([1, 9, 8], 1).part(&Region::new([0, 7, 0], [1, 9, 8]))
    );
}

#[test]
fn layouts_away_from_their_tiles_say_where_they_belong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("global-positions-0.txt");
    std::fs::write(&path, "file: img_r001_c001.tif; corr: 1; position: (0, 0); grid: (0, 0);\n").unwrap();
    let error = open(&path, &OpenOptions::default()).err().unwrap();
    let said = "line 1: ";
    assert!(error.kind() == Kind::Missing && error.to_string().contains(said), "{error}");
    assert!(error.to_string().contains("img_r001_c001.tif: is not there; put the file of positions into the folder"));
}

#[test]
fn text_that_is_no_table_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    for text in
        ["", "notes", "dimensions are unknown", "path of the tiles, y and x", "Calibration (µm/px): 0,64\n#1\t1\t2\t3"]
    {
        std::fs::write(&path, text).unwrap();
        assert!(!is_table(&path), "{text:?}");
    }
    assert!(!is_table(folder.path()) && !is_table(&folder.path().join("none.txt")));
    assert!(is_table(&folder.path().join("none.csv")));
}

#[test]
fn windows_paths_are_those_of_tiles_that_are_still_to_come() {
    let folder = tiles();
    let path = folder.path().join("tiles.csv");
    std::fs::write(&path, "path,y,x\nscan\\tile_01.npy,0,0\nscan\\late.npy,0,20\n").unwrap();
    let mosaic = MosaicOptions { missing: MissingTiles::Await, ..MosaicOptions::default() };
    let mosaic = MosaicSource::open(&path, &OpenOptions { mosaic, ..OpenOptions::default() }).unwrap();
    assert_eq!(mosaic.table().rows[1].path, folder.path().join("scan/late.npy"));
    // A file of exactly that name comes first.
    write_npy(folder.path().join("scan\\late.npy"), &speckled([1, 20, 30], 9), 2).unwrap();
    assert_eq!(TileTable::read(&path).unwrap().rows[1].path, folder.path().join("scan\\late.npy"));
}

#[test]
fn what_a_mosaic_is_made_of_is_told() {
    let folder = tiles();
    let path = folder.path().join("tiles.csv");
    std::fs::write(&path, table("path,y,x,pixel_size,unit\n", |n, y, x| format!("{n},{y},{x},0.5,um"))).unwrap();
    let details = open(&path, &OpenOptions::default()).unwrap().details();
    assert_eq!(details.format, "table of tiles, CSV");
    assert_eq!(details.axes, [("y".to_owned(), 58), ("x".to_owned(), 82)]);
    assert_eq!((details.chunk, details.spacing_from.as_str()), (vec![20, 30], "the table of tiles"));
    assert!(details.notes[0].starts_with("puts together 4 tiles of 20 x 30 pixels"), "{:?}", details.notes);
}
