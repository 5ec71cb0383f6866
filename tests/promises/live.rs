//! Promise: `watch --serve` shows an analysis while it goes on, to those who have its address.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::draw::tangle;
use crate::image::{Image, PLAIN};
use crate::scene::{Scene, at};
use crate::support::{anabranch, wait_until};

/// The program while it serves; it is killed where its test ends without it.
struct Serving {
    child: Child,
    /// Host, port and token.
    host: String,
    token: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Serving {
    fn start(arguments: &[String]) -> Serving {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anabranch"));
        let mut child =
            command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line =
            lines.by_ref().map(|line| line.expect("text")).find(|line| line.contains("http://")).expect("an address");
        // A full pipe would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        let (_, address) = line.split_once("http://").expect("an address");
        let mut parts = address.split('/').map(str::to_owned);
        let (host, token) = (parts.next().expect("a host"), parts.next().expect("a token"));
        Serving { child, host, token }
    }

    /// Status and content of an answer.
    fn get(&self, path: &str) -> Option<(String, String)> {
        let mut stream = TcpStream::connect(&self.host).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.host).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, content) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.to_owned(), content.to_owned()))
    }

    fn json(&self, name: &str) -> serde_json::Value {
        let answer = self.get(&format!("/{}/{name}", self.token));
        answer.and_then(|(_, content)| serde_json::from_str(&content).ok()).unwrap_or_default()
    }
}

#[test]
fn who_has_the_address_sees_epochs_chunks_and_results_and_nobody_else_does() {
    let image = Image::woven(&tangle([8, 16, 24]), "uint8");
    let mut scene = Scene::new(image.axes(), &[8; 3], "uint8", PLAIN);
    let places = scene.places();
    scene.put(places[0], |p| at(&image, p));
    let options = ["--settle", "0.1", "--poll", "0.4", "--quiet", "--serve"];
    let serving = Serving::start(&scene.call("watch", &options));
    for (number, &place) in places.iter().enumerate().skip(1) {
        wait_until("the epoch before", || serving.json("history.json")[number - 1]["number"] == number - 1);
        scene.put(place, |p| at(&image, p));
    }
    wait_until("the last epoch", || {
        serving.json("map.json")["counts"] == serde_json::json!([0, 0, 0, places.len(), 0])
    });
    wait_until("its line", || !serving.json("history.json")[places.len() - 1].is_null());
    let (history, summary) = (serving.json("history.json"), serving.json("summary.json"));
    let last = history.as_array().and_then(|lines| lines.last()).expect("epochs");
    assert_eq!((&last["branches"], &last["total_length"]), (&summary["branches"], &summary["total_length"]));
    let token = format!("/{}/", serving.token);
    assert!(serving.get(&token).is_some_and(|(status, page)| status == "200" && page.contains("</html>")));
    let report = serving.get(&format!("{token}report.html"));
    assert!(report.is_some_and(|(status, page)| status == "200" && page.contains("report-data")));
    for path in ["/", "/summary.json", &format!("{token}../out/summary.json"), &format!("{token}state")] {
        assert_eq!(serving.get(path), Some(("404".to_owned(), String::new())), "{path}");
    }
}

#[test]
fn an_address_that_cannot_be_had_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let scene = Scene::new(&[8; 3], &[8; 3], "uint8", PLAIN);
    let outcome = anabranch(scene.call("watch", &["--serve", &address]));
    assert_eq!(outcome.code, 73, "{outcome:?}");
    assert!(outcome.stderr.contains(&format!("{address}: cannot be listened on")), "{outcome:?}");
    let outcome = anabranch(scene.call("watch", &["--serve", "::1:x"]));
    assert_eq!(outcome.code, 2, "{outcome:?}");
}
