//! Keeps the tree tidy: which module may use which, what stands nowhere, how long files and functions
//! may be. Every rule is also tried on a text that breaks it.

use std::fs;
use std::path::{Path, PathBuf};

const LINES_PER_FILE_MAX: usize = 700;
const LINES_PER_FUNCTION_MAX: usize = 80;

/// The modules of the crate, each with those that it may use: imports only point downwards.
const LAYERS: [(&str, &[&str]); 9] = [
    ("limits", &[]),
    ("proto", &["proto"]),
    ("metrics", &["proto"]),
    ("service", &["proto", "service"]),
    ("net", &["limits", "metrics", "proto", "service", "net"]),
    ("load", &["limits", "metrics", "proto", "service", "net", "load"]),
    ("serve", &["limits", "metrics", "proto", "service", "net", "serve"]),
    ("bench", &["limits", "metrics", "proto", "service", "net", "load", "bench"]),
    ("cli", &["limits", "metrics", "proto", "service", "net", "load", "serve", "bench", "cli"]),
];

/// What a layer may not use of the world, whatever the path to it.
const FORBIDDEN: [(&str, &[&str]); 7] = [
    ("proto", OF_THE_WORLD),
    ("service", OF_THE_WORLD),
    ("metrics", OF_THE_WORLD),
    (
        "net",
        &["clap", "toml", "serde_json", "signal_hook", "set_hook", "setrlimit", "thread::spawn"],
    ),
    ("load", OF_THE_PROGRAM),
    ("bench", OF_THE_PROGRAM),
    ("serve", &["clap", "toml", "signal_hook", "set_hook", "set_logger", "setrlimit"]),
];

/// What a library leaves to the program that uses it: arguments, signals, hooks, limits, loggers
/// and threads.
const OF_THE_PROGRAM: &[&str] = &[
    "clap",
    "toml",
    "signal_hook",
    "signal_hook_mio",
    "set_hook",
    "set_logger",
    "setrlimit",
    "std::thread",
    "thread::Builder",
    "Command",
];

/// Sockets, files, clocks, randomness, and the user.
const OF_THE_WORLD: &[&str] = &[
    "mio",
    "socket2",
    "rustix",
    "signal_hook",
    "signal_hook_mio",
    "std::net",
    "std::io",
    "std::fs",
    "std::os",
    "std::env",
    "std::thread",
    "std::process",
    "Instant",
    "SystemTime",
    "getrandom",
    "clap",
    "toml",
];

/// A source file, read.
struct Source {
    /// From the root of the tree, with slashes.
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// The layer of a file below src, by its first directory.
    fn layer(&self) -> &str {
        let below = self.path.strip_prefix("src/").unwrap_or_default();
        below.split_once('/').map_or(below.trim_end_matches(".rs"), |(layer, _)| layer)
    }

    fn is_in_src(&self) -> bool {
        self.path.starts_with("src/")
    }

    /// The code, without comments, contents of strings, and what is compiled for tests only.
    fn code(&self) -> String {
        without_tests(&without_comments_and_strings(&self.text))
    }
}

/// A rule: what it has against a file.
type Rule = fn(&Source) -> Vec<String>;

