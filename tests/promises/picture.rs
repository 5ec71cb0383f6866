//! Promise: the picture is one for a figure, as pixels or as lines and text.

use roxmltree::Document;

use crate::draw::tangle;
use crate::image::Image;
use crate::sequential::Mask;
use crate::support::{anabranch, read_table, succeed};

#[test]
fn a_picture_as_svg_is_well_formed_and_every_branch_is_a_path_on_every_panel() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let flat = Mask::from_fn([1, 20, 30], |[_, y, x]| y == 10 || x == 15 && y > 3 || [y, x] == [2, 2]);
    for (mask, panels, colour) in
        [(tangle([16, 18, 20]), 3, "kind"), (tangle([16, 18, 20]), 3, "radius"), (flat, 1, "kind")]
    {
        let mut image = Image::of_mask(&mask);
        image.dimensions = if panels == 1 { 2 } else { 3 };
        image.write_npy(text("mask.npy").as_ref());
        let [input, out] = ["mask.npy", "out"].map(text);
        let call = ["run", &input, "-o", &out, "--overwrite", "--quiet", "--spacing", "0.5um"];
        succeed(&[&call[..], &["--picture-format", "svg", "--picture-colour", colour]].concat());
        assert!(folder.path().join("out/overview.png").is_file(), "overview.png is always there");
        let svg = std::fs::read_to_string(folder.path().join("out/overview.svg")).expect("overview.svg");
        let document = Document::parse(&svg).expect("well-formed XML");
        let count = |name: &str| document.descendants().filter(|node| node.tag_name().name() == name).count();
        let nodes = std::fs::read_to_string(folder.path().join("out/nodes.csv")).expect("nodes.csv");
        let degree =
            nodes.lines().next().expect("a header").split(',').position(|name| name == "degree").expect("degrees");
        let isolated = nodes.lines().filter(|row| row.split(',').nth(degree) == Some("0")).count();
        assert_eq!(count("path"), panels * (read_table(out.as_ref()).rows.len() + isolated), "{colour}");
        assert_eq!(count("image"), panels);
        let all = |name: &str| document.descendants().filter_map(|node| node.attribute(name)).collect::<Vec<_>>();
        let (ids, used) = (all("id"), all("href").into_iter().filter_map(|href| href.strip_prefix('#')));
        assert!(used.clone().count() >= panels, "lines have a dark edge, from what is drawn already");
        used.for_each(|id| assert!(ids.contains(&id), "{id}"));
        let words: String = document.descendants().filter_map(|node| node.text()).collect();
        assert!(words.contains("µm"), "the scale bar has its unit: {words}");
        assert!(words.contains(if colour == "kind" { "junction to tip" } else { "mean radius" }), "{words}");
        // Another run takes away what it does not write.
        succeed(&call);
        assert!(!folder.path().join("out/overview.svg").exists());
    }
    assert_eq!(anabranch(["run", "a.npy", "-o", "b", "--picture-format", "pdf"]).code, 2);
}
