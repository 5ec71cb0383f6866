//! No parameter is forgotten where results depend on it.

use serde_json::{Value, json};

use super::*;
use crate::chunk::Voxels;
use crate::store::Source;
use crate::store::memory::MemorySource;

const FORM: ImageForm = ImageForm {
    dtype: Dtype::U16,
    stored: StoredType::U16,
    dimensions: 2,
    flat: true,
    fill: 0.0,
    spacing: Spacing([1.0; 3]),
    unit: None,
};

const OTSU: ThresholdRule = ThresholdRule::Above(ThresholdMethod::Otsu);

/// The form of the image that parameters are settled for.
fn form(parameters: &Parameters) -> ImageForm {
    let Description { spacing, unit, .. } = image(parameters);
    ImageForm { spacing, unit: unit.as_deref().and_then(LengthUnit::of), ..FORM }
}

/// Another value for every parameter, by its place in the whole.
fn others() -> Vec<(&'static str, Value)> {
    vec![
        ("/image/channel", json!(2)),
        ("/image/time", json!(3)),
        ("/image/region", json!([{"start": 0, "end": 5}, {"start": 1, "end": 4}])),
        ("/image/spacing", json!([250.0, 1000.0])),
        ("/image/unit", json!("mm")),
        ("/image/axes", json!(["y", "x"])),
        ("/image/mask", json!("lung.tif")),
        ("/image/atlas", json!("lobes.nii.gz")),
        ("/image/atlas_names", json!("lobes.csv")),
        ("/image/labels", json!(true)),
        ("/image/intensity", json!("raw.tif")),
        ("/image/mosaic/order", json!("Cubic")),
        ("/image/mosaic/blend", json!("Mean")),
        ("/image/mosaic/flip", json!([false, true, false])),
        ("/image/mosaic/crop", json!([0, 1, 1])),
        ("/image/mosaic/canvas", json!([{"start": -3, "end": 9}, {"start": 0, "end": 9}])),
        ("/image/mosaic/background", json!("dark.tif")),
        ("/image/mosaic/flat_field", json!("flat.tif")),
        ("/image/mosaic/gains", json!("gains.csv")),
        ("/image/mosaic/missing", json!("Await")),
        ("/sigma/values", json!([1.5, 0])),
        ("/sigma/unit", json!(null)),
        ("/threshold", json!({"value": {"Above": 7.0}})),
        ("/threshold", json!({"value": {"AtMost": 7.0}})),
        ("/threshold", json!({"at_most": "otsu"})),
        ("/threshold", json!({"above": "triangle"})),
        ("/threshold", json!({"value": {"Hysteresis": {"low": 3.0, "high": 7.0}}})),
        ("/filters/fill_holes", json!("any")),
        ("/filters/remove_smaller", json!(6)),
        ("/filters/keep_largest", json!(3)),
        ("/method", json!("Lee")),
        ("/provisional", json!(true)),
        ("/columns", json!("skan")),
        ("/prune/length", json!(5.0)),
        ("/prune/unit", json!("nm")),
        ("/prune/ratio", json!(3.0)),
        ("/prune/keep_border", json!(true)),
        ("/longest_path", json!(true)),
        ("/objects", json!(true)),
        ("/object_labels", json!(true)),
        ("/connectivity", json!("Edges")),
    ]
}

/// Parameters in which none has its default, but those that only a table of tiles has. Lengths are in nanometers, and a
/// voxel is 500 long, except for what is changed.
fn first() -> Parameters {
    let sigma = Sigma { values: vec![1.0], unit: Some("um".to_owned()) };
    let prune = PruneRule { length: Some(4.0), unit: Some("um".to_owned()), ratio: Some(2.0), keep_border: false };
    let fill_holes = Some(HoleSize::Below(9));
    let filters = FilterRule { fill_holes, remove_smaller: Some(5), keep_largest: Some(2) };
    Parameters { sigma: Some(sigma), threshold: OTSU, filters, prune, ..Parameters::default() }
}

/// All places of a JSON value that hold no further object.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value.as_object() {
        // Alternatives, of which each has a field of another name.
        Some(_) if ["/threshold", "/filters/fill_holes"].contains(&at) => found.push(at.to_owned()),
        Some(fields) => fields.iter().for_each(|(name, value)| places(value, &format!("{at}/{name}"), found)),
        None => found.push(at.to_owned()),
    }
}

