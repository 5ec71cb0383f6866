//! Promise: what lies outside a region of interest counts as background, whatever the chunks, and the region is followed
//! like the image.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use crate::draw;
use crate::image::Image;
use crate::scene::{Scene, set_time};
use crate::sequential::Mask;
use crate::support::{anabranch, invariant_bytes, read_json, succeed};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A region of interest of a shape: lumps of noise.
fn region(shape: [usize; 3]) -> impl Strategy<Value = Mask> {
    let coarse = shape.map(|n| n.div_ceil(3));
    (proptest::collection::vec(any::<u8>(), coarse.iter().product::<usize>()), 100u8..=255).prop_map(
        move |(noise, share)| {
            let noise = Mask::new(coarse, noise.iter().map(|&n| n < share).collect());
            Mask::from_fn(shape, |p| noise.get(p.map(|n| n / 3)))
        },
    )
}

/// The image with everything but the region set to 0.
fn zeroed(image: &Image, region: &Mask) -> Image {
    let values = image.values.iter().zip(&region.voxels).map(|(&value, &inside)| if inside { value } else { 0.0 });
    Image { values: values.collect(), ..image.clone() }
}

/// Runs on an image, and returns the outputs that chunks do not change, but for the summary, and that.
fn run(
    input: &Path,
    out: &Path,
    options: &[&str],
) -> (std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>, serde_json::Value) {
    let call = [&["run", text(input), "--out", text(out), "--quiet", "--overwrite"], options].concat();
    succeed(&call);
    let mut files = invariant_bytes(out);
    files.remove(Path::new("summary.json"));
    (files, read_json(out, "summary.json"))
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 60, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn a_confined_run_has_the_results_of_one_on_the_image_without_what_lies_outside(
        (mask, region, chunks) in draw::mask(20).prop_flat_map(|mask| {
            let (shape, region) = (mask.shape, region(mask.shape));
            (Just(mask), region, [shape; 2].map(draw::chunk_shape))
        }),
        with_threshold: bool,
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [input, roi, zero, out] = ["image.npy", "roi.npy", "zero.npy", "out"].map(|name| folder.path().join(name));
        let image = Image::woven(&mask, "uint8");
        image.write_npy(&input);
        Image::woven(&region, "uint16").write_npy(&roi);
        zeroed(&image, &region).write_npy(&zero);
        let threshold: &[&str] = if with_threshold { &["--threshold", "60"] } else { &[] };
        let (expected, of_zeroed) = run(&zero, &folder.path().join("expected"), threshold);
        for (chunk, workers) in chunks.iter().zip(["1", "3"]) {
            let chunk = chunk.map(|n| n.to_string()).join(",");
            let options = [&["--mask", text(&roi), "--chunk", &chunk, "--workers", workers], threshold].concat();
            let (found, summary) = run(&input, &out, &options);
            prop_assert!(found == expected, "chunks {chunk}");
            let share = |summary: &serde_json::Value| summary["foreground_fraction"].as_f64().expect("a share");
            let (inside, all) = (region.count() as f64, region.voxels.len() as f64);
            if inside > 0.0 {
                prop_assert!((share(&summary) * inside - share(&of_zeroed) * all).abs() < 1e-6);
            }
            prop_assert_eq!(&summary["parameters"]["mask"], "roi.npy");
        }
    }
}

#[test]
fn a_region_may_have_any_format_and_is_cut_like_the_image_by_every_process() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, roi, zarr, zero] =
        ["image.npy", "roi.npy", "roi.zarr", "zero.npy"].map(|name| folder.path().join(name));
    let mask = draw::tangle([24, 26, 30]);
    let region = Mask::from_fn(mask.shape, |[z, y, x]| z > 4 && (y + x) % 17 > 3);
    let image = Image::woven(&mask, "uint8");
    image.write_npy(&input);
    Image::of_mask(&region).write_npy(&roi);
    Image::of_mask(&region).write_zarr(&zarr, &[7, 9, 11], r#"[{"name": "bytes"}]"#);
    zeroed(&image, &region).write_npy(&zero);
    let part = ["--region", "2:20,1:26,3:29"];
    let expected = run(&zero, &folder.path().join("expected"), &part).0;
    for (place, region, more) in
        [(0, &roi, "--workers=2"), (1, &zarr, "--workers=1"), (2, &zarr, "--processes=3"), (3, &roi, "--chunk=5")]
    {
        let out = folder.path().join(format!("out{place}"));
        let found = run(&input, &out, &[&part[..], &["--mask", text(region), more]].concat()).0;
        assert!(found == expected, "{more}");
    }
}

