//! The published package: which files it has, and that no link in its pages leads out of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The files of the package, or `None` where they cannot be listed.
fn files() -> Option<BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO")?;
    let mut list = Command::new(cargo);
    list.args(["package", "--list", "--allow-dirty", "--offline"]).current_dir(ROOT);
    let output = list.output().expect("cargo runs");
    let text = String::from_utf8(output.stdout).expect("names are text");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(text.lines().map(str::to_owned).collect())
}

#[test]
fn the_package_has_sources_and_pages_and_no_data_of_tests() {
    let Some(files) = files() else { return };
    for needed in [
        "src/lib.rs",
        "src/load/render/html/style.css",
        "examples/bench.rs",
        "README.md",
        "LICENSE-MIT",
    ] {
        assert!(files.contains(needed), "{needed}");
    }
    for file in &files {
        let is_data = ["tests/", "benches/", "examples/"].iter().any(|it| file.starts_with(it))
            && !file.ends_with(".rs");
        let is_foreign = [".ci/", "fuzz/corpus/", "fuzz/fuzz_targets/", "benches/peers/src/"]
            .iter()
            .any(|directory| file.starts_with(directory));
        assert!(!is_data && !is_foreign, "{file} is in the package");
    }
}

#[test]
fn no_link_leads_out_of_the_package() {
    let Some(files) = files() else { return };
    for page in files.iter().filter(|file| file.ends_with(".md")) {
        let text = fs::read_to_string(Path::new(ROOT).join(page)).expect("a page");
        for link in links(&text) {
            let target = resolve(page, link);
            let is_there = files.iter().any(|file| Path::new(file).starts_with(&target));
            assert!(is_there, "{page} links to {link}");
        }
    }
}

/// The relative links of a page, without their anchors.
fn links(text: &str) -> Vec<&str> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    links.filter(|link| !link.is_empty() && !link.contains("://")).collect()
}

/// The file that a link on this page leads to, from the root.
fn resolve(page: &str, link: &str) -> PathBuf {
    let mut path = PathBuf::from(page);
    path.pop();
    for component in Path::new(link).components() {
        match component {
            Component::ParentDir => assert!(path.pop(), "{page} links to {link}"),
            other => path.push(other),
        }
    }
    path
}

#[test]
fn a_link_is_found_and_resolved() {
    let text = "[a](b.md#c) ![d](../e.svg) [f](https://g.example/h) [i](#j)";
    assert_eq!(links(text), ["b.md", "../e.svg"]);
    assert_eq!(resolve("docs/x.md", "../e.svg"), Path::new("e.svg"));
}