/// The image as a source that was opened with parameters would describe it.
fn image(parameters: &Parameters) -> Description {
    let source = MemorySource::of(Voxels::filled(Dtype::U16, [1, 8, 9], 0.0), 2);
    let mut description = source.description().clone();
    description.spacing = match &parameters.image.spacing {
        Some(spacing) => Spacing([1.0, spacing[0], spacing[1]]),
        None => Spacing([1.0, 500.0, 500.0]),
    };
    description.unit = Some(parameters.image.unit.clone().unwrap_or("nanometer".to_owned()));
    description
}

fn summary(settled: &Settled) -> String {
    serde_json::to_string(&settled.described(&image(&settled.asked), Threshold::Above(3.0), true)).unwrap()
}

fn agreed(settled: &Settled) -> Vec<(String, String)> {
    let image = image(&settled.asked);
    settled.agreed(image.spacing, image.unit.as_deref())
}

fn of_records(settled: &Settled) -> [Vec<u8>; 2] {
    [postcard::to_stdvec(&settled.of_masks()).unwrap(), postcard::to_stdvec(&settled.of_thinning()).unwrap()]
}

#[test]
fn a_parameter_that_changes_is_noticed_by_summary_processes_and_state() {
    let first = first();
    let whole = serde_json::to_value(&first).unwrap();
    let mut known = Vec::new();
    places(&whole, "", &mut known);
    let mut listed: Vec<&str> = others().iter().map(|(place, _)| *place).collect();
    listed.sort_unstable();
    listed.dedup();
    known.sort_unstable();
    assert_eq!(known, listed, "every parameter has another value in this test");
    // Labels have neither a threshold nor filters.
    let filters = FilterRule::default();
    let plain = Parameters { sigma: None, threshold: ThresholdRule::default(), filters, ..first.clone() };
    for (place, other) in others() {
        let first = if place == "/image/labels" { &plain } else { &first };
        let before = first.settle(form(first)).unwrap();
        let mut changed = serde_json::to_value(first).unwrap();
        *changed.pointer_mut(place).unwrap() = other;
        let after: Parameters = serde_json::from_value(changed).unwrap();
        assert_ne!(after, *first, "{place}");
        let after = after.settle(form(&after)).unwrap();
        // Tiles that are waited for become the same image once they are there. Where gains lie says nothing of what they
        // are, and here is no such file.
        let is_told = !["/image/mosaic/missing", "/image/mosaic/gains"].contains(&place);
        assert_eq!(summary(&after) != summary(&before), is_told, "{place} in the summary");
        assert_eq!(agreed(&after) != agreed(&before), place != "/image/mosaic/missing", "{place} between processes");
        // Rows are made anew in every session, and the marks of tiles have what becomes of them. But smoothing by a length
        // depends on how large voxels are.
        let of_rows = [
            "/provisional",
            "/columns",
            "/longest_path",
            "/objects",
            "/object_labels",
            "/image/atlas",
            "/image/atlas_names",
        ];
        let is_of_rows = of_rows.contains(&place) || place.starts_with("/prune/");
        let is_of_marks = place.starts_with("/image/mosaic/");
        let expected = !is_of_rows && !is_of_marks;
        assert_eq!(of_records(&after) != of_records(&before), expected, "{place} in a state");
    }
}