#[test]
fn the_tree_is_tidy() {
    let sources = tree();
    assert!(sources.iter().filter(|source| source.is_in_src()).count() > 30, "src was found");
    assert!(sources.iter().any(|source| source.path == "tests/tidy.rs"), "tests was found");
    let rules: [Rule; 9] = [
        imports_point_downwards,
        nothing_is_unsafe,
        only_the_command_line_prints,
        files_open_with_their_duty,
        files_are_short,
        functions_fit_a_screen,
        nothing_is_left_to_do,
        questions_are_not_called_get,
        nothing_is_unwrapped,
    ];
    let complaints: Vec<String> =
        sources.iter().flat_map(|source| rules.iter().flat_map(|rule| rule(source))).collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

fn imports_point_downwards(source: &Source) -> Vec<String> {
    if !source.is_in_src() {
        return Vec::new();
    }
    let layer = source.layer();
    let code = flattened(&source.code());
    let rules = LAYERS.iter().filter(|(name, _)| *name == layer);
    let upwards = rules.flat_map(|(_, allowed)| {
        let others = LAYERS.iter().map(|(name, _)| *name).filter(|name| !allowed.contains(name));
        others.flat_map(|name| [format!("crate::{name}"), format!("super::{name}")])
    });
    let worldly = FORBIDDEN.iter().filter(|(name, _)| *name == layer);
    let worldly = worldly.flat_map(|(_, names)| names.iter().map(|name| (*name).to_owned()));
    let found = upwards.chain(worldly).filter(|name| has_word(&code, name));
    found.map(|name| format!("{}: {layer} may not use {name}", source.path)).collect()
}

fn nothing_is_unsafe(source: &Source) -> Vec<String> {
    let applies = source.is_in_src() && has_word(&source.code(), "unsafe");
    complain(applies, source, "unsafe")
}

fn only_the_command_line_prints(source: &Source) -> Vec<String> {
    let code = source.code();
    let is_allowed = |name: &str| source.layer() == "cli" && name != "dbg!";
    let names = ["println!", "print!", "eprintln!", "eprint!", "dbg!"];
    let printed = names.iter().filter(|name| source.is_in_src() && !is_allowed(name));
    printed
        .filter(|name| has_word(&code, name))
        .map(|name| format!("{}: {name} outside the command line", source.path))
        .collect()
}

fn files_open_with_their_duty(source: &Source) -> Vec<String> {
    complain(!source.text.starts_with("//! "), source, "does not open with //!")
}

fn files_are_short(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    complain(lines > LINES_PER_FILE_MAX, source, &format!("{lines} lines"))
}

fn functions_fit_a_screen(source: &Source) -> Vec<String> {
    let code = without_comments_and_strings(&source.text);
    let long = functions(&code).into_iter().filter(|(_, lines)| *lines > LINES_PER_FUNCTION_MAX);
    long.map(|(name, lines)| format!("{}: {name} has {lines} lines", source.path)).collect()
}

fn nothing_is_left_to_do(source: &Source) -> Vec<String> {
    // Spelled so that this file does not speak of itself.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let macros = [concat!("to", "do!"), concat!("un", "implemented!")];
    let skipped = concat!("#[", "ignore");
    let found = marks.iter().chain(&macros).filter(|mark| has_word(&source.text, mark));
    let found = found.chain(source.text.contains(skipped).then_some(&skipped));
    found.map(|mark| format!("{}: {mark}", source.path)).collect()
}

fn questions_are_not_called_get(source: &Source) -> Vec<String> {
    let code = without_comments_and_strings(&source.text);
    let names = functions(&code).into_iter().map(|(name, _)| name);
    names
        .filter(|name| name.starts_with("get_"))
        .map(|name| format!("{}: {name} should do without its get", source.path))
        .collect()
}

fn nothing_is_unwrapped(source: &Source) -> Vec<String> {
    complain(source.is_in_src() && source.code().contains(".unwrap()"), source, "unwraps")
}

fn complain(applies: bool, source: &Source, what: &str) -> Vec<String> {
    applies.then(|| format!("{}: {what}", source.path)).into_iter().collect()
}

/// Every Rust file of the project.
fn tree() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for directory in ["src", "tests", "benches", "fuzz"] {
        collect(&root.join(directory), root, &mut sources);
    }
    sources
}

fn collect(directory: &Path, root: &Path, sources: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(&path, root, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file is text");
            let name = path.strip_prefix(root).expect("it lies below").to_string_lossy();
            sources.push(Source { path: name.into_owned(), text });
        }
    }
}

/// Whether `word` stands in the text and is not a part of a longer name.
fn has_word(text: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + word.len()..].chars().next();
        !before.is_some_and(is_name) && (word.ends_with('!') || !after.is_some_and(is_name))
    })
}

