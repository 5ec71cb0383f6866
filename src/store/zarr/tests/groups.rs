//! Arrays in groups: calibration from the groups, axes by name, collections of images.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::writing::{bytes, chunk_values, put, values, version2, version3, with, write_version2, write_version3};
use crate::chunk::Voxels;
use crate::error::{Error, Kind};
use crate::space::Spacing;
use crate::store::fixtures::{SHAPE, assert_holds};
use crate::store::zarr::ZarrSource;
use crate::store::{OpenOptions, Source};

fn open(path: &Path) -> ZarrSource {
    ZarrSource::open(path, &OpenOptions::default()).unwrap()
}

fn refusal(path: &Path) -> Error {
    ZarrSource::open(path, &OpenOptions::default()).unwrap_err()
}

/// The metadata of a group of version 3.
fn group(attributes: Value) -> String {
    json!({"zarr_format": 3, "node_type": "group", "attributes": attributes}).to_string()
}

/// An image of one level, and its group.
fn image(folder: &Path, axes: &str, scale: [f64; 3]) -> PathBuf {
    let axes: Vec<Value> = axes.chars().map(|a| json!({"name": a.to_string(), "unit": "nm"})).collect();
    let dataset = |path: &str, by: f64| {
        let scale = scale.map(|n| n * by);
        json!({"path": path, "coordinateTransformations": [{"type": "scale", "scale": scale}]})
    };
    let multiscale = json!({"axes": axes, "datasets": [dataset("a/0", 1.0), dataset("a/1", 2.0)]});
    put(
        &folder.join("zarr.json"),
        group(json!({"ome": {"version": "0.5", "multiscales": [multiscale, {}],
        "omero": {"channels": [{"label": "vessels"}]}}}))
        .as_bytes(),
    );
    put(&folder.join("a/zarr.json"), group(json!({})).as_bytes());
    for level in ["a/0", "a/1"] {
        write_version3(&folder.join(level), &version3(json!(["bytes"])), |bytes| bytes);
    }
    folder.to_owned()
}

#[test]
fn an_array_in_a_group_has_the_calibration_of_its_level() {
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), "zyx", [2.0, 0.5, 0.25]);
    for (inside, factor) in [("", 1.0), ("a/0", 1.0), ("a/1/", 2.0), ("a/../a/1", 2.0)] {
        let source = open(&path.join(inside));
        let Description { spacing, unit } = Description::of(&source);
        assert_eq!(
            (spacing, unit.as_deref()),
            (Spacing([2.0 * factor, 0.5 * factor, 0.25 * factor]), Some("nanometer"))
        );
        let details = source.details();
        assert_eq!((&*details.format, &*details.spacing_from), ("OME-Zarr 0.5", "the OME metadata"));
        assert_eq!(details.channel_names, ["vessels"]);
        assert!(details.notes.contains(&"the first of 2 multiscales is read".to_owned()), "{details:?}");
    }
    let given = OpenOptions { spacing: Some(vec![3.0]), ..OpenOptions::default() };
    let given = ZarrSource::open(path.join("a/1"), &given).unwrap();
    assert_eq!(given.description().spacing, Spacing([3.0; 3]));
}

/// The voxel size of a source.
struct Description {
    spacing: Spacing,
    unit: Option<String>,
}

impl Description {
    fn of(source: &dyn Source) -> Description {
        let description = source.description();
        Description { spacing: description.spacing, unit: description.unit.clone() }
    }
}

