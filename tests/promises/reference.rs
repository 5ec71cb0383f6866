//! Promise: the skeleton is scikit-image's, voxel for voxel, and the table skan's. By the homotopic method, which scikit-image
//! does not have, the skeleton is that of its definition in Python.

use crate::fixtures::{self, Fixture};
use crate::sequential::table;
use crate::sequential::{Mask, Method};
use crate::support::{read_skeleton, read_table, succeed};

/// The first way in which an answer differs from a fixture's.
fn fault(fixture: &Fixture, skeleton: &Mask, columns: &[String], rows: &[Vec<f64>]) -> Option<String> {
    let wrong = skeleton.voxels.iter().zip(&fixture.skeleton.voxels).filter(|(have, want)| have != want).count();
    if skeleton.shape != fixture.skeleton.shape || wrong > 0 {
        return Some(format!("{}: {wrong} skeleton voxels differ", fixture.name));
    }
    // Those that follow skan's are not skan's.
    let of_skan = fixture.columns.len();
    if columns.get(..of_skan) != Some(&fixture.columns[..]) {
        return Some(format!("{}: columns {columns:?}", fixture.name));
    }
    let rows: Vec<Vec<f64>> = rows.iter().map(|row| row[..of_skan].to_vec()).collect();
    table::difference(&fixture.columns, &fixture.rows, &rows)
        .map(|difference| format!("{}: {difference}", fixture.name))
}

#[test]
fn the_sequential_reference_equals_scikit_image_and_skan() {
    let faults: Vec<String> = fixtures::all()
        .iter()
        .filter_map(|fixture| {
            let skeleton = fixture.method.thin(&fixture.mask);
            let rows: Vec<_> = table::rows(&skeleton, &fixture.image.values, fixture.spacing)
                .iter()
                .map(|row| table::numbers(row, fixture.image.dimensions, fixture.spacing))
                .collect();
            fault(fixture, &skeleton, &table::columns(fixture.image.dimensions), &rows)
        })
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_fixtures_hold_every_kind_of_branch_and_all_methods() {
    let fixtures = fixtures::all();
    for kind in 0..4 {
        assert!(
            fixtures.iter().any(|f| f.rows.iter().any(|row| row[4] == f64::from(kind))),
            "no branch of kind {kind}"
        );
    }
    for method in Method::ALL {
        assert!(fixtures.iter().any(|f| f.method == method && f.image.dimensions == 2), "no image by {method:?}");
    }
}

#[test]
fn the_program_equals_scikit_image_and_skan() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let faults: Vec<String> = fixtures::all()
        .iter()
        .filter_map(|fixture| {
            let [input, out] = ["npy", "out"].map(|end| folder.path().join(format!("{}.{end}", fixture.name)));
            fixture.image.write_npy(&input);
            let [input, out_name] = [&input, &out].map(|path| path.to_str().expect("UTF-8").to_string());
            let mut call = vec!["run".to_string(), input, "--out".into(), out_name, "--quiet".into()];
            call.extend(fixture.options());
            succeed(&call);
            let (table, skeleton) = (read_table(&out), read_skeleton(&out).1);
            fault(fixture, &skeleton, &table.columns, &table.rows)
        })
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}
