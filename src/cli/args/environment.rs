//! Environment variables: every long flag `--a-b` is also `HALLOO_A_B`. An empty variable counts
//! as absent.

use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, Command};
use std::ffi::OsString;

const PREFIX: &str = "HALLOO_";

/// Flags without a variable: Kubernetes sets `HALLOO_PORT` for a service named halloo.
const WITHOUT_VARIABLE: [&str; 1] = ["port"];

/// Lets the argument take its value from its variable. A switch accepts 1, yes, true, 0, no, false.
pub(in crate::cli) fn bind(argument: Arg) -> Arg {
    let Some(name) = argument.get_long().and_then(variable) else { return argument };
    let argument = match argument.get_action() {
        ArgAction::SetTrue => argument.value_parser(BoolishValueParser::new()),
        _ => argument,
    };
    match value(&name) {
        Some(_) => argument.env(name).hide_env(true),
        None => argument,
    }
}

/// The variable of a long flag, if it has one.
pub(super) fn variable(long: &str) -> Option<String> {
    let has_one = !WITHOUT_VARIABLE.contains(&long);
    has_one.then(|| format!("{PREFIX}{}", long.to_uppercase().replace('-', "_")))
}

/// The value of a variable that is set and not empty.
pub(super) fn value(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// A warning for each variable with our prefix that belongs to no flag of any command.
pub(in crate::cli) fn warnings(commands: &Command) -> Vec<String> {
    let is_flag = |name: &str| {
        let mut arguments = commands.get_subcommands().flat_map(Command::get_arguments);
        arguments.any(|it| it.get_long().and_then(variable).is_some_and(|known| known == name))
    };
    let names = std::env::vars_os().filter(|(_, value)| !value.is_empty());
    let names = names.filter_map(|(name, _)| name.into_string().ok());
    let mut unknown: Vec<String> = names.filter(|name| is_ours(name) && !is_flag(name)).collect();
    unknown.sort();
    unknown.iter().map(|name| warning(name, commands)).collect()
}

fn warning(name: &str, commands: &Command) -> String {
    if matches!(name, "HALLOO_LISTEN" | "HALLOO_URL") {
        return format!("the variable {name} is ignored: addresses are arguments, not flags");
    }
    let flags = commands.get_subcommands().flat_map(Command::get_arguments);
    let known = flags.filter_map(|flag| flag.get_long().and_then(variable));
    let known: Vec<String> = known.collect();
    match super::nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("the variable {name} is ignored: did you mean {near}?"),
        None => format!("the variable {name} is ignored: no flag has this name"),
    }
}

/// Whether a variable is meant for halloo. Kubernetes sets `HALLOO_PORT…` and
/// `HALLOO_…_SERVICE_…` for services named halloo or halloo-something.
fn is_ours(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else { return false };
    !rest.starts_with("PORT") && !rest.contains("SERVICE_") && !rest.contains("_PORT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_kubernetes_sets_are_ignored() {
        for name in [
            "HALLOO_PORT",
            "HALLOO_PORT_9527_TCP_ADDR",
            "HALLOO_SERVICE_HOST",
            "HALLOO_SERVICE_PORT_WS",
            "HALLOO_ADMIN_SERVICE_PORT",
            "HALLOO_ADMIN_PORT_9528_TCP",
            "PATH",
        ] {
            assert!(!is_ours(name), "{name}");
        }
        for name in ["HALLOO_LISTEN", "HALLOO_SERVICES", "HALLOO_SERVISE", "HALLOO_"] {
            assert!(is_ours(name), "{name}");
        }
        assert_eq!(variable("max-header-size").as_deref(), Some("HALLOO_MAX_HEADER_SIZE"));
        assert_eq!(variable("port"), None);
    }
}