#[test]
fn axes_in_another_order_stay_in_it_with_a_warning_and_are_turned_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let source = open(&image(folder.path(), "xyz", [2.0, 0.5, 0.25]));
    assert_holds(&source, &values());
    assert_eq!(source.description().spacing, Spacing([2.0, 0.5, 0.25]));
    assert!(source.warnings()[0].contains("has its axes in the order x, y, z"), "{:?}", source.warnings());
    let as_named = OpenOptions { axes: Some(vec!['x', 'y', 'z']), ..OpenOptions::default() };
    let turned = ZarrSource::open(folder.path(), &as_named).unwrap();
    let Voxels::U16(array) = values() else { unreachable!() };
    assert_holds(&turned, &Voxels::U16(array.permuted_axes([2, 1, 0]).as_standard_layout().into_owned()));
    assert_eq!(turned.description().spacing, Spacing([0.25, 0.5, 2.0]));
    let believed = OpenOptions { axes: Some(vec!['z', 'y', 'x']), ..OpenOptions::default() };
    let plain = ZarrSource::open(folder.path(), &believed).unwrap();
    assert_holds(&plain, &values());
    assert!(plain.warnings().is_empty());
}

#[test]
fn names_that_xarray_leaves_say_which_axis_is_picked_along() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_version2(folder.path(), &version2(), |bytes| bytes);
    put(&path.join(".zattrs"), br#"{"_ARRAY_DIMENSIONS": ["time", "lat", "lon"], "missing": NaN}"#);
    let error = refusal(&path);
    assert_eq!(error.kind(), Kind::Usage);
    assert!(error.to_string().contains("pick one with --time 0 to 4"), "{error}");
    let options = OpenOptions { time: Some(2), ..OpenOptions::default() };
    let picked = ZarrSource::open(&path, &options).unwrap();
    let Voxels::U16(array) = values() else { unreachable!() };
    assert_holds(&picked, &Voxels::U16(array.slice(ndarray::s![2..3, .., ..]).to_owned()));
    assert_eq!(picked.details().times, Some(5));
    let names = picked.details().axes.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names, ["time", "lat", "lon"]);
}

#[test]
fn an_array_of_our_own_has_the_size_of_its_voxels_in_its_attributes() {
    let folder = tempfile::tempdir().unwrap();
    let attributes = json!({"spacing": [2.0, 0.5, 0.25], "unit": "micrometer"});
    let own = with(version3(json!(["bytes"])), json!({"attributes": attributes, "dimension_names": ["z", "y", "x"]}));
    let source = open(&write_version3(folder.path(), &own, |bytes| bytes));
    let Description { spacing, unit } = Description::of(&source);
    assert_eq!((spacing, unit.as_deref()), (Spacing([2.0, 0.5, 0.25]), Some("micrometer")));
    assert_eq!(source.details().spacing_from, "its attributes");
}

#[test]
fn metadata_that_only_the_group_holds_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_version2(&folder.path().join("0"), &version2(), |bytes| bytes).parent().unwrap().to_owned();
    std::fs::remove_file(path.join("0/.zarray")).unwrap();
    let attributes = json!({"multiscales": [{"datasets": [{"path": "0"}]}]});
    let all = json!({"zarr_consolidated_format": 1,
                     "metadata": {".zgroup": {"zarr_format": 2}, ".zattrs": attributes, "0/.zarray": version2()}});
    put(&path.join(".zmetadata"), all.to_string().as_bytes());
    assert_holds(&open(&path), &values());
    // Without them the refusal names the missing ones.
    std::fs::remove_file(path.join(".zmetadata")).unwrap();
    put(&path.join(".zattrs"), attributes.to_string().as_bytes());
    let error = refusal(&path);
    assert_eq!(error.kind(), Kind::Missing);
    assert!(error.to_string().contains("has no metadata of an array (zarr.json or .zarray)"), "{error}");
}

/// A plate with `fields` fields in each of `wells` wells.
fn plate(folder: &Path, wells: usize, fields: usize) -> PathBuf {
    let path = |well: usize| format!("A/{}", well + 1);
    let list: Vec<Value> = (0..wells).map(|well| json!({"path": path(well)})).collect();
    put(&folder.join("zarr.json"), group(json!({"ome": {"version": "0.5", "plate": {"wells": list}}})).as_bytes());
    for well in 0..wells {
        let images: Vec<Value> = (0..fields).map(|field| json!({"path": field.to_string()})).collect();
        let text = group(json!({"ome": {"version": "0.5", "well": {"images": images}}}));
        put(&folder.join(path(well)).join("zarr.json"), text.as_bytes());
        for field in 0..fields {
            image(&folder.join(path(well)).join(field.to_string()), "zyx", [2.0, 0.5, 0.25]);
        }
    }
    folder.to_owned()
}

