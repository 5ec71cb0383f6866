//! Promise: the tiles of a scan, placed by a table, are one image.

use std::fmt::Write;
use std::path::Path;

use crate::draw::tangle;
use crate::image::Image;
use crate::support::{anabranch, bytes_of_any_part, succeed};

const SHAPE: [usize; 3] = [24, 40, 44];

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A part of an image.
fn part(image: &Image, from: [usize; 3], shape: [usize; 3]) -> Image {
    let [_, height, width] = image.shape;
    let mut values = Vec::new();
    for z in from[0]..from[0] + shape[0] {
        for y in from[1]..from[1] + shape[1] {
            let row = (z * height + y) * width;
            values.extend_from_slice(&image.values[row + from[2]..row + from[2] + shape[2]]);
        }
    }
    Image { shape, values, ..image.clone() }
}

/// Cuts an image into eight tiles that overlap, in several forms, and gives the lines of their table, the last tile
/// first.
fn cut(image: &Image, folder: &Path) -> Vec<String> {
    let tile = [14, 24, 25];
    let mut lines = Vec::new();
    for number in 0..8 {
        let from: [usize; 3] = std::array::from_fn(|a| if number >> a & 1 == 0 { 0 } else { SHAPE[a] - tile[a] });
        let (cut, name) = (part(image, from, tile), format!("tile {number}"));
        let name = match number % 3 {
            0 => format!("{name}.tif"),
            1 => format!("{name}.npy"),
            _ => format!("{name}.zarr"),
        };
        let path = folder.join(&name);
        match number % 3 {
            0 => cut.write_tiff(&path),
            1 => cut.write_npy(&path),
            _ => cut.write_zarr(&path, &[5, 7, 9], r#"[{"name":"bytes","configuration":{"endian":"little"}}]"#),
        }
        let [z, y, x] = from;
        // The canvas begins where the first tile lies, wherever that is.
        lines.push(format!("{name},{},{},{x}", z + 1000, y as i64 - 77));
    }
    lines.reverse();
    lines
}

#[test]
fn a_scan_has_the_branches_of_the_image_that_its_tiles_show() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let image = Image::woven(&tangle(SHAPE), "uint16");
    image.write_npy(&path("image.npy"));
    let lines = cut(&image, folder.path());
    std::fs::write(path("tiles.csv"), format!("path,z,y,x\n{}\n", lines.join("\n"))).expect("a writable folder");
    let mut other = lines;
    other.rotate_left(3);
    std::fs::write(path("other.csv"), format!("path,z,y,x\n{}\n", other.join("\n"))).expect("a writable folder");
    for smoothing in [&[][..], &["--sigma", "1", "--threshold", "20"]] {
        let run = |input: &str, more: &[&str]| {
            let out = path(&format!("out of {input}"));
            let call = ["run", text(&path(input)), "--out", text(&out), "--overwrite"].map(String::from);
            let more = more.iter().chain(smoothing).map(|&option| option.to_owned());
            succeed(&call.into_iter().chain(more).collect::<Vec<_>>());
            bytes_of_any_part(&out)
        };
        let expected = run("image.npy", &[]);
        assert!(expected[Path::new("branches.csv")].len() > 1000);
        for more in [&[][..], &["--chunk", "11", "--workers", "2"], &["--chunk", "7,30,50", "--processes", "2"]] {
            assert!(run("tiles.csv", more) == expected, "{smoothing:?} {more:?}");
        }
        assert!(run("other.csv", &[]) == expected, "{smoothing:?}");
    }
}

#[test]
fn bad_tables_are_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    cut(&Image::woven(&tangle(SHAPE), "uint16"), folder.path());
    for (table, code, said) in [
        ("path,z,y\ntile 0.tif,0,0\n", 65, "tiles.csv: has no column x;"),
        ("path,z,y,x\ntile 0.tif,0,0,here\n", 65, "tiles.csv: line 2: tile 0.tif: has \"here\" in column x"),
        ("path,z,y,x\ntile 0.tif,0,0,0\ntile 9.tif,0,0,9\n", 66, "tile 9.tif: is not there"),
        ("path,z,y,x\ntile 0.tif,0,0,0\ntile 1.npy,0,0,1e6\ntile 2.zarr,0,1e6,0\n", 65, "lies so far from the others"),
    ] {
        std::fs::write(path("tiles.csv"), table).expect("a writable folder");
        let out = path("out");
        let outcome = anabranch(["run", text(&path("tiles.csv")), "--out", text(&out)]);
        assert_eq!(outcome.code, code, "{outcome:?}");
        assert!(outcome.stderr.contains(said), "{said:?} is not in {outcome:?}");
        assert!(!out.exists());
    }
}

