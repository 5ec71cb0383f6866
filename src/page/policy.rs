//! What a page may load and run.

use sha2::{Digest, Sha256};

use super::base64;

/// The content security policy of a page with these scripts: they run, and no others; styles and pictures are those in the
/// page. A page that follows may connect to its own server, and show its pictures.
pub(super) fn policy(scripts: &[&str], follows: bool) -> String {
    let hashes: Vec<String> =
        scripts.iter().map(|script| format!("'sha256-{}'", base64(&Sha256::digest(script.as_bytes())))).collect();
    let own = if follows { " 'self'; connect-src 'self'" } else { "" };
    format!(
        "default-src 'none'; script-src {}; style-src 'unsafe-inline'; img-src data:{own}; base-uri 'none'; form-action 'none'",
        hashes.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::policy;

    #[test]
    fn scripts_are_admitted_by_their_hash() {
        // The example of Content Security Policy Level 3, 8.3.
        let policy = policy(&["doSomething();"], false);
        assert!(policy.contains("script-src 'sha256-RFWPLDbv2BY+rCkDzsE+0fr8ylGr2R2faWMhq4lfEQc='"), "{policy}");
    }
}
