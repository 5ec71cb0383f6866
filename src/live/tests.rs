//! Pages over sockets: who gets what, and readers that are slow or gone.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::epoch::Line;
use super::*;
use crate::grid::Grid;
use crate::space::Region;

/// A page, and the folder of its results.
struct Page {
    page: LivePage,
    results: tempfile::TempDir,
}

impl Page {
    fn new() -> Page {
        let results = tempfile::tempdir().unwrap();
        let page = LivePage::start(&ServeAddress::default(), "a & b", results.path(), &Arc::default()).unwrap();
        Page { page, results }
    }

    fn host(&self) -> &str {
        self.page.address().split('/').nth(2).unwrap()
    }

    fn token(&self) -> &str {
        self.page.address().split('/').nth(3).unwrap()
    }

    /// Sends a request for a path below the token, and leaves the connection open.
    fn ask(&self, name: &str) -> TcpStream {
        self.send(&format!("GET /{}/{name} HTTP/1.1\r\nHost: {}\r\n\r\n", self.token(), self.host()))
    }

    fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.host()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// Status, headers and content of an answer.
    fn get(&self, name: &str) -> (u16, String, Vec<u8>) {
        answer(self.ask(name))
    }

    fn publish(&self, number: u64) {
        self.page.publish(&epoch(number), &map());
    }
}

fn answer(stream: TcpStream) -> (u16, String, Vec<u8>) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head += &line;
    }
    let mut content = vec![0; length];
    reader.read_exact(&mut content).unwrap();
    (head[9..12].parse().unwrap(), head, content)
}

fn map() -> ChunkMap {
    ChunkMap::new(&Grid::new(Region::of_shape([4, 8, 8]), [4, 4, 4]), None, &[], &BTreeSet::new())
}

fn epoch(number: u64) -> LiveEpoch {
    let line = Line {
        number,
        at: 1_000 * number,
        seconds: 0.5,
        read: 1,
        changed: 1,
        rows_added: 2,
        rows_removed: 1,
        branches: json!(7 + number),
        skeletons: json!(1),
        junctions: json!(2),
        tips: json!(3),
        loops: json!(0),
        total_length: json!(12.5),
        median_length: json!(1.5),
        median_radius: Value::Null,
    };
    LiveEpoch { line, summary: json!({"branches": 7 + number}) }
}

/// The next event of a name in a stream.
fn next(reader: &mut impl BufRead, name: &str) -> Value {
    let (mut line, mut is_it) = (String::new(), false);
    loop {
        line.clear();
        assert!(reader.read_line(&mut line).unwrap() > 0, "the stream has ended");
        if let Some(event) = line.strip_prefix("event: ") {
            is_it = event.trim() == name;
        }
        if let (true, Some(data)) = (is_it, line.strip_prefix("data: ")) {
            return serde_json::from_str(data).unwrap();
        }
    }
}

#[test]
fn a_page_its_history_its_map_and_results_are_served() {
    let page = Page::new();
    let (status, head, content) = page.get("");
    let text = String::from_utf8(content).unwrap();
    assert!(status == 200 && text.contains("<title>a &amp; b</title>") && text.contains("new EventSource"), "{head}");
    assert!(head.contains("cache-control: no-store") && head.contains("referrer-policy: no-referrer"), "{head}");
    page.publish(0);
    page.publish(1);
    let json = |name: &str| serde_json::from_slice::<Value>(&page.get(name).2).unwrap();
    let history = json("history.json");
    assert_eq!((&history[0]["branches"], &history[1]["number"], &history[2]), (&json!(7), &json!(1), &Value::Null));
    assert_eq!(json("map.json")["runs"], json!([[3, 4]]));
    assert_eq!(page.get("branches.csv").0, 404, "it is not there yet");
    let rows = "a,b\n".repeat(200_000);
    std::fs::write(page.results.path().join("branches.csv"), &rows).unwrap();
    let (status, head, content) = page.get("branches.csv");
    assert!(status == 200 && head.contains("content-type: text/csv") && content == rows.as_bytes());
}

#[test]
fn requests_without_token_with_dots_or_with_another_host_get_nothing() {
    let page = Page::new();
    std::fs::write(page.results.path().join("summary.json"), "{}").unwrap();
    std::fs::write(page.results.path().join("secret"), "").unwrap();
    let (token, host) = (page.token(), page.host());
    for (path, host) in [
        ("/".to_owned(), host),
        ("/summary.json".to_owned(), host),
        (format!("/{}/summary.json", "0".repeat(32)), host),
        (format!("/{token}/secret"), host),
        (format!("/{token}/../{token}/summary.json"), host),
        (format!("/{token}/%2e%2e/secret"), host),
        (format!("/{token}//summary.json"), host),
        (format!("/{token}/summary.json"), "other.example"),
    ] {
        let (status, _, content) = answer(page.send(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")));
        assert_eq!((status, content.len()), (404, 0), "{path} of {host}");
    }
    assert_eq!(
        answer(page.send(&format!("POST /{token}/summary.json HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n")))
            .0,
        404
    );
    assert_eq!(page.get("summary.json").0, 200);
}

#[test]
fn readers_hear_of_epochs_that_begin_and_end_and_of_the_end() {
    let page = Page::new();
    let mut reader = BufReader::new(page.ask("events"));
    assert_eq!(next(&mut reader, "epoch")["epoch"], Value::Null);
    page.page.begin(&map());
    assert_eq!(next(&mut reader, "epoch")["working"], true);
    assert_eq!(next(&mut reader, "progress")["done"], 0);
    page.publish(0);
    let told = next(&mut reader, "epoch");
    assert_eq!(
        (&told["epoch"]["number"], &told["summary"]["branches"], &told["working"]),
        (&json!(0), &json!(7), &json!(false))
    );
    // One that comes later hears of the last epoch at once.
    let mut late = BufReader::new(page.ask("events"));
    assert_eq!(next(&mut late, "epoch")["epoch"]["number"], 0);
    let Page { page, results: _results } = page;
    drop(page);
    assert_eq!(next(&mut reader, "epoch")["ended"], true);
    assert_eq!(next(&mut late, "epoch")["ended"], true);
}

#[test]
fn readers_that_take_nothing_hold_nobody_up() {
    let page = Page::new();
    let stalled: Vec<TcpStream> = (0..100).map(|_| page.ask("events")).collect();
    let mut reader = BufReader::new(page.ask("events"));
    next(&mut reader, "epoch");
    // More than sockets hold, so that events for those that stall wait.
    let mut large = epoch(0);
    large.summary = json!({"warnings": ["x".repeat(1 << 18)]});
    for number in 0..40 {
        large.line.number = number;
        page.page.publish(&large, &map());
    }
    let asked = Instant::now();
    while next(&mut reader, "epoch")["epoch"]["number"] != 39 {
        assert!(asked.elapsed() < Duration::from_secs(60), "the last epoch does not come");
    }
    assert_eq!(page.get("").0, 200);
    drop(stalled);
}

#[test]
fn a_long_history_is_thinned_and_begins_anew_with_its_numbers() {
    let feed = Feed::new(Arc::default());
    let history = || serde_json::from_slice::<Vec<Value>>(&feed.follow().borrow().history).unwrap();
    (0..5000).for_each(|number| feed.publish(&epoch(number), &map()));
    let lines = history();
    assert!((512..=1025).contains(&lines.len()), "{}", lines.len());
    assert_eq!((&lines[0]["number"], &lines[lines.len() - 1]["number"]), (&json!(0), &json!(4999)));
    feed.publish(&epoch(0), &map());
    assert_eq!(history().len(), 1);
}