/// Writes `use a::{b, c::d};` also as `a::b a::c::d`, so that a path is found however it is imported.
fn flattened(code: &str) -> String {
    let mut flat = code.to_owned();
    for (start, _) in code.match_indices("use ") {
        let statement = code[start + 4..].split(';').next().unwrap_or_default();
        let statement: String = statement.split_whitespace().collect();
        flatten("", &statement, &mut flat);
    }
    flat
}

fn flatten(prefix: &str, tree: &str, flat: &mut String) {
    for branch in branches(tree) {
        match branch.split_once('{') {
            Some((path, rest)) => {
                let rest = rest.strip_suffix('}').unwrap_or(rest);
                flatten(&format!("{prefix}{path}"), rest, flat);
            }
            None => {
                flat.push('\n');
                flat.push_str(prefix);
                flat.push_str(branch);
            }
        }
    }
}

/// Splits at the commas that stand in no braces.
fn branches(tree: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (index, character) in tree.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&tree[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&tree[start..]);
    parts.into_iter().filter(|part| !part.is_empty()).collect()
}

/// Blanks what only the compiler's comments and strings say; lines stay where they are.
fn without_comments_and_strings(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let taken = literal_len(rest);
        let (piece, tail) = rest.split_at(taken.max(next.len_utf8()));
        if taken == 0 {
            code.push_str(piece);
        } else {
            code.extend(piece.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = tail;
    }
    code
}

/// How long the comment, string or character is that begins here; 0 if none does.
fn literal_len(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return text.find("*/").map_or(text.len(), |end| end + 2);
    }
    if let Some(after) = text.strip_prefix("r#\"") {
        return after.find("\"#").map_or(text.len(), |end| end + 5);
    }
    if text.starts_with('"') {
        return quoted_len(text, '"');
    }
    let mut characters = text.chars();
    match (characters.next(), characters.next(), characters.next()) {
        (Some('\''), Some('\\'), Some(_)) => quoted_len(text, '\''),
        (Some('\''), Some(character), Some('\'')) => 2 + character.len_utf8(),
        _ => 0,
    }
}

/// How long the literal is that begins here and ends with the next `quote` that is not escaped.
fn quoted_len(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (index, character) in text.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if character == quote => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// Cuts out every item that `#[cfg(test)]` stands before.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(start) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..start]);
        let item = &rest[start..];
        let semicolon = item.find(';').map_or(item.len(), |index| index + 1);
        let end = match item.find('{') {
            Some(open) if open < semicolon => open + block_len(&item[open..]),
            _ => semicolon,
        };
        rest = &item[end..];
    }
    kept + rest
}

/// How long the block is that begins with this brace.
fn block_len(code: &str) -> usize {
    let mut depth = 0;
    for (index, character) in code.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    code.len()
}

/// Every function with a body: its name, and how many lines it takes from `fn` to its last brace.
fn functions(code: &str) -> Vec<(&str, usize)> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("fn ") {
        let is_word = !code[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let item = &code[start..];
        let Some(open) = item.find(['{', ';']) else { continue };
        let name = item[3..].split(|c: char| !(c.is_alphanumeric() || c == '_')).next();
        let name = name.unwrap_or_default();
        if is_word && !name.is_empty() && item[open..].starts_with('{') {
            let end = open + block_len(&item[open..]);
            found.push((name, item[..end].lines().count()));
        }
    }
    found
}

/// A file of the protocol with this line in it.
fn proto_with(line: &str) -> Source {
    Source::new("src/proto/frame.rs", &format!("//! Frames.\n\n{line}\n"))
}

