//! What a mistyped word was probably meant to be: the nearest name, or our name for another tool's
//! flag.

use crate::net::Address;
use clap::Command;

/// Other tools' flags for a server, and the flag or sentence to suggest for `serve`.
const OF_A_SERVER: &[(&[&str], &str)] = &[
    (
        &["--listen", "--bind", "--address", "--addr", "--host", "-l", "-b"],
        "the address is an argument, as in: halloo serve ws://0.0.0.0:9527",
    ),
    (&["--threads", "--thread", "--processes", "--procs", "-t", "-w"], "--workers"),
    (&["--cert", "--tls-certificate", "--certificate"], "--tls-cert"),
    (&["--key", "--tls-private-key", "--private-key"], "--tls-key"),
    (&["--cacert", "--ca", "--client-ca"], "--tls-client-ca"),
    (&["--max-header", "--max-headers", "--header-size"], "--max-header-size"),
    (&["--timeout"], "--idle-timeout"),
];

/// The same for the commands that connect.
const OF_A_CLIENT: &[(&[&str], &str)] = &[
    (
        &["--port", "-p", "--host", "--address", "--addr", "--url"],
        "host and port are part of the URL, as in: ws://127.0.0.1:9527",
    ),
    (&["--cert", "--tls-certificate", "--certificate"], "--tls-cert"),
    (&["--key", "--tls-private-key", "--private-key"], "--tls-key"),
    (&["--ca", "--cafile", "--ca-file", "--tls-ca"], "--cacert"),
    (&["--threads", "--thread", "--workers", "--procs", "-t", "-w"], "--processes"),
    (&["--time", "-z"], "--duration"),
    (&["--qps", "--rps", "--throughput", "-R"], "--rate"),
    (&["--clients", "--concurrency", "--users"], "--connections"),
    (&["--requests", "--count"], "--messages"),
    (&["--payload-size", "--bytes"], "--size"),
    (&["--pipeline", "--inflight", "--in-flight"], "--depth"),
    (&["--ramp", "--ramp-rate"], "--connect-rate"),
    (&["--timeout", "-T"], "--connect-timeout"),
    (&["--wait"], "--linger"),
    (&["--protocol", "-s"], "--subprotocol"),
];

/// What to suggest: one of our flags, or a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meant {
    Flag(String),
    Sentence(String),
}

/// The suggestion for a flag that this command does not have.
pub(super) fn flag(command: &Command, unknown: &str) -> Option<Meant> {
    let unknown = unknown.split('=').next().unwrap_or(unknown);
    let table = if command.get_name() == "serve" { OF_A_SERVER } else { OF_A_CLIENT };
    let flags = || {
        let visible = command.get_arguments().filter(|argument| !argument.is_hide_set());
        visible.filter_map(|argument| argument.get_long()).map(|long| format!("--{long}"))
    };
    let connects = command.get_arguments().any(|argument| argument.get_id() == "url");
    let has_table = connects || command.get_name() == "serve";
    let elsewhere = table
        .iter()
        .filter(|_| has_table)
        .find(|(names, _)| names.contains(&unknown))
        .map(|(_, it)| *it);
    if let Some(meant) = elsewhere {
        if !meant.starts_with("--") {
            return Some(Meant::Sentence(meant.into()));
        }
        if flags().any(|flag| flag == meant) {
            return Some(Meant::Flag(meant.into()));
        }
    }
    let flags: Vec<String> = flags().collect();
    let near = nearest(unknown, flags.iter().map(String::as_str));
    near.filter(|_| unknown.starts_with("--")).map(|near| Meant::Flag(near.into()))
}

/// The error for a first argument that is neither a command nor an address.
pub(in crate::cli) fn unknown_command(commands: &Command, word: &str) -> String {
    let names: Vec<&str> = commands.get_subcommands().map(Command::get_name).collect();
    let meant = match word {
        "version" => Some("halloo --version".to_owned()),
        "server" | "start" | "run" | "echo" | "listen" => Some("halloo serve".to_owned()),
        "client" | "talk" | "cat" => Some("halloo connect".to_owned()),
        "load" | "benchmark" | "test" => Some("halloo bench".to_owned()),
        _ => nearest(word, names.iter().copied()).map(|name| format!("halloo {name}")),
    };
    let meant = meant.or_else(|| {
        let host = word.split_once('/').map_or(word, |(host, _)| host);
        let url = format!("ws://{word}");
        let is_host = host.contains(['.', ':']) || host == "localhost";
        (is_host && url.parse::<Address>().is_ok()).then(|| format!("halloo {url}"))
    });
    let tail = match meant {
        Some(meant) => format!("did you mean: {meant}"),
        None => format!("the commands are {}", names.join(", ")),
    };
    format!("'{word}' is neither a command nor an address (HOST:PORT, PORT or a URL): {tail}")
}

/// The candidate with the fewest typos relative to `word`, if they are few for its length.
pub(in crate::cli) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let letters = word.trim_start_matches('-').chars().count();
    let most = (letters / 3).clamp(1, 3);
    let candidates = candidates.map(|candidate| (typos(word, candidate), candidate));
    candidates
        .filter(|(typos, _)| *typos <= most && letters > 1)
        .min_by_key(|(typos, _)| *typos)
        .map(|it| it.1)
}

/// The edit distance of two words: how many letters must be inserted, deleted, replaced or swapped
/// with their neighbour (Damerau-Levenshtein, optimal string alignment).
fn typos(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let replaced = above[column] + usize::from(letter != other);
            let mut least = replaced.min(above[column + 1] + 1).min(line[column] + 1);
            let is_swap =
                row > 0 && column > 0 && from[row - 1] == *other && *letter == to[column - 1];
            if is_swap {
                least = least.min(before[column - 1] + 1);
            }
            line.push(least);
        }
        before = std::mem::replace(&mut above, line);
    }
    above[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_are_counted() {
        for (from, to, count) in [
            ("serve", "serve", 0),
            ("srve", "serve", 1),
            ("sevre", "serve", 1),
            ("", "abc", 3),
            ("port", "subprotocol", 8),
        ] {
            assert_eq!(typos(from, to), count, "{from} {to}");
            assert_eq!(typos(to, from), count, "{to} {from}");
        }
    }

    #[test]
    fn only_near_names_are_suggested() {
        let flags = ["--subprotocol", "--profile", "--idle-timeout", "--quiet"];
        let near = |word| nearest(word, flags.into_iter());
        assert_eq!(near("--port"), None);
        assert_eq!(near("--quit"), Some("--quiet"));
        assert_eq!(near("--idle-timout"), Some("--idle-timeout"));
        assert_eq!(near("--x"), None);
    }
}