#[test]
fn a_stages_export_becomes_a_table() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let image = Image { dimensions: 2, ..part(&Image::woven(&tangle(SHAPE), "uint16"), [12, 0, 0], [1, 40, 44]) };
    let mut export = String::from("Calibration (µm/px): 0,5\nPoint Name X Pos [µm] Y Pos [µm] Z Pos [µm]\n");
    for (number, x) in [0, 20].into_iter().enumerate() {
        part(&image, [0, 0, x], [1, 40, 24]).write_tiff(&path(&format!("well_{number:03}.tif")));
        // The stage's y runs against the image's.
        writeln!(export, "#{number}\t{},5\t{},0\t1686,65", 7 + x / 2, -9 - 5 * number as i64).expect("a string");
    }
    std::fs::write(path("scan.txt"), &export).expect("a writable folder");
    let call = ["tiles", text(&path("scan.txt")), "--out", text(&path("tiles.csv"))].map(String::from);
    let outcome = succeed(&[&call[..], &["--reverse".to_owned(), "y".to_owned()]].concat());
    assert_eq!(outcome.stdout, format!("{}: 2 tiles\n", path("tiles.csv").display()));
    let table = std::fs::read_to_string(path("tiles.csv")).expect("a table");
    assert_eq!(
        table,
        "path,y,x,pixel_size,unit\nwell_000.tif,9,7.5,0.5,micrometer\nwell_001.tif,14,17.5,0.5,micrometer\n"
    );
    let again = anabranch(&call);
    assert!(again.code == 73 && again.stderr.contains("is there already"), "{again:?}");
    succeed(&[&call[..], &["--overwrite".to_owned(), "--quiet".to_owned()]].concat());
    let elsewhere = anabranch(["tiles", text(&path("scan.txt")), "--out", text(&path("tiles.txt"))]);
    assert!(elsewhere.code == 2 && elsewhere.stderr.contains("give one that ends in .csv"), "{elsewhere:?}");
    let wrong = anabranch(["tiles", text(&path("scan.txt")), "--out", text(&path("b.csv")), "--reverse", "w"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("give axes as in y,x"), "{wrong:?}");
    std::fs::write(path("scan.txt"), export.replace("#1", "#4")).expect("a writable folder");
    let unknown = anabranch(["tiles", text(&path("scan.txt")), "--out", text(&path("b.csv"))]);
    assert!(unknown.code == 65 && unknown.stderr.contains("names the point 4, and no image"), "{unknown:?}");
    assert!(!path("b.csv").exists());
    let missing = anabranch(["tiles", text(&path("scan")), "--out", text(&path("scan/tiles.csv"))]);
    assert!(missing.code == 66 && missing.stderr.contains("scan: "), "{missing:?}");
}

#[test]
fn a_grid_becomes_a_table_and_a_layout_is_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let image = Image { dimensions: 2, ..part(&Image::woven(&tangle(SHAPE), "uint16"), [12, 0, 0], [1, 36, 40]) };
    image.write_npy(&path("image.npy"));
    std::fs::create_dir(path("scan")).expect("a writable folder");
    // Two rows and two columns, up and down, from the right: tiles of 20 x 22, of which 4 are the neighbour's.
    let mut layout = String::from("dim = 2\n");
    for (number, [y, x]) in [[0, 18], [16, 18], [16, 0], [0, 0]].into_iter().enumerate() {
        let name = format!("tile_{}.tif", number + 8);
        part(&image, [0, y, x], [1, 20, 22]).write_tiff(&path("scan").join(&name));
        writeln!(layout, "{name}; ; ({x}.0, {y}.0)").expect("a string");
    }
    std::fs::write(path("scan/TileConfiguration.txt"), layout).expect("a writable folder");
    let grid = "--overlap 4px --scan-order snake-column --start top-right --quiet";
    for (table, how) in [("a.csv", "--grid 2x2"), ("b.csv", "--rows 2 --columns 2")] {
        let call = ["tiles", text(&path("scan")), "--out", text(&path(table))].map(String::from);
        let options = how.split_whitespace().chain(grid.split_whitespace()).map(String::from);
        succeed(&call.into_iter().chain(options).collect::<Vec<_>>());
    }
    let expected =
        "path,y,x\nscan/tile_8.tif,0,18\nscan/tile_9.tif,16,18\nscan/tile_10.tif,16,0\nscan/tile_11.tif,0,0\n";
    for table in ["a.csv", "b.csv"] {
        assert_eq!(std::fs::read_to_string(path(table)).expect("a table"), expected);
    }
    let run = |input: &str| {
        let out = path("out");
        succeed(&["run", text(&path(input)), "--out", text(&out), "--overwrite", "--quiet"].map(String::from));
        bytes_of_any_part(&out)
    };
    let whole = run("image.npy");
    assert!(["a.csv", "scan/TileConfiguration.txt"].iter().all(|table| run(table) == whole));
    for (options, said) in [
        ("--grid 3x2 --overlap 0.1", "has 4 images, but a grid of 3 rows and 2 columns has 6 places"),
        ("--grid 2x2", "give --overlap, such as 10% or 200px"),
        ("--overlap 10%", "--overlap is for grids"),
        ("--grid 0x4 --overlap 10%", "at least one row and one column"),
        ("--grid 2x2 --overlap 200px", "--overlap leaves nothing"),
    ] {
        let call = ["tiles", text(&path("scan")), "--out", text(&path("none.csv"))].map(String::from);
        let outcome = anabranch(call.into_iter().chain(options.split_whitespace().map(String::from)));
        assert!(outcome.code == 2 && outcome.stderr.contains(said), "{options}: {outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{options}: {outcome:?}");
    }
    assert!(!path("none.csv").exists());
}
