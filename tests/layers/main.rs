//! Dependencies between the library's modules point one way, as the `use` lines have it.

mod circles;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use sources::{code, files};

/// The modules of `src/`, and for each the others that it uses: exactly those, and only ones that come before it.
/// An error names the chunk that it happened in, so it comes after the grid; everything from there on may use it.
const LAYERS: &[(&str, &[&str])] = &[
    ("space", &[]),
    ("grid", &["space"]),
    ("text", &[]),
    ("error", &["grid", "text"]),
    ("memory", &["error"]),
    ("chunk", &["space"]),
    ("progress", &[]),
    ("threads", &["error"]),
    ("kernel", &["space", "grid", "error", "chunk"]),
    ("store", &["space", "grid", "text", "error", "memory", "chunk", "threads", "kernel"]),
    ("page", &[]),
    ("overview", &["space", "error", "page", "chunk", "threads", "kernel"]),
    ("follow", &["space", "grid", "error", "chunk", "store"]),
    ("table", &["space", "grid", "text", "error", "threads", "kernel"]),
    ("parameters", &["space", "error", "chunk", "kernel", "store", "table"]),
    ("wire", &["space", "grid", "error", "chunk", "kernel"]),
    ("state", &["space", "grid", "error", "memory", "chunk", "threads", "kernel", "store"]),
    ("checkpoint", &["space", "grid", "error", "memory", "kernel", "store", "state"]),
    (
        "operators",
        &["space", "grid", "error", "memory", "chunk", "threads", "kernel", "store", "table", "wire", "checkpoint"],
    ),
    ("cluster", &["error", "memory", "wire"]),
    (
        "session",
        &[
            "space",
            "grid",
            "error",
            "memory",
            "chunk",
            "kernel",
            "store",
            "parameters",
            "table",
            "progress",
            "state",
            "checkpoint",
            "operators",
            "cluster",
        ],
    ),
    ("export", &["space", "grid", "error", "chunk", "kernel", "store", "table"]),
    (
        "analysis",
        &[
            "space",
            "grid",
            "text",
            "error",
            "chunk",
            "memory",
            "threads",
            "kernel",
            "store",
            "parameters",
            "table",
            "progress",
            "state",
            "checkpoint",
            "operators",
            "cluster",
            "session",
            "overview",
            "export",
        ],
    ),
    ("compare", &["text", "error", "threads", "store", "page"]),
    ("report", &["space", "error", "kernel", "store", "table", "overview", "page", "export", "analysis"]),
    ("live", &["space", "grid", "error", "store", "progress", "session", "page", "analysis", "report"]),
];

/// Macros stand at the root of the crate, wherever they are written.
const MACROS: [(&str, &str); 2] = [("with_voxels", "chunk"), ("with_dtype", "chunk")];

/// Crates that only some modules know of.
const CRATES: &[(&str, &[&str])] = &[
    ("timely", &["operators", "cluster", "session", "analysis"]),
    ("differential_dataflow", &["operators", "session"]),
    ("zarrs", &["store"]),
    ("tiff", &["store"]),
    ("csv", &["store"]),
    ("roxmltree", &["store"]),
    ("ureq", &["store"]),
    ("rusty_s3", &["store"]),
    ("image", &["overview", "store"]),
    ("embedded_graphics", &["overview"]),
    ("postcard", &["parameters", "operators", "state", "checkpoint", "cluster"]),
    ("twox_hash", &["store", "parameters", "wire", "state", "checkpoint", "operators", "analysis"]),
    ("abomonation", &["wire"]),
    ("zstd", &["store", "state"]),
    ("hmac", &["cluster"]),
    ("sha2", &["cluster", "page"]),
    ("getrandom", &["cluster", "live"]),
    ("hyper", &["live"]),
    ("hyper_util", &["live"]),
    ("http_body_util", &["live"]),
    ("tokio", &["live"]),
    ("tokio_io_timeout", &["live"]),
    ("clap", &[]),
    ("indicatif", &[]),
    ("notify", &["follow"]),
    ("parquet", &["export"]),
    ("ctrlc", &[]),
];

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The first names of the paths that follow `root::` in a piece of code: several where it is followed by braces.
fn paths<'t>(code: &'t str, root: &str) -> Vec<&'t str> {
    let starts = code.match_indices(root).filter(|(at, _)| !code[..*at].ends_with(is_name)).map(|(at, _)| at);
    let mut names = Vec::new();
    for rest in starts.filter_map(|at| code[at + root.len()..].strip_prefix("::")) {
        let group = rest.strip_prefix('{').map_or_else(|| vec![rest], |group| first_names(group));
        names.extend(group.into_iter().map(|path| path.split(|c| !is_name(c)).next().unwrap_or_default()));
    }
    names
}

