//! Rules for the tree: the imports of each module, forbidden constructs and words, the length of
//! files, functions and comment lines. Every rule is also tried on a text that breaks it.

use std::fs;
use std::path::{Path, PathBuf};

const LINES_PER_FILE_MAX: usize = 700;
const LINES_PER_FUNCTION_MAX: usize = 80;
const COMMENT_COLUMNS_MAX: usize = 100;

/// The modules of the crate, each with the modules that it may use: imports only point downwards.
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

/// Names that a layer may not use, by any path.
const FORBIDDEN: [(&str, &[&str]); 7] = [
    ("proto", INPUT_AND_OUTPUT),
    ("service", INPUT_AND_OUTPUT),
    ("metrics", INPUT_AND_OUTPUT),
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

/// Sockets, files, clocks, randomness, and the user interface.
const INPUT_AND_OUTPUT: &[&str] = &[
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

/// Identifiers that the code no longer uses; as English words they are fine.
const RETIRED_NAMES: [&str; 12] = [
    "Desk",
    "Doorkeeper",
    "Flights",
    "Person",
    "Talk",
    "Tally",
    "bury_the_dead",
    "look_for_silence",
    "note_farewell",
    "tally",
    "turn_away",
    "wants_to_flood",
];

/// Words and phrases that neither code nor prose uses any more, in lower case.
const RETIRED_WORDS: [&str; 25] = [
    "break_off",
    "bury",
    "conductor",
    "deaf",
    "doorkeeper",
    "farewell",
    "farewells",
    "first wall",
    "first_wall",
    "goodbye",
    "goodbyes",
    "greedy",
    "last words",
    "last_words",
    "modest_waits",
    "obey_signals",
    "on its way",
    "on their way",
    "suspect_input",
    "turn away",
    "turned away",
    "turned_away",
    "turning away",
    "turns away",
    "turns_away",
];

/// The text of a file.
struct Source {
    /// Relative to the root of the tree, with slashes.
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// The layer of a file below src: its first directory.
    fn layer(&self) -> &str {
        let below = self.path.strip_prefix("src/").unwrap_or_default();
        below.split_once('/').map_or(below.trim_end_matches(".rs"), |(layer, _)| layer)
    }

    fn is_in_src(&self) -> bool {
        self.path.starts_with("src/")
    }

    /// The code without comments, contents of strings, and items compiled for tests only.
    fn code(&self) -> String {
        without_tests(&without_comments_and_strings(&self.text))
    }
}

/// A rule: returns the complaints about a file.
type Rule = fn(&Source) -> Vec<String>;

#[test]
fn the_tree_is_tidy() {
    let sources = tree();
    assert!(sources.iter().filter(|source| source.is_in_src()).count() > 30, "src is found");
    assert!(sources.iter().any(|source| source.path == "tests/tidy.rs"), "tests is found");
    let rules: [Rule; 12] = [
        imports_point_downwards,
        the_core_of_net_does_not_use_the_system,
        nothing_is_unsafe,
        only_the_command_line_prints,
        files_open_with_their_purpose,
        files_are_short,
        functions_fit_a_screen,
        nothing_is_left_to_do,
        getters_have_no_prefix,
        nothing_is_unwrapped,
        comments_fit_their_columns,
        retired_words_are_gone,
    ];
    let mut complaints: Vec<String> =
        sources.iter().flat_map(|source| rules.iter().flat_map(|rule| rule(source))).collect();
    let documents = documents();
    assert!(documents.iter().any(|document| document.path == "README.md"), "README.md is found");
    complaints.extend(documents.iter().flat_map(retired_words_are_gone));
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

fn files_open_with_their_purpose(source: &Source) -> Vec<String> {
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
    // Spelled so that this file does not match.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let macros = [concat!("to", "do!"), concat!("un", "implemented!")];
    let skipped = concat!("#[", "ignore");
    let found = marks.iter().chain(&macros).filter(|mark| has_word(&source.text, mark));
    let found = found.chain(source.text.contains(skipped).then_some(&skipped));
    found.map(|mark| format!("{}: {mark}", source.path)).collect()
}

fn getters_have_no_prefix(source: &Source) -> Vec<String> {
    let code = without_comments_and_strings(&source.text);
    let names = functions(&code).into_iter().map(|(name, _)| name);
    names
        .filter(|name| name.starts_with("get_"))
        .map(|name| format!("{}: {name} should not begin with get_", source.path))
        .collect()
}

fn nothing_is_unwrapped(source: &Source) -> Vec<String> {
    complain(source.is_in_src() && source.code().contains(".unwrap()"), source, "unwraps")
}

/// The core of `net` is free of system calls; `net/mod.rs` joins it with `net/os`.
fn the_core_of_net_does_not_use_the_system(source: &Source) -> Vec<String> {
    let path = source.path.as_str();
    let is_core = path.starts_with("src/net/")
        && !path.starts_with("src/net/os/")
        && path != "src/net/mod.rs";
    let code = flattened(&source.code());
    let starts_with_os = code.match_indices("os::").any(|(start, _)| {
        let before = code[..start].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    });
    let uses_os = has_word(&code, "net::os") || has_word(&code, "super::os") || starts_with_os;
    complain(is_core && uses_os, source, "uses net::os outside net/os")
}

fn comments_fit_their_columns(source: &Source) -> Vec<String> {
    let lines = source.text.lines().zip(1..);
    let long = lines.filter(|(line, _)| {
        line.trim_start().starts_with("//") && line.chars().count() > COMMENT_COLUMNS_MAX
    });
    long.map(|(_, number)| {
        format!("{}:{number}: a comment of more than {COMMENT_COLUMNS_MAX} columns", source.path)
    })
    .collect()
}

fn retired_words_are_gone(source: &Source) -> Vec<String> {
    // This file lists the words.
    if source.path == "tests/tidy.rs" {
        return Vec::new();
    }
    let code = match source.path.ends_with(".rs") {
        true => without_comments_and_strings(&source.text),
        false => String::new(),
    };
    let text = unwrapped(&source.text).to_lowercase();
    let names = RETIRED_NAMES.iter().filter(|name| has_word(&code, name));
    let words = RETIRED_WORDS.iter().filter(|words| has_word(&text, words));
    names.chain(words).map(|word| format!("{}: the word {word:?}", source.path)).collect()
}

/// The text in one line, without the marks of comments, so that a phrase is found across lines.
fn unwrapped(text: &str) -> String {
    let lines = text.lines().map(|line| line.trim_start_matches(['/', '!', '#', '*', ' ']));
    lines.collect::<Vec<_>>().join(" ")
}

fn complain(applies: bool, source: &Source, what: &str) -> Vec<String> {
    applies.then(|| format!("{}: {what}", source.path)).into_iter().collect()
}

/// Every Rust file of the project.
fn tree() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for directory in ["src", "tests", "benches", "fuzz", "examples"] {
        collect(&root.join(directory), root, &["rs"], &mut sources);
    }
    sources
}

/// README.md, and the files in Markdown and Python below docs, tests and benches.
fn documents() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("README.md is text");
    let mut documents = vec![Source::new("README.md", &readme)];
    for directory in ["docs", "tests", "benches"] {
        collect(&root.join(directory), root, &["md", "py"], &mut documents);
    }
    documents
}

fn collect(directory: &Path, root: &Path, extensions: &[&str], sources: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let has_extension = |extension: &str| path.extension().is_some_and(|it| it == extension);
        let skipped = ["target", "node_modules"];
        if path.is_dir()
            && !path.file_name().is_some_and(|name| skipped.iter().any(|it| name == *it))
        {
            collect(&path, root, extensions, sources);
        } else if extensions.iter().any(|extension| has_extension(extension)) {
            let text = fs::read_to_string(&path).expect("a source file is text");
            let name =
                path.strip_prefix(root).expect("the file is below the root").to_string_lossy();
            sources.push(Source { path: name.into_owned(), text });
        }
    }
}