#[test]
fn parameters_are_read_as_they_are_written() {
    for parameters in [first(), Parameters::default()] {
        let text = serde_json::to_string(&parameters).unwrap();
        assert_eq!(serde_json::from_str::<Parameters>(&text).unwrap(), parameters);
    }
    let some: Parameters = serde_json::from_str(r#"{"sigma": 2.0, "threshold": {"above": "otsu"}}"#).unwrap();
    assert_eq!((some.sigma, some.threshold), (Some(Sigma::from(2.0)), OTSU));
    let each: Parameters = serde_json::from_str(r#"{"sigma": [0, 2, 3.5]}"#).unwrap();
    assert_eq!(each.sigma, Some(Sigma { values: vec![0.0, 2.0, 3.5], unit: None }));
    assert!(serde_json::from_str::<Parameters>(r#"{"smoothing": 2.0}"#).is_err());
}

#[test]
fn defaults_follow_from_the_image() {
    let method =
        |dimensions, flat| Parameters::default().settle(ImageForm { dimensions, flat, ..FORM }).unwrap().method;
    assert_eq!([method(2, true), method(3, true), method(3, false)], [Method::Zhang, Method::LeePlanar, Method::Lee]);
    let homotopic = Parameters { method: Some(Method::Homotopic), ..Parameters::default() };
    let method = |dimensions, flat| homotopic.settle(ImageForm { dimensions, flat, ..FORM }).unwrap().method;
    let planar = Method::HomotopicPlanar;
    assert_eq!([method(2, true), method(3, true), method(3, false)], [planar, planar, Method::Homotopic]);
    let zhang = Parameters { method: Some(Method::Zhang), ..Parameters::default() };
    assert!(zhang.settle(ImageForm { dimensions: 3, ..FORM }).is_err());
    let smoothed = Parameters { sigma: Some(Sigma::from(1.0)), ..Parameters::default() };
    assert!(smoothed.settle(FORM).is_err());
    let above = Parameters { threshold: ThresholdRule::Value(Threshold::Above(0.5)), ..Parameters::default() };
    assert!(above.settle(ImageForm { dtype: Dtype::Bool, ..FORM }).is_err());
    // Of values that are stored in 16 bits, a threshold is the last of them that is not above it.
    let halves = ImageForm { dtype: Dtype::F32, stored: StoredType::F16, ..FORM };
    let third = Parameters { threshold: ThresholdRule::Value(Threshold::Above(0.1)), ..Parameters::default() };
    assert_ne!(third.settle(halves).unwrap().threshold, third.threshold);
    let dark = Parameters { threshold: ThresholdRule::Value(Threshold::AtMost(0.1)), ..Parameters::default() };
    assert!(dark.settle(halves).unwrap().threshold.is_at_most() && dark.settle(FORM).unwrap().threshold.is_at_most());
}

#[test]
fn a_length_that_is_smoothed_by_is_the_voxels_that_it_comes_to() {
    let settled = |sigma: Sigma, form: ImageForm| {
        Parameters { sigma: Some(sigma), threshold: OTSU, ..Parameters::default() }.settle(form).unwrap()
    };
    let form = ImageForm { spacing: Spacing([1.0, 0.5, 0.25]), unit: LengthUnit::of("um"), ..FORM };
    let [length, voxels] = [Sigma { values: vec![500.0], unit: Some("nm".to_owned()) }, Sigma::from(1.0)];
    let settled = [settled(length, form), settled(voxels, ImageForm { spacing: Spacing([1.0, 0.5, 0.5]), ..form })];
    assert_eq!(settled.each_ref().map(|it| it.sigma), [Some([0.0, 1.0, 2.0]), Some([0.0, 1.0, 1.0])]);
    assert_eq!(settled.each_ref().map(|it| it.sigma_text().unwrap()), ["1,2", "1"]);
    let described =
        settled.each_ref().map(|it| serde_json::to_value(it.described(&image(&it.asked), Threshold::Nonzero, false)));
    assert_eq!(described.map(|it| it.unwrap()["sigma"].clone()), [json!([1.0, 2.0]), json!(1.0)]);
    // Records are of the voxels, however they were asked for.
    let same = Parameters { sigma: Some(Sigma { values: vec![1.0, 2.0], unit: None }), ..settled[0].asked.clone() };
    assert_eq!(of_records(&same.settle(form).unwrap()), of_records(&settled[0]));
}

#[test]
fn labels_are_whole_numbers_without_a_threshold() {
    let mut labels = Parameters::default();
    labels.image.labels = true;
    assert!(labels.settle(FORM).is_ok());
    let floats = labels.settle(ImageForm { dtype: Dtype::F32, ..FORM }).unwrap_err().to_string();
    assert!(floats.contains("--labels") && floats.contains("float32"), "{floats}");
    for refused in [
        Parameters { threshold: OTSU, ..labels.clone() },
        Parameters { threshold: ThresholdRule::Value(Threshold::AtMost(1.0)), ..labels.clone() },
        Parameters { sigma: Some(Sigma::from(1.0)), ..labels.clone() },
    ] {
        assert!(refused.check().unwrap_err().to_string().contains("--labels"));
    }
    assert!(labels.check_for_epochs().unwrap_err().to_string().contains("--state"));
    assert!(Parameters::default().check_for_epochs().is_ok());
}