/// The parts between the commas of a group of imports, up to its closing brace; groups inside it are left out.
fn first_names(group: &str) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                parts.push(group[from..at].trim());
                from = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    parts
}

/// The modules that a piece of code uses. `super::` counts where it reaches a module of the crate's root.
fn modules_used(text: &str) -> BTreeSet<&str> {
    let roots = ["crate", "super"].map(|root| paths(text, root));
    let own = |name: &&str| LAYERS.iter().any(|(module, _)| module == name);
    let of_macro = |name: &str| MACROS.iter().find(|(of, _)| *of == name).map(|(_, module)| *module);
    roots.into_iter().flatten().map(|name| of_macro(name).unwrap_or(name)).filter(own).collect()
}

/// The code of each module of the crate's root, tests included.
fn modules() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules: BTreeMap<String, String> = BTreeMap::new();
    for path in files(&root) {
        let inside = path.strip_prefix(&root).expect("the file lies in src").with_extension("");
        let module = inside.iter().next().expect("a file has a name").to_string_lossy().into_owned();
        // From inside a folder `super` does not reach the root of the crate.
        let text = fs::read_to_string(&path).expect("sources are text");
        let is_inside = inside.components().count() > 1 && !inside.ends_with("mod");
        let text = if is_inside { text.replace("super::", "above::") } else { text };
        modules.entry(module).or_default().extend(code(&text).flat_map(|line| [line, "\n"]));
    }
    modules.remove("lib");
    modules
}

#[test]
fn every_module_uses_exactly_the_layers_below_that_it_may() {
    let modules = modules();
    let listed: BTreeSet<&str> = LAYERS.iter().map(|(module, _)| *module).collect();
    let found: BTreeSet<&str> = modules.keys().map(String::as_str).collect();
    assert_eq!(found, listed, "each module of src/ has a line in LAYERS");
    for (place, (module, allowed)) in LAYERS.iter().enumerate() {
        let below = &LAYERS[..place];
        for used in *allowed {
            assert!(below.iter().any(|(module, _)| module == used), "{module} may not use {used}, which comes later");
        }
        let mut used = modules_used(&modules[*module]);
        used.remove(module);
        assert_eq!(used, allowed.iter().copied().collect(), "what {module} uses, and what LAYERS has for it");
    }
}

#[test]
fn only_some_modules_know_of_a_crate() {
    for (module, code) in modules() {
        for (name, allowed) in CRATES.iter().filter(|(_, allowed)| !allowed.contains(&module.as_str())) {
            let used = code.lines().find(|line| {
                line.match_indices(&format!("{name}::"))
                    .any(|(at, _)| !line[..at].ends_with(|c| is_name(c) || c == ':'))
            });
            assert_eq!(used, None, "{module} knows of {name}, which is for {allowed:?}");
        }
    }
}

#[test]
fn uses_are_found_however_they_are_written() {
    let text = "use crate::grid::{ChunkId, Grid};\nuse crate::{\n    store::{Source, open}, with_voxels};\n\
        let x = $crate::space::Voxel::MIN; other_crate::table::f(); super::operators::g(); super::thin::h();";
    assert_eq!(modules_used(text), BTreeSet::from(["chunk", "grid", "operators", "space", "store"]));
    assert_eq!(code("a // crate::grid\n//! crate::store").collect::<Vec<_>>(), ["a ", ""]);
}
