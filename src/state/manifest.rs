//! `state.json`: a description of the state folder for human readers, and the last epoch for the next run.

use twox_hash::XxHash3_64;

use super::dependencies::Dependencies;
use super::encoding::{Loaded, Reason};
use super::kind::RecordKind;

/// The version of the folder, which is incremented whenever the names of files, the header of records or the manifest
/// change. The version of a kind of record is in its files.
const VERSION: u32 = 1;

/// The beginning of every manifest.
const HEAD: &str = "{\n  \"program\": \"anabranch\",\n";

/// The text of a manifest.
pub(super) fn render(parameters: &Dependencies, epoch: u64) -> String {
    let mut text = HEAD.to_owned();
    text += &format!("  \"version\": {VERSION},\n  \"epoch\": {epoch},\n");
    for (kind, hash) in &parameters.kinds {
        text += &format!("  \"{}\": \"{hash:016x}{}\",\n", kind.name, version_of(kind));
    }
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

/// The suffix after the hash of a kind's parameters: its version, unless it is the first.
fn version_of(kind: &RecordKind) -> String {
    if kind.version == 1 { String::new() } else { format!(" v{}", kind.version) }
}

/// The last epoch in a manifest, and whether its records are those of these parameters. Kinds that it does not name are
/// ignored: they have no records, or a release that does not know them wrote the manifest, and their records are
/// checked one by one.
pub(super) fn parse(text: &[u8], parameters: &Dependencies) -> (Option<u64>, Loaded<()>) {
    let unusable = |reason| Loaded::Unusable(reason);
    let Some(text) = std::str::from_utf8(text).ok().and_then(whole) else { return (None, unusable(Reason::Damaged)) };
    let field = |name: &str| {
        let start = format!("  \"{name}\": ");
        text.lines().find_map(|line| line.strip_prefix(&start)).map(|value| value.trim_matches(['"', ',']))
    };
    let epoch = field("epoch").and_then(|epoch| epoch.parse().ok());
    let version = VERSION.to_string();
    let other = |(kind, hash): &(RecordKind, u64)| {
        let (of, version) = field(kind.name)?.split_at_checked(16)?;
        let parameters = (of != format!("{hash:016x}")).then_some(Reason::OtherParameters);
        if version == version_of(kind) { parameters } else { Some(Reason::OtherVersion) }
    };
    let found = if field("version") != Some(&version) {
        unusable(Reason::OtherVersion)
    } else {
        parameters.kinds.iter().filter_map(other).min().map_or(Loaded::Valid(()), unusable)
    };
    (epoch, found)
}

/// Whether a file with the name of the manifest is one, or the rest of a torn one.
pub(super) fn is_ours(text: &[u8]) -> bool {
    text.starts_with(HEAD.as_bytes()) || HEAD.as_bytes().starts_with(text) || text.iter().all(|&byte| byte == 0)
}

/// The part before the checksum, if the checksum is correct.
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
    use crate::state::{MaskRecord, ThinningRecord};

    fn parameters(sigma: f64) -> Dependencies {
        let grid = Grid::new(Region::of_shape([8; 3]), [4; 3]);
        let kinds = Dependencies::new(grid).with::<MaskRecord>(&sigma).unwrap().with::<ThinningRecord>(&"lee").unwrap();
        kinds.named("input", "a \"b\"\\c\n").named("  \"epoch\"", "99")
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
