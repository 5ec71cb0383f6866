//! `state.json`: what a state folder is, for people, and the last epoch, for the next run.

use twox_hash::XxHash3_64;

use super::dependencies::Dependencies;
use super::encoding::{Loaded, Reason, VERSION};

/// How every manifest begins.
const HEAD: &str = "{\n  \"program\": \"anabranch\",\n";

/// The text of a manifest.
pub(super) fn render(parameters: &Dependencies, epoch: u64) -> String {
    let mut text = HEAD.to_owned();
    text += &format!("  \"version\": {VERSION},\n  \"epoch\": {epoch},\n");
    text += &format!("  \"masks\": \"{:016x}\",\n", parameters.masks);
    text += &format!("  \"thinning\": \"{:016x}\",\n", parameters.thinning);
    let named = parameters.text.iter().map(|(name, value)| format!("\n    {}: {}", quoted(name), quoted(value)));
    let named = named.collect::<Vec<_>>().join(",");
    text += &if named.is_empty() {
        "  \"parameters\": {},\n".into()
    } else {
        format!("  \"parameters\": {{{named}\n  }},\n")
    };
    let checksum = XxHash3_64::oneshot(text.as_bytes());
    text + &format!("  \"checksum\": \"{checksum:016x}\"\n}}\n")
}

/// The last epoch that a manifest tells of, and whether its records are of these parameters.
pub(super) fn parse(text: &[u8], parameters: &Dependencies) -> (Option<u64>, Loaded<()>) {
    let unusable = |reason| Loaded::Unusable(reason);
    let Some(text) = std::str::from_utf8(text).ok().and_then(whole) else { return (None, unusable(Reason::Damaged)) };
    let field = |name: &str| {
        let start = format!("  \"{name}\": ");
        text.lines().find_map(|line| line.strip_prefix(&start)).map(|value| value.trim_matches(['"', ',']))
    };
    let epoch = field("epoch").and_then(|epoch| epoch.parse().ok());
    let version = VERSION.to_string();
    let hashes = [("masks", parameters.masks), ("thinning", parameters.thinning)];
    let found = if field("version") != Some(&version) {
        unusable(Reason::OtherVersion)
    } else if hashes.iter().any(|(name, hash)| field(name) != Some(&format!("{hash:016x}"))) {
        unusable(Reason::OtherParameters)
    } else {
        Loaded::Valid(())
    };
    (epoch, found)
}

/// Whether a file of the manifest's name is one, or what is left of one.
pub(super) fn is_ours(text: &[u8]) -> bool {
    text.starts_with(HEAD.as_bytes()) || HEAD.as_bytes().starts_with(text) || text.iter().all(|&byte| byte == 0)
}

/// The part before the checksum, if that is right.
fn whole(text: &str) -> Option<&str> {
    let (before, checksum) = text.rsplit_once("  \"checksum\": \"")?;
    let expected = format!("{:016x}\"\n}}\n", XxHash3_64::oneshot(before.as_bytes()));
    (checksum == expected).then_some(before)
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c < ' ' => quoted += &format!("\\u{:04x}", c as u32),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Grid;
    use crate::space::Region;

    fn parameters(sigma: f64) -> Dependencies {
        let grid = Grid::new(Region::of_shape([8; 3]), [4; 3]);
        Dependencies::new(grid, &sigma, &"lee").unwrap().named("input", "a \"b\"\\c\n").named("  \"epoch\"", "99")
    }

    #[test]
    fn a_manifest_is_read_back_and_every_change_of_a_byte_is_noticed() {
        let text = render(&parameters(1.0), 41);
        assert_eq!(parse(text.as_bytes(), &parameters(1.0)), (Some(41), Loaded::Valid(())));
        let other = Loaded::Unusable(Reason::OtherParameters);
        assert_eq!(parse(text.as_bytes(), &parameters(2.0)), (Some(41), other));
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 4;
            let damaged = (None, Loaded::Unusable(Reason::Damaged));
            assert_eq!(parse(&changed, &parameters(1.0)), damaged, "byte {at}");
            assert_eq!(parse(&changed[..at], &parameters(1.0)), damaged, "{at} bytes");
            assert!(is_ours(&changed[..at.min(HEAD.len())]) || at < HEAD.len());
        }
    }

    #[cfg(feature = "analysis")]
    #[test]
    fn a_manifest_is_json() {
        let value: serde_json::Value = serde_json::from_str(&render(&parameters(1.0), 7)).unwrap();
        assert_eq!((&value["program"], &value["epoch"]), (&"anabranch".into(), &7.into()));
        assert_eq!(value["parameters"]["input"], "a \"b\"\\c\n");
        let bare = Dependencies { text: Vec::new(), ..parameters(1.0) };
        assert!(serde_json::from_str::<serde_json::Value>(&render(&bare, 0)).is_ok());
    }
}