/// Whether `word` occurs in the text, not as a part of a longer name.
fn has_word(text: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + word.len()..].chars().next();
        !before.is_some_and(is_name) && (word.ends_with('!') || !after.is_some_and(is_name))
    })
}

/// Appends `a::b` and `a::c::d` for `use a::{b, c::d};`, so that a path is found in every form of
/// import.
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

/// Splits at the commas outside braces.
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

/// Replaces comments, strings and characters by blanks; lines keep their numbers.
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

/// The length of the comment, string or character that begins here; 0 if none does.
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

/// The length of the literal that begins here and ends with the next unescaped `quote`.
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

/// Removes every item marked `#[cfg(test)]`.
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

/// The length of the block that begins with this brace.
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

/// Every function with a body: its name, and the number of lines from `fn` to its last brace.
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

/// A file of the protocol that contains this line.
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
fn imports_downwards_are_allowed() {
    for line in [
        "// std::net is not allowed",
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
fn each_other_rule_finds_a_violation() {
    let long_function = format!("//! F.\nfn long() {{\n{}}}\n", "    step();\n".repeat(80));
    let long_file = format!("//! F.\n{}", "const A: u8 = 1;\n".repeat(700));
    let to_do = concat!("//! F.\n// TO", "DO: more\n");
    let long_comment = format!("//! F.\n    // {}\n", "x".repeat(94));
    let cases: [(Rule, &str); 18] = [
        (nothing_is_unsafe, "//! F.\nfn f() { unsafe { g() } }\n"),
        (only_the_command_line_prints, "//! F.\nfn f() { println!(\"x\"); }\n"),
        (only_the_command_line_prints, "//! F.\nfn f() { dbg!(1); }\n"),
        (files_open_with_their_purpose, "use std::fmt;\n//! F.\n"),
        (files_are_short, &long_file),
        (functions_fit_a_screen, &long_function),
        (nothing_is_left_to_do, to_do),
        (nothing_is_left_to_do, concat!("//! F.\n#[test]\n#[", "ignore]\nfn f() {}\n")),
        (getters_have_no_prefix, "//! F.\npub fn get_name() {}\n"),
        (nothing_is_unwrapped, "//! F.\nfn f() { g().unwrap(); }\n"),
        (nothing_is_unwrapped, "//! F.\n#[cfg(test)]\nmod t {}\nfn f() { g().unwrap(); }\n"),
        (comments_fit_their_columns, &long_comment),
        (retired_words_are_gone, "//! F.\nstruct Desk;\n"),
        (retired_words_are_gone, "//! F.\nfn obey_signals() {}\n"),
        (retired_words_are_gone, "//! Messages on their way.\n"),
        (retired_words_are_gone, "//! The first\n//! wall.\n"),
        (retired_words_are_gone, "//! F.\n// Goodbye is said once.\n"),
        (retired_words_are_gone, "//! F.\nconst A: &str = \"turned away: {end}\";\n"),
    ];
    for (rule, text) in cases {
        assert_eq!(rule(&Source::new("src/proto/frame.rs", text)).len(), 1, "{text}");
    }
}

#[test]
fn each_other_rule_accepts_valid_text() {
    let comment = format!("//! {}\nconst A: &str = \"{}\";\n", "é".repeat(96), "x".repeat(200));
    let cases: [(Rule, &str, &str); 10] = [
        (comments_fit_their_columns, "src/a.rs", &comment),
        (
            retired_words_are_gone,
            "src/a.rs",
            "//! The user's desk. Talk to a server.\nfn desk() {}\n",
        ),
        (retired_words_are_gone, "docs/a.md", "A byte on the way; a wall clock; away from here."),
        (retired_words_are_gone, "src/a.rs", "fn not_greedy_at_all() {}\nstruct Desktop;\n"),
        (nothing_is_unsafe, "src/a.rs", "//! unsafe\nconst A: &str = \"unsafe\";\n"),
        (only_the_command_line_prints, "src/cli/a.rs", "fn f() { println!(); }"),
        (only_the_command_line_prints, "tests/a.rs", "fn f() { println!(); }"),
        (nothing_is_unwrapped, "src/a.rs", "#[cfg(test)]\nmod t { fn f() { g().unwrap(); } }"),
        (nothing_is_unwrapped, "src/a.rs", "const A: char = '\"';\n// .unwrap()\nconst B: u8 = 0;"),
        (getters_have_no_prefix, "src/a.rs", "fn f() { map.get_mut(1); }\nfn target_of() {}"),
    ];
    for (rule, path, text) in cases {
        assert_eq!(rule(&Source::new(path, text)), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn only_net_os_and_its_parent_use_the_system() {
    for line in [
        "use super::os::System;",
        "use crate::net::os;",
        "use crate::net::{Token, os::stream::SystemStream};",
        "use super::{os, slab};",
        "fn f() { os::random(); }",
    ] {
        let finds = |path: &str| the_core_of_net_does_not_use_the_system(&Source::new(path, line));
        assert_eq!(finds("src/net/reactor.rs").len(), 1, "{line}");
        assert_eq!(finds("src/net/connection/io.rs").len(), 1, "{line}");
        for path in ["src/net/mod.rs", "src/net/os/stream.rs", "src/load/run.rs", "tests/a.rs"] {
            assert_eq!(finds(path), Vec::<String>::new(), "{path}: {line}");
        }
    }
    for line in ["use std::os::fd::AsFd;", "fn f() { pos::new(); }", "// net::os", "use super::Os;"]
    {
        let source = Source::new("src/net/reactor.rs", line);
        let found = the_core_of_net_does_not_use_the_system(&source);
        assert_eq!(found, Vec::<String>::new(), "{line}");
    }
}

#[test]
fn lines_of_a_function_are_counted_up_to_its_last_brace() {
    let code = "fn one() {}\nimpl A {\n    fn two(&self)\n    where\n        A: B,\n    {\n        x\n    }\n}";
    assert_eq!(functions(code), [("one", 1), ("two", 6)]);
}
