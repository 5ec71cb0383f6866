//! Promise: radii are the exact distances from the background, for every chunking and number of workers, and what follows
//! from them is what its definition says.

use std::path::Path;

use crate::fixtures;
use crate::image::Image;
use crate::sequential::{Mask, Method, Position, radii, table};
use crate::support::{invariant_bytes, read_table, succeed};

/// How a table differs from what the definition says of radii.
fn fault(mask: &Mask, skeleton: &Mask, dimensions: usize, spacing: [f64; 3], out: &Path) -> Option<String> {
    let found = read_table(out);
    let (names, cut) = (radii::COLUMNS.map(String::from), table::columns(dimensions).len());
    if found.columns[cut..] != names {
        return Some(format!("columns {:?}", &found.columns[cut..]));
    }
    let rows: Vec<Vec<f64>> = found.rows.iter().map(|row| row[cut..].to_vec()).collect();
    table::difference(&names, &radii::rows(mask, skeleton, spacing), &rows)
}

fn run(input: &str, out: &Path, options: &[String]) {
    let out = out.to_str().expect("UTF-8").to_owned();
    let call = ["run", input, "--out", &out, "--quiet", "--overwrite"].map(str::to_owned);
    succeed(&call.into_iter().chain(options.iter().cloned()).collect::<Vec<_>>());
}

#[test]
fn radii_of_the_fixtures_are_distances_from_the_background() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out");
    let faults: Vec<String> = fixtures::all()
        .iter()
        .filter_map(|fixture| {
            let input = folder.path().join(format!("{}.npy", fixture.name));
            fixture.image.write_npy(&input);
            run(input.to_str().expect("UTF-8"), &out, &fixture.options());
            let fault = fault(&fixture.mask, &fixture.skeleton, fixture.image.dimensions, fixture.spacing, &out);
            fault.map(|fault| format!("{}: {fault}", fixture.name))
        })
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Bars much thicker than a chunk, one against the bounds, and one through the whole volume.
fn bars([z, y, x]: Position) -> bool {
    let within = |at: i64, from: i64, size: i64| (from..from + size).contains(&at);
    within(z, 3, 15) && within(y, 4, 13) && within(x, 2, 37)
        || within(z, 20, 4) && within(y, 0, 5)
        || within(z, 17, 4) && within(y, 9, 3) && within(x, 9, 3)
}

#[test]
fn radii_larger_than_chunks_do_not_depend_on_chunks_workers_or_processes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, first, other] = ["bars.npy", "first", "other"].map(|name| folder.path().join(name));
    let mask = Mask::from_fn([24, 21, 43], bars);
    let values = mask.voxels.iter().map(|&voxel| f64::from(u8::from(voxel))).collect();
    Image { shape: mask.shape, dimensions: 3, values, dtype: "uint8".into() }.write_npy(&input);
    let input = input.to_str().expect("UTF-8");
    for spacing in [[1.0, 1.0, 1.0], [0.5, 0.684, 0.684], [5.0, 1.0, 1.0]] {
        let given = spacing.map(|size: f64| size.to_string()).join(",");
        let options = |more: &str| -> Vec<String> {
            ["--spacing", &given].into_iter().chain(more.split(' ')).map(str::to_owned).collect()
        };
        run(input, &first, &options("--workers 1"));
        assert_eq!(fault(&mask, &Method::Lee.thin(&mask), 3, spacing, &first), None, "spacing {spacing:?}");
        for more in ["--workers 2 --chunk 8", "--workers 4 --chunk 5,9,7", "--processes 3 --chunk 11"] {
            run(input, &other, &options(more));
            assert!(invariant_bytes(&other) == invariant_bytes(&first), "{more} with spacing {given}");
        }
    }
}

#[test]
fn a_mask_without_background_has_no_radii() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out] = ["full.npy", "out"].map(|name| folder.path().join(name));
    // A line along x: Lee's thinning leaves it as it is.
    let mask = Mask::from_fn([1, 1, 9], |_| true);
    Image { shape: mask.shape, dimensions: 3, values: vec![1.0; 9], dtype: "uint8".into() }.write_npy(&input);
    run(input.to_str().expect("UTF-8"), &out, &[]);
    let table = read_table(&out);
    let value = |name: &str| table.rows[0][table.columns.iter().position(|column| column == name).expect("a column")];
    assert!(["mean_radius", "max_radius", "volume"].into_iter().all(|name| value(name).is_nan()), "{table:?}");
    assert_eq!((value("branch_distance"), value("touches_border")), (8.0, 1.0));
}

#[test]
fn columns_of_skan_are_those_of_skan_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, all, skan] = ["bars.npy", "all", "skan"].map(|name| folder.path().join(name));
    let mask = Mask::from_fn([24, 21, 43], bars);
    let values = mask.voxels.iter().map(|&voxel| f64::from(u8::from(voxel))).collect();
    Image { shape: mask.shape, dimensions: 3, values, dtype: "uint8".into() }.write_npy(&input);
    let input = input.to_str().expect("UTF-8");
    run(input, &all, &[]);
    run(input, &skan, &["--columns".to_owned(), "skan".to_owned()]);
    let (all, skan) = (read_table(&all), read_table(&skan));
    assert_eq!(skan.columns, table::columns(3));
    let cut: Vec<&[f64]> = all.rows.iter().map(|row| &row[..skan.columns.len()]).collect();
    assert_eq!(skan.rows, cut);
}
