//! Warnings about suspicious tile positions, each kind once.

use super::*;

/// The warnings of a table of tiles of 20 x 30 pixels, after the name of the table.
fn warned(columns: &str, rows: &[&str]) -> Vec<String> {
    let mut scan = Scan::new(columns);
    for (number, row) in rows.iter().enumerate() {
        scan.tile(&format!("{number}.npy"), row, &speckled([1, 20, 30], number));
    }
    let begin = format!("{}: ", scan.path("tiles.csv").display());
    scan.mosaic().warnings().iter().map(|text| text.strip_prefix(&begin).unwrap().to_owned()).collect()
}

#[test]
fn tiles_that_lie_beside_each_other_are_in_order() {
    for rows in [&["0,0"][..], &["0,0", "0,30"], &["0,0", "0,25.5", "18,1", "17,26"], &["0,0", "10,0"]] {
        assert_eq!(warned("path,y,x", rows), Vec::<String>::new(), "{rows:?}");
    }
    assert_eq!(warned("path,y,x,pixel_size", &["0,0,0.5", "0,12.5,0.5"]), Vec::<String>::new());
}

#[test]
fn tiles_apart_are_named() {
    let warnings = warned("path,y,x", &["0,0", "0,25", "100,0", "200,0"]);
    assert_eq!(warnings, ["2.npy (line 4) and 3.npy (line 5) touch no other tile: check their positions"]);
    let many = warned("path,y,x", &["0,0", "0,25", "100,0", "200,0", "300,0", "400,0"]);
    assert!(
        many[0].starts_with("2.npy (line 4), 3.npy (line 5) and 4.npy (line 6), and 1 other tile, touch no"),
        "{many:?}"
    );
    let none = warned("path,y,x", &["0,0", "0,2500", "2000,0"]);
    assert!(none.len() == 1 && none[0].starts_with("no tile touches another: check the positions, which count as"));
    let sized = warned("path,y,x,pixel_size", &["0,0,0.01", "0,25,0.01"]);
    assert!(
        sized.len() == 1 && sized[0].starts_with("no tile touches another: check the size of a pixel"),
        "{sized:?}"
    );
}

#[test]
fn tiles_on_top_of_each_other_are_named() {
    let half = warned("path,y,x", &["0,0", "0,14", "0,40"]);
    assert!(
        half.len() == 1 && half[0].starts_with("0.npy (line 2) and 1.npy (line 3) overlap by more than half: check")
    );
    let same = warned("path,y,x", &["0,0", "0,25", "0.2,25.1", "0,0"]);
    assert_eq!(same.len(), 1, "{same:?}");
    let said = "1.npy (line 3) and 2.npy (line 4) lie in one place, and so does another pair: check";
    assert!(same[0].starts_with(said), "{same:?}");
    assert_eq!(warned("path,y,x,channel", &["0,0,0", "0,25,0"]), Vec::<String>::new());
}

#[test]
fn tiles_on_a_heap_are_told_of_once() {
    let heap = warned("path,y,x", &["0,0", "0,1.1", "0.9,0", "0.9,1.1"]);
    assert!(heap.len() == 1 && heap[0].starts_with("all tiles lie within 1 x 2 pixels of each other"), "{heap:?}");
    assert!(
        heap[0].contains("though they have 20 x 30 pixels: check the positions, which count as pixels"),
        "{heap:?}"
    );
}

#[test]
fn volumes_one_above_the_other_are_no_heap() {
    let mut stack = Scan::new("path,z,y,x");
    for (name, z) in [("a.npy", 0), ("b.npy", 4)] {
        stack.tile(name, &format!("{z},0,0"), &speckled([4, 9, 8], z));
    }
    assert_eq!(stack.mosaic().warnings(), Vec::<String>::new());
}