#[test]
fn imports_upwards_are_found() {
    for line in [
        "use mio::Token;",
        "use std::{fmt, io::Read};",
        "use std::{\n    fmt,\n    net::{IpAddr, SocketAddr},\n};",
        "fn late(now: std::time::Instant) {}",
        "fn at() -> std::net::IpAddr { unreachable!() }",
        "use std::time::SystemTime;",
        "use crate::{net::Address, proto::End};",
        "fn fill(bytes: &mut [u8]) { getrandom::fill(bytes).ok(); }",
        "use crate::service::Service;",
        "use crate::cli;",
        "use super::super::net::Address;",
    ] {
        assert_eq!(imports_point_downwards(&proto_with(line)).len(), 1, "{line}");
    }
    let service = Source::new("src/service/echo.rs", "use crate::net::Reactor;");
    assert_eq!(imports_point_downwards(&service).len(), 1);
    let net = Source::new("src/net/reactor.rs", "use crate::cli::Failure;");
    assert_eq!(imports_point_downwards(&net).len(), 1);
}

#[test]
fn imports_downwards_are_not() {
    for line in [
        "// std::net is not for us",
        "const WORDS: &str = \"mio and std::io\";",
        "use std::fmt;\nuse std::time::Duration;",
        "use super::network_length;",
        "#[cfg(test)]\nmod tests {\n    use std::io::Read;\n}",
        "use crate::proto::End;",
    ] {
        assert_eq!(imports_point_downwards(&proto_with(line)), Vec::<String>::new(), "{line}");
    }
    let net = Source::new("src/net/reactor.rs", "use crate::proto::End;\nuse mio::Poll;");
    assert_eq!(imports_point_downwards(&net), Vec::<String>::new());
}

#[test]
fn each_other_rule_finds_what_it_is_for() {
    let long_function = format!("//! F.\nfn long() {{\n{}}}\n", "    step();\n".repeat(80));
    let long_file = format!("//! F.\n{}", "const A: u8 = 1;\n".repeat(700));
    let to_do = concat!("//! F.\n// TO", "DO: more\n");
    let cases: [(Rule, &str); 11] = [
        (nothing_is_unsafe, "//! F.\nfn f() { unsafe { g() } }\n"),
        (only_the_command_line_prints, "//! F.\nfn f() { println!(\"x\"); }\n"),
        (only_the_command_line_prints, "//! F.\nfn f() { dbg!(1); }\n"),
        (files_open_with_their_duty, "use std::fmt;\n//! F.\n"),
        (files_are_short, &long_file),
        (functions_fit_a_screen, &long_function),
        (nothing_is_left_to_do, to_do),
        (nothing_is_left_to_do, concat!("//! F.\n#[test]\n#[", "ignore]\nfn f() {}\n")),
        (questions_are_not_called_get, "//! F.\npub fn get_name() {}\n"),
        (nothing_is_unwrapped, "//! F.\nfn f() { g().unwrap(); }\n"),
        (nothing_is_unwrapped, "//! F.\n#[cfg(test)]\nmod t {}\nfn f() { g().unwrap(); }\n"),
    ];
    for (rule, text) in cases {
        assert_eq!(rule(&Source::new("src/proto/frame.rs", text)).len(), 1, "{text}");
    }
}

#[test]
fn each_other_rule_leaves_what_it_is_not_for() {
    let cases: [(Rule, &str, &str); 6] = [
        (nothing_is_unsafe, "src/a.rs", "//! unsafe\nconst A: &str = \"unsafe\";\n"),
        (only_the_command_line_prints, "src/cli/a.rs", "fn f() { println!(); }"),
        (only_the_command_line_prints, "tests/a.rs", "fn f() { println!(); }"),
        (nothing_is_unwrapped, "src/a.rs", "#[cfg(test)]\nmod t { fn f() { g().unwrap(); } }"),
        (nothing_is_unwrapped, "src/a.rs", "const A: char = '\"';\n// .unwrap()\nconst B: u8 = 0;"),
        (questions_are_not_called_get, "src/a.rs", "fn f() { map.get_mut(1); }\nfn target_of() {}"),
    ];
    for (rule, path, text) in cases {
        assert_eq!(rule(&Source::new(path, text)), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_function_is_counted_from_its_name_to_its_brace() {
    let code = "fn one() {}\nimpl A {\n    fn two(&self)\n    where\n        A: B,\n    {\n        x\n    }\n}";
    assert_eq!(functions(code), [("one", 1), ("two", 6)]);
}
