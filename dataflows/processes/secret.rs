//! The secret that processes on several machines share, as the user gives it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anabranch::cluster::Secret;
use anabranch::error::{Error, Kind, Result};

use crate::terminal::print_warning;

/// The variable of the environment that may hold the secret itself.
const VARIABLE: &str = "ANABRANCH_SECRET";
/// No secret is longer, in bytes.
const LONGEST: u64 = 1 << 16;

/// The secret in a file, or else in the environment, without white space at its ends. Without one only addresses of the
/// loopback interface will do, and there is a warning.
pub(super) fn given(file: Option<&Path>, addresses: &[String]) -> Result<Secret> {
    let secret = match (file, std::env::var_os(VARIABLE)) {
        (Some(file), _) => read(file)?,
        (None, Some(text)) => secret_of(text.as_encoded_bytes()).map_err(|error| error.at(VARIABLE))?,
        (None, None) => Secret::none(),
    };
    secret.require_for(addresses)?;
    if secret.is_none() {
        let warning = format!(
            "the processes share no secret, so that any program on this machine can take part in the run; give all the same \
             --secret FILE or {VARIABLE}"
        );
        print_warning(&warning);
    }
    Ok(secret)
}

fn read(file: &Path) -> Result<Secret> {
    let unread = |error| Error::new(Kind::Missing, "the secret cannot be read").because(error).at(file);
    let mut bytes = Vec::new();
    let open = File::open(file).map_err(unread)?;
    if is_open_to_others(&open) {
        let place = file.display();
        print_warning(&format!("{place}: others on this machine may read the secret; chmod 600 keeps it"));
    }
    open.take(LONGEST + 1).read_to_end(&mut bytes).map_err(unread)?;
    secret_of(&bytes).map_err(|error| error.at(file))
}

fn secret_of(bytes: &[u8]) -> Result<Secret> {
    if bytes.len() as u64 > LONGEST {
        return Err(Error::usage(format!("is longer than {LONGEST} bytes, which no secret is; give a shorter one")));
    }
    Secret::new(bytes.trim_ascii())
}

/// Whether other users than its own may read a file.
#[cfg(unix)]
fn is_open_to_others(file: &File) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &File) -> bool {
    false
}
