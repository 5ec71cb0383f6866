//! Promise: a report is one page that shows the results alone: the same bytes for every chunking, nothing from outside, and
//! nothing that names of files could put into it.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::draw::tangle;
use crate::image::{Image, PLAIN};
use crate::support::{anabranch, read_json, succeed};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn page(path: &Path) -> String {
    fs::read_to_string(path).expect("a page")
}

#[test]
fn a_report_has_the_same_bytes_for_every_chunking() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    Image::woven(&tangle([14, 20, 26]), "uint16").write_npy(&at("image.npy"));
    let report = |out: &str, options: &[&str]| {
        let call = ["run", text(&at("image.npy")), "--quiet", "--spacing", "2,0.5,0.25um", "--threshold", "0", "--out"]
            .map(str::to_owned);
        let options = options.iter().map(|option| (*option).to_owned()).collect::<Vec<_>>();
        succeed(&[&call[..], &[text(&at(out)).to_owned()], &options].concat());
        let told = succeed(&["report", text(&at(out))]).stdout;
        assert!(told.contains("report.html: open it in a browser"), "{told}");
        page(&at(out).join("report.html"))
    };
    let expected = report("whole", &["--chunk", "32", "--workers", "1"]);
    for (out, options) in [
        ("parts", &["--chunk", "5,7,6", "--workers", "3"][..]),
        ("processes", &["--chunk", "8", "--workers", "1", "--processes", "2"]),
    ] {
        assert!(report(out, options) == expected, "{out}");
    }
    assert!(expected.contains("2 × 0.5 × 0.25 µm") && expected.contains("id=\"lines-data\""));
    for outside in ["src=\"http", "url(http", "@import", "<link rel=\"stylesheet"] {
        assert!(!expected.contains(outside), "{outside}");
    }
}

#[cfg(unix)]
#[test]
fn names_cannot_put_anything_into_a_report() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let image = at("a<script>alert(1)<!--\"'&amp;.npy");
    Image::of_mask(&tangle([10, 12, 14])).write_npy(&image);
    succeed(&["run", text(&image), "--quiet", "--out", text(&at("out"))]);
    // What files say of themselves gets into the record of the run, and warnings into the summary.
    let hostile = "</script><img src=x onerror=alert(2)>";
    for (name, key, value) in
        [("run.json", "understood", json!(hostile)), ("summary.json", "warnings", json!([hostile]))]
    {
        let mut record = read_json(&at("out"), name);
        record[key] = value;
        fs::write(at("out").join(name), record.to_string()).expect("a record");
    }
    succeed(&["report", text(&at("out")), "--quiet"]);
    let page = page(&at("out/report.html"));
    assert!(!page.contains("<script>alert") && !page.contains("<img src=x") && !page.contains("<!--"));
    assert!(page.contains("a&lt;script&gt;alert(1)") && page.contains("onerror=alert(2)&gt;"), "both are told");
}

#[test]
fn results_of_every_form_have_a_report() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let image = Image::woven(&tangle([12, 16, 20]), "uint8");
    image.write_npy(&at("image.npy"));
    Image { values: vec![0.0; image.values.len()], ..Image::of_mask(&tangle([12, 16, 20])) }
        .write_npy(&at("empty.npy"));
    Image { dimensions: 2, ..Image::of_mask(&tangle([1, 40, 50])) }.write_npy(&at("flat.npy"));
    for (name, input, options, has) in [
        ("skan", "image.npy", &["--columns", "skan"][..], "do not tell which branches touch"),
        ("labels", "image.npy", &["--labels"], "[\"label\",\"u32\""),
        ("empty", "empty.npy", &[], "There is no branch"),
        ("flat", "flat.npy", &[], "Lines run within"),
        ("pruned", "image.npy", &["--prune", "2", "--longest-path"], "Side branches pruned below"),
    ] {
        let (input, out) = (at(input), at(name));
        succeed(&[&["run", text(&input), "--quiet", "--out", text(&out)], options].concat());
        succeed(&["report", text(&out), "-o", text(&at("page.html")), "--quiet"]);
        assert!(page(&at("page.html")).contains(has), "{name}");
    }
}

#[test]
fn a_report_replaces_an_earlier_one_and_nothing_else_and_goes_with_its_results() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let image = Image::of_mask(&tangle([10, 12, 14]));
    image.write_zarr(&at("image.zarr"), &[5, 6, 7], PLAIN);
    let (input, out, state) = (at("image.zarr"), at("out"), at("state"));
    let run = ["run", text(&input), "--quiet", "--out", text(&out), "--state", text(&state)];
    succeed(&run);
    succeed(&["report", text(&out), "--quiet"]);
    // The state knows where the results are that were made from it.
    succeed(&["report", text(&state), "--quiet"]);
    // A run after it may write there again, and takes the report of the earlier results away.
    succeed(&[&run[..], &["--verify"]].concat());
    assert!(!out.join("report.html").exists());
    fs::write(at("mine.html"), "mine").expect("a file");
    let refused = anabranch(["report", text(&out), "-o", text(&at("mine.html"))]);
    assert!(refused.code == 73 && refused.stderr.contains("--overwrite"), "{}", refused.stderr);
    assert_eq!(page(&at("mine.html")), "mine");
    let table = out.join("branches.csv");
    let refused = anabranch(["report", text(&out), "--overwrite", "-o", text(&table)]);
    assert!(refused.code == 2 && page(&table).starts_with("skeleton_id"), "{}", refused.stderr);
    let missing = anabranch(["report", text(&at("nothing"))]);
    assert!(missing.code == 66 && missing.stderr.contains("holds no results"), "{}", missing.stderr);
}