#[test]
fn a_region_that_changes_is_followed_and_only_what_it_changes_is_thinned_again() {
    let mask = draw::tangle([24, 24, 48]);
    let scene = Scene::of(&Image::woven(&mask, "uint8"), &[8, 8, 8], r#"[{"name": "bytes"}]"#);
    let roi = scene.path("roi.npy");
    let mut age = std::time::SystemTime::now() - std::time::Duration::from_secs(100_000);
    let mut write = |inside: &dyn Fn([i64; 3]) -> bool| {
        Image::of_mask(&Mask::from_fn(mask.shape, inside)).write_npy(&roi);
        age += std::time::Duration::from_secs(10);
        set_time(&roi, age);
    };
    write(&|_| true);
    let options = ["--mask", text(&roi)];
    let (read, thinned) = scene.work(&options);
    assert!(read > 0 && thinned > 0);
    scene.assert_as_from_scratch(&options);
    write(&|[z, y, x]| !(z < 8 && y < 8 && x < 8) || x > 4);
    assert!(scene.work(&options).1 < thinned);
    scene.assert_as_from_scratch(&options);
    // Nothing has changed.
    assert_eq!(scene.work(&options), (0, 0));
    write(&|[z, _, x]| z > 6 && x < 40);
    scene.run(&options);
    scene.assert_as_from_scratch(&options);
    // Without the region everything counts again.
    scene.run(&[]);
    scene.assert_as_from_scratch(&[]);
}

#[test]
fn watch_follows_the_region_too() {
    let mask = draw::tangle([16, 16, 24]);
    let scene = Scene::of(&Image::woven(&mask, "uint8"), &[8, 8, 8], r#"[{"name": "bytes"}]"#);
    let roi = scene.path("roi.npy");
    let write =
        |most: i64| Image::of_mask(&Mask::from_fn(mask.shape, |[_, _, x]| x < most)).write_npy(&scene.path("roi.npy"));
    write(20);
    let options = ["--mask", text(&roi)];
    let mut watch = scene.watch(&options);
    scene.wait_as_from_scratch(&options, &mut watch);
    write(11);
    scene.wait_as_from_scratch(&options, &mut watch);
    watch.interrupt();
}

#[test]
fn regions_of_no_use_are_refused_by_name_and_leave_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, other, out] = ["image.npy", "other.npy", "out"].map(|name| folder.path().join(name));
    Image::of_mask(&draw::tangle([8, 9, 10])).write_npy(&input);
    Image::of_mask(&draw::tangle([8, 9, 11])).write_npy(&other);
    let call = |roi: &Path, out: &Path| anabranch(["run", text(&input), "--mask", text(roi), "--out", text(out)]);
    let wrong = call(&other, &out);
    assert!(wrong.code == 65 && wrong.stderr.contains("other.npy") && wrong.stderr.contains("8 x 9 x 11"), "{wrong:?}");
    let missing = call(&folder.path().join("none.tif"), &out);
    assert!(missing.code == 66 && missing.stderr.contains("none.tif"), "{missing:?}");
    let inside = folder.path().join("roi");
    fs::create_dir(&inside).expect("a folder");
    let within = inside.join("roi.npy");
    Image::of_mask(&draw::tangle([8, 9, 10])).write_npy(&within);
    let refused = call(&within, &inside);
    assert!(refused.code == 2 && refused.stderr.contains("holds the mask"), "{refused:?}");
    assert!(!out.exists() && within.exists());
}
