//! Every long flag `--a-b` is also the variable `HALLOO_A_B`. An empty one counts as absent.

use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, Command};
use std::ffi::OsString;

const PREFIX: &str = "HALLOO_";

/// Flags without a variable: Kubernetes sets `HALLOO_PORT` for a service that is called halloo.
const WITHOUT_VARIABLE: [&str; 1] = ["port"];

/// Lets the argument take its value from its variable. One without a value takes 1, yes or true.
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

/// The value of a variable that is there and not empty.
pub(super) fn value(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// A sentence about each variable that looks like one of ours and belongs to no flag of any command.
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

/// Kubernetes sets `HALLOO_PORT…` and `HALLOO_…_SERVICE_…` for services that are called halloo or halloo-something.
fn is_ours(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else { return false };
    !rest.starts_with("PORT") && !rest.contains("SERVICE_") && !rest.contains("_PORT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_sets_is_not_ours() {
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
