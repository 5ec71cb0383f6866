//! Folders in buckets of object stores with the S3 interface.

use std::time::Duration;

use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};

use crate::error::{Error, Result};

/// How long a signed address is valid.
const VALID: Duration = Duration::from_secs(60 * 60);

/// The keys of a bucket with a common prefix.
pub(super) struct Prefix {
    bucket: Bucket,
    /// `None` for public buckets.
    credentials: Option<Credentials>,
    key: String,
    name: String,
}

impl Prefix {
    /// The prefix `bucket/key`, configured by the environment's `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
    /// `AWS_SESSION_TOKEN`, `AWS_SKIP_SIGNATURE`, `AWS_REGION`, `AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL_S3` and
    /// `AWS_ENDPOINT_URL`.
    ///
    /// # Errors
    /// `Usage` if credentials are missing, or the endpoint is not an address.
    pub(super) fn of(path: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Prefix> {
        let given = |name: &str| environment(name).filter(|value| !value.is_empty());
        let path = path.trim_end_matches('/');
        let name = format!("s3://{path}");
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let region = given("AWS_REGION").or_else(|| given("AWS_DEFAULT_REGION"));
        let region = region.unwrap_or_else(|| "us-east-1".to_owned());
        let endpoint = given("AWS_ENDPOINT_URL_S3").or_else(|| given("AWS_ENDPOINT_URL"));
        // Amazon's certificates cover one label before their domain.
        let style = if endpoint.is_some() || bucket.contains('.') { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let endpoint = endpoint.unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
        let unknown = || {
            // Without a scheme it is not recognised as an address, in which secrets are masked.
            let shown = endpoint.rsplit_once('@').map_or(endpoint.clone(), |(_, host)| format!("***@{host}"));
            let message = format!("AWS_ENDPOINT_URL is {shown}; set it to an address such as https://host:9000");
            Error::usage(message)
        };
        if !["http://", "https://"].iter().any(|scheme| endpoint.starts_with(scheme)) {
            return Err(unknown());
        }
        let address = endpoint.parse().map_err(|error| unknown().because(error))?;
        let unnamed = || Error::usage("names no bucket that can be reached; give s3://BUCKET/PATH").at(&name);
        if bucket.is_empty() {
            return Err(unnamed());
        }
        let bucket =
            Bucket::new(address, style, bucket.to_owned(), region).map_err(|error| unnamed().because(error))?;
        let is_open = given("AWS_SKIP_SIGNATURE").is_some_and(|it| it == "1" || it.eq_ignore_ascii_case("true"));
        let credentials = match (is_open, given("AWS_ACCESS_KEY_ID"), given("AWS_SECRET_ACCESS_KEY")) {
            (true, ..) => None,
            (false, Some(id), Some(secret)) => Some(match given("AWS_SESSION_TOKEN") {
                Some(token) => Credentials::new_with_token(id, secret, token),
                None => Credentials::new(id, secret),
            }),
            _ => {
                let message = "needs credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or \
                               AWS_SKIP_SIGNATURE=true where anybody may read the bucket";
                return Err(Error::usage(message).at(&name));
            }
        };
        Ok(Prefix { bucket, credentials, key: key.to_owned(), name })
    }

    /// The address of the folder, as the user wrote it.
    pub(super) fn name(&self) -> &String {
        &self.name
    }

    /// The prefix of the parent folder, and the name of this folder in it.
    pub(super) fn parent(&self) -> Option<(Prefix, String)> {
        let (key, last) = self.key.rsplit_once('/').unwrap_or(("", &self.key));
        let (name, _) = self.name.rsplit_once('/').filter(|_| !last.is_empty())?;
        let (bucket, credentials) = (self.bucket.clone(), self.credentials.clone());
        Some((Prefix { bucket, credentials, key: key.to_owned(), name: name.to_owned() }, last.to_owned()))
    }

    /// The address of a key, signed if there are credentials, for a GET or a HEAD request.
    pub(super) fn url(&self, key: &str, only_asked: bool) -> String {
        let key = if self.key.is_empty() { key.to_owned() } else { format!("{}/{key}", self.key) };
        let credentials = self.credentials.as_ref();
        let url = match only_asked {
            true => self.bucket.head_object(credentials, &key).sign(VALID),
            false => self.bucket.get_object(credentials, &key).sign(VALID),
        };
        url.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn prefix(path: &str, environment: &[(&str, &str)]) -> Result<Prefix> {
        let value = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Prefix::of(path, value)
    }

    #[test]
    fn the_environment_says_where_a_bucket_is() {
        let open = ("AWS_SKIP_SIGNATURE", "true");
        let url =
            |path: &str, more: &[(&str, &str)]| prefix(path, &[&[open], more].concat()).unwrap().url("c/0 1", false);
        assert_eq!(url("bucket/a/b", &[]), "https://bucket.s3.us-east-1.amazonaws.com/a/b/c/0%201");
        let region = ("AWS_REGION", "eu-west-1");
        assert_eq!(url("bucket", &[region]), "https://bucket.s3.eu-west-1.amazonaws.com/c/0%201");
        assert_eq!(url("my.bucket/a", &[region]), "https://s3.eu-west-1.amazonaws.com/my.bucket/a/c/0%201");
        let endpoint = ("AWS_ENDPOINT_URL", "http://127.0.0.1:9000");
        assert_eq!(url("bucket/a", &[endpoint]), "http://127.0.0.1:9000/bucket/a/c/0%201");
    }

    #[test]
    fn requests_are_signed_where_there_are_credentials() {
        let keys = [("AWS_ACCESS_KEY_ID", "ID"), ("AWS_SECRET_ACCESS_KEY", "SECRET"), ("AWS_SESSION_TOKEN", "TOKEN")];
        let signed = prefix("bucket/a", &keys).unwrap();
        for url in [signed.url("c", false), signed.url("c", true)] {
            for part in ["X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Credential=ID%2F", "X-Amz-Security-Token=TOKEN"] {
                assert!(url.contains(part), "{url}");
            }
            assert!(!url.contains("SECRET"), "{url}");
        }
        // The signature for one kind of request does not allow another.
        let signature = |url: String| url.split_once("X-Amz-Signature=").unwrap().1.to_owned();
        assert_ne!(signature(signed.url("c", false)), signature(signed.url("c", true)));
    }

    #[test]
    fn what_is_missing_in_the_environment_is_named() {
        let refused = |path: &str, environment: &[(&str, &str)]| prefix(path, environment).err().unwrap();
        let error = refused("bucket/a", &[("AWS_ACCESS_KEY_ID", "ID"), ("AWS_SECRET_ACCESS_KEY", "")]);
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.to_string().starts_with("s3://bucket/a: needs credentials; set AWS_ACCESS_KEY_ID"), "{error}");
        let open = ("AWS_SKIP_SIGNATURE", "1");
        let error = refused("bucket/a", &[open, ("AWS_ENDPOINT_URL", "host:port")]);
        assert!(error.to_string().contains("AWS_ENDPOINT_URL is host:port; set it to an address"), "{error}");
        let error = refused("bucket/a", &[open, ("AWS_ENDPOINT_URL", "name:pass@host")]);
        assert!(error.to_string().contains("AWS_ENDPOINT_URL is ***@host;"), "{error}");
        assert!(refused("", &[open]).to_string().contains("give s3://BUCKET/PATH"));
    }
}
