//! Servers that answer for what is not there as if something were, and groups of many images on a server.

use std::fs;
use std::path::Path;

use crate::server::{Reply, Server};
use crate::support::invariant_bytes;
use crate::{images, refused, succeed, text};

/// A server that has the files of a folder, and answers in this way where there is none.
fn server(root: &Path, instead: Reply) -> Server {
    let folder = root.to_owned();
    Server::with(root, move |request, _| {
        let is_there = folder.join(request.path.trim_start_matches('/')).is_file();
        if is_there { Reply::File } else { instead }
    })
}

#[test]
fn images_are_found_where_a_server_does_not_say_that_a_file_is_missing() {
    let stores = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stores");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [local, out] = ["local", "out"].map(|it| folder.path().join(it));
    let picked = ["--channel", "1", "--time", "1", "--overwrite"];
    for name in ["ome04.zarr", "ome05.zarr", "ome04.zarr/0"] {
        succeed(text(&stores.join(name)), &local, &picked, &[]);
        for instead in [Reply::Status(403), Reply::Status(401), Reply::Page] {
            let server = server(&stores, instead);
            succeed(&server.url(name), &out, &picked, &[]);
            assert!(invariant_bytes(&out) == invariant_bytes(&local), "{name} with {instead:?}");
        }
    }
}

#[test]
fn a_page_in_place_of_an_image_is_called_one() {
    let folder = images();
    let pages = Server::with(folder.path(), |_, _| Reply::Page);
    let url = pages.url("chunks.zarr");
    let parts = ["holds no Zarr metadata but something else, such as a page; check the address"];
    refused(&url, &format!("{url}/zarr.json"), 65, &parts, &[]);
    // In place of the chunk in the corner, which is missing, it is damage, and no fill value.
    let server = server(folder.path(), Reply::Page);
    let url = server.url("chunks.zarr");
    refused(&url, &format!("{url}/c/0/0/0: chunk "), 65, &["is damaged or cut off"], &[]);
}

#[test]
fn files_that_are_sent_compressed_are_called_so() {
    let folder = images();
    let parts =
        ["sends it compressed (Content-Encoding: gzip), which is not read; have it sent as it is stored, or copy"];
    for name in ["chunks.zarr", "shards.zarr"] {
        let compressing = Server::with(folder.path(), |_, _| Reply::Encoded);
        let url = compressing.url(name);
        refused(&url, &format!("{url}/zarr.json"), 65, &parts, &[]);
        let of_chunks = |path: &str| if path.contains("/c/") { Reply::Encoded } else { Reply::File };
        let compressing = Server::with(folder.path(), move |request, _| of_chunks(&request.path));
        let url = compressing.url(name);
        refused(&url, &format!("{url}/c/"), 65, &parts, &[]);
    }
    // Files that are stored so, and are what their metadata say, are read.
    let labelling = Server::with(folder.path(), |_, _| Reply::Labelled);
    let [local, out] = ["local", "out"].map(|it| folder.path().join(it));
    succeed(text(&folder.path().join("chunks.zarr")), &local, &[], &[]);
    succeed(&labelling.url("chunks.zarr"), &out, &[], &[]);
    assert!(invariant_bytes(&out) == invariant_bytes(&local));
}

#[test]
fn a_plate_on_a_server_lists_addresses_that_can_be_given() {
    let folder = images();
    let put = |path: &str, attributes: &str| {
        let file = folder.path().join("plate.zarr").join(path).join("zarr.json");
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        let text = format!(r#"{{"zarr_format": 3, "node_type": "group", "attributes": {{"ome": {attributes}}}}}"#);
        fs::write(file, text).expect("a file");
    };
    put("", r#"{"version": "0.5", "plate": {"wells": [{"path": "A/1"}, {"path": "B/1"}]}}"#);
    for well in ["A/1", "B/1"] {
        put(well, r#"{"well": {"images": [{"path": "0"}]}}"#);
        let image = folder.path().join("plate.zarr").join(well).join("0");
        std::os::unix::fs::symlink(folder.path().join("ome.zarr"), image).expect("a link");
    }
    let server = Server::of(folder.path());
    let url = server.url("plate.zarr");
    let addresses = format!("give the path of one: {url}/A/1/0, {url}/B/1/0");
    refused(&url, &url, 2, &["is a plate of 2 images in 2 wells", &addresses], &[]);
    let [local, out] = ["local", "out"].map(|it| folder.path().join(it));
    succeed(text(&folder.path().join("ome.zarr")), &local, &[], &[]);
    for address in [format!("{url}/B/1/0"), server.url("ome.zarr/0")] {
        succeed(&address, &out, &["--overwrite"], &[]);
        assert!(invariant_bytes(&out) == invariant_bytes(&local), "{address}");
    }
}
