//! The list of hosts whose processes take part in a run.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anabranch::error::{Error, Kind, Result};
use anabranch::text::line;

/// No list of hosts is longer, in bytes,
const LONGEST: u64 = 1 << 20;
/// nor an address in it: names of hosts have up to 253 characters.
const LONGEST_ADDRESS: usize = 300;
/// Hosts of a run at most: each is connected to each other one.
const MOST: usize = 1024;
/// Characters of an address that are repeated in a message.
const REPEATED: usize = 80;

/// The addresses in a file, `host:port`, one a line. What follows a `#` is a comment.
///
/// # Errors
/// `Missing` if the file cannot be read; `Usage` if it is no list of hosts, or a longer one than runs have.
pub(super) fn read(file: &Path) -> Result<Vec<String>> {
    let unread = |error| Error::new(Kind::Missing, "the list of hosts cannot be read").because(error).at(file);
    let mut text = String::new();
    let open = File::open(file).map_err(unread)?;
    open.take(LONGEST + 1).read_to_string(&mut text).map_err(unread)?;
    addresses(&text).map_err(|error| error.at(file))
}

fn addresses(text: &str) -> Result<Vec<String>> {
    if text.len() as u64 > LONGEST {
        return Err(Error::usage("is longer than 1 MiB; give a list of hosts, one host:port a line"));
    }
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let addresses: Vec<String> = lines.filter(|line| !line.is_empty()).map(str::to_owned).collect();
    let port = |address: &String| address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    let is_address = |address: &String| address.len() <= LONGEST_ADDRESS && port(address).is_some_and(|port| port != 0);
    if let Some(wrong) = addresses.iter().find(|&address| !is_address(address)) {
        return Err(Error::usage(format!("{} is no host:port; write one a line", line(wrong, REPEATED))));
    }
    if addresses.len() > MOST {
        return Err(Error::usage(format!("has {} hosts, but at most {MOST} take part in a run", addresses.len())));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_without_comments_and_empty_lines() {
        let text = "# the first\na.example:7000\n\n  [::1]:7001  # the second\r\n";
        assert_eq!(addresses(text).unwrap(), ["a.example:7000", "[::1]:7001"]);
        assert!(addresses("").unwrap().is_empty());
    }

    #[test]
    fn lists_that_are_none_or_too_long_are_refused_in_a_short_sentence() {
        let long = format!("{}:7000", "a".repeat(LONGEST_ADDRESS));
        let many = "a:1\n".repeat(MOST + 1);
        let longer = "#".repeat(LONGEST as usize + 1);
        for (text, said) in [
            ("a.example", "a.example is no host:port; write one a line"),
            ("a:0", "a:0 is no host:port"),
            (&long, "is no host:port; write one a line"),
            (&many, "has 1025 hosts, but at most 1024 take part in a run"),
            (&longer, "is longer than 1 MiB; give a list of hosts"),
        ] {
            let error = addresses(text).unwrap_err().to_string();
            assert!(error.contains(said) && error.len() < 200, "{error}");
        }
    }
}
