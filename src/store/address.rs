//! Addresses of images on servers.

use std::borrow::Cow;
use std::path::Path;

use crate::error::{Error, Result};
use crate::store::resolved;
use crate::text::{bare, masked};

/// Returns whether a path is the address of an image on a server: `https://...`, `s3://...`.
pub fn is_address(path: &Path) -> bool {
    scheme(path).is_some()
}

/// A path as outputs and messages name it: that of an address is without its secrets (see [`masked`]).
pub fn shown_path(path: &Path) -> String {
    masked(&path.to_string_lossy()).into_owned()
}

/// A path as records name it, to tell one file from another: without links and relative parts. An address is as messages
/// show it, so that the same image has the same one with another password.
pub fn recorded_path(path: &Path) -> String {
    if is_address(path) { shown_path(path) } else { resolved(path).to_string_lossy().into_owned() }
}

/// The name of the file or folder at a path: its last part, of an address that of the place on the server, or else the host.
pub fn name_of(path: &Path) -> Option<String> {
    match address_parts(path) {
        Some(mut parts) => parts.pop(),
        None => path.file_name().map(|name| name.to_string_lossy().into_owned()),
    }
}

/// The host of an address, without its port, and the parts of the place on it; nothing of its secrets. `None` if the path is
/// no address.
pub fn address_parts(path: &Path) -> Option<Vec<String>> {
    let address = bare(is_address(path).then(|| path.to_str())??);
    let (_, place) = address.split_once("://")?;
    let (host, place) = place.split_once('/').unwrap_or((place, ""));
    let port = host.rfind(':').filter(|&at| host[at..].find(']').is_none()).unwrap_or(host.len());
    let parts = [&host[..port]].into_iter().chain(place.split('/'));
    Some(parts.filter(|part| !["", ".", ".."].contains(part)).map(str::to_owned).collect())
}

/// A path for files that other runs read: an address is without its secrets, which may change from run to run.
pub fn without_secrets(path: &Path) -> Cow<'_, Path> {
    match path.to_str().filter(|_| is_address(path)) {
        Some(address) => Cow::Owned(bare(address).into()),
        None => Cow::Borrowed(path),
    }
}

/// The scheme of an address: the name before `://`.
fn scheme(path: &Path) -> Option<&str> {
    let (scheme, _) = path.to_str()?.split_once("://")?;
    // A single letter is a drive.
    let is_name = scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_name.then_some(scheme)
}

/// Refuses addresses of images that cannot be read.
///
/// # Errors
/// `Usage` if images at such an address cannot be read, either in general or by this build.
pub(crate) fn require_readable(path: &Path) -> Result<()> {
    let scheme = scheme(path).unwrap_or_default().to_ascii_lowercase();
    let can_be_read = match scheme.as_str() {
        "http" | "https" => cfg!(feature = "http"),
        "s3" => cfg!(feature = "s3"),
        "file" => {
            let address = bare(path.to_str().unwrap_or_default());
            let local = address.split_once("://").map_or("", |(_, path)| path);
            return Err(Error::usage(format!("is the address of a local file; give its path, {local}")).at(path));
        }
        _ => {
            let message = "begins in a way that is not known; give https://, http:// or s3://, or the path of a copy";
            return Err(Error::usage(message).at(path));
        }
    };
    if can_be_read {
        return Ok(());
    }
    let (name, feature) = if scheme == "s3" { ("S3", "s3") } else { ("HTTP", "http") };
    let message = format!(
        "cannot be read, since this program was built without {name}; build it with --features {feature}, or give the \
         path of a copy"
    );
    Err(Error::usage(message).at(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn addresses_are_told_from_paths() {
        for address in ["https://host/image.zarr", "HTTP://host", "s3://bucket/key", "git+ssh://host"] {
            assert!(is_address(Path::new(address)), "{address}");
        }
        for path in ["image.zarr", "/a/b", "c://image", "a folder/x://y", "://", "https:/host"] {
            assert!(!is_address(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn names_of_images_have_no_secrets_of_their_addresses() {
        for (path, parts, name) in [
            ("http://host:80/a/raw.zarr?token=x/y", &["host", "a", "raw.zarr"][..], "raw.zarr"),
            ("http://u:pw@host/", &["host"], "host"),
            ("http://u:p/w@[::1]:80?q", &["[::1]"], "[::1]"),
            ("http://[::1]", &["[::1]"], "[::1]"),
            ("s3://bucket/../a//b.zarr/#x", &["bucket", "a", "b.zarr"], "b.zarr"),
        ] {
            let path = Path::new(path);
            assert_eq!(address_parts(path).unwrap(), parts, "{}", path.display());
            assert_eq!(name_of(path).as_deref(), Some(name), "{}", path.display());
        }
        assert_eq!((address_parts(Path::new("a/b")), name_of(Path::new("a/b?c"))), (None, Some("b?c".to_owned())));
        assert_eq!(name_of(Path::new("/")), None);
        assert_eq!(without_secrets(Path::new("http://u:pw@host/a?b")), Path::new("http://host/a"));
        assert_eq!(without_secrets(Path::new("a?b")), Path::new("a?b"));
        assert_eq!(recorded_path(Path::new("http://u:pw@host/a?b")), "http://***@host/a?***");
        assert_eq!(recorded_path(Path::new("/a/../b")), "/b");
    }

    #[test]
    fn addresses_that_cannot_be_read_are_refused_with_what_to_do() {
        let refused = |address: &str| require_readable(Path::new(address)).unwrap_err();
        let unknown = refused("gs://bucket/image.zarr");
        assert_eq!(unknown.kind(), Kind::Usage);
        assert!(unknown.to_string().contains("give https://, http:// or s3://"), "{unknown}");
        let local = refused("file:///raw data.zarr?token=secret");
        assert!(local.to_string().ends_with("give its path, /raw data.zarr"), "{local}");
        #[cfg(not(feature = "http"))]
        {
            let error = refused("https://host/image.zarr");
            assert_eq!(error.kind(), Kind::Usage);
            assert!(error.to_string().contains("built without HTTP; build it with --features http,"), "{error}");
        }
        #[cfg(not(feature = "s3"))]
        assert!(
            refused("s3://bucket/image.zarr").to_string().contains("built without S3; build it with --features s3,")
        );
    }
}