#[test]
fn plates_and_wells_list_their_images_or_are_read_where_they_have_one() {
    let folder = tempfile::tempdir().unwrap();
    let one = plate(&folder.path().join("one.zarr"), 1, 1);
    for inside in ["", "A/1"] {
        assert_eq!(open(&one.join(inside)).description().spacing, Spacing([2.0, 0.5, 0.25]));
    }
    let notes = open(&one).details().notes;
    assert!(notes.contains(&"the only image of the collection is read, A/1/0".to_owned()), "{notes:?}");
    let some = plate(&folder.path().join("some.zarr"), 2, 2);
    let error = refusal(&some);
    assert_eq!(error.kind(), Kind::Usage);
    let text = error.to_string();
    assert!(text.contains("is a plate of 4 images in 2 wells; give the path of one: "), "{text}");
    let last = text.rsplit(", ").next().unwrap();
    assert_eq!(last, some.join("A/2/1").display().to_string());
    assert!(open(Path::new(last)).description().unit.is_some());
    let text = refusal(&some.join("A/1")).to_string();
    assert!(text.contains("is a well of 2 images; give the path of one: "), "{text}");
    let many = refusal(&plate(&folder.path().join("many.zarr"), 20, 1)).to_string();
    assert!(many.contains("is a plate of images in 20 wells") && many.ends_with("A/5/0 (and more)"), "{many}");
    assert_eq!(many.matches("A/").count(), 5);
}

#[test]
fn converted_files_of_several_series_list_them() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder.path().join("zarr.json"), group(json!({"ome": {"bioformats2raw.layout": 3}})).as_bytes());
    image(&folder.path().join("0"), "zyx", [2.0, 0.5, 0.25]);
    // Those that exist, if none are listed.
    assert_eq!(open(folder.path()).description().spacing, Spacing([2.0, 0.5, 0.25]));
    image(&folder.path().join("1"), "zyx", [2.0, 0.5, 0.25]);
    let text = refusal(folder.path()).to_string();
    assert!(text.contains("collection of 2 images; give the path of one: "), "{text}");
    put(&folder.path().join("OME/zarr.json"), group(json!({"ome": {"series": ["1"]}})).as_bytes());
    let notes = open(folder.path()).details().notes;
    assert!(notes.contains(&"the only image of the collection is read, 1".to_owned()), "{notes:?}");
}

#[test]
fn labels_and_groups_of_arrays_list_them() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder.path().join("labels/zarr.json"), group(json!({"ome": {"labels": ["a", "b"]}})).as_bytes());
    let text = refusal(&folder.path().join("labels")).to_string();
    assert!(text.contains("is a group of labels of 2 images; give the path of one: "), "{text}");
    put(&folder.path().join("zarr.json"), group(json!({})).as_bytes());
    for name in ["raw", "deeper/mask"] {
        write_version3(&folder.path().join(name), &version3(json!(["bytes"])), |_| bytes(&chunk_values([0; 3])));
    }
    put(&folder.path().join("deeper/zarr.json"), group(json!({})).as_bytes());
    let error = refusal(folder.path());
    assert_eq!(error.kind(), Kind::Data);
    let expected = format!(
        "give the path of one array in it, such as {}, {}",
        folder.path().join("deeper/mask").display(),
        folder.path().join("raw").display()
    );
    assert!(error.to_string().ends_with(&expected), "{error}");
    assert_eq!(open(&folder.path().join("raw")).description().shape, SHAPE);
}
