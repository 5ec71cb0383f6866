//! Addresses of images on servers.

use std::path::Path;

use crate::error::{Error, Result};

/// Returns whether a path is the address of an image on a server: `https://...`, `s3://...`.
pub fn is_address(path: &Path) -> bool {
    scheme(path).is_some()
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
            let local = path.to_str().and_then(|path| path.split_once("://")).map_or("", |(_, path)| path);
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
    fn addresses_that_cannot_be_read_are_refused_with_what_to_do() {
        let refused = |address: &str| require_readable(Path::new(address)).unwrap_err();
        let unknown = refused("gs://bucket/image.zarr");
        assert_eq!(unknown.kind(), Kind::Usage);
        assert!(unknown.to_string().contains("give https://, http:// or s3://"), "{unknown}");
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
