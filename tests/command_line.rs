//! What a user types and what comes back: exit codes, messages, the config file and the environment, what
//! goes to stdout and what to stderr, and the interactive client.

#![cfg(feature = "cli")]

mod support;

mod command_line {
    mod arguments;
    mod configuration;
    mod connecting;
    mod doctor;
    mod fake;
    mod key_files;
    mod output;
    mod refusals;
    mod replies;
    mod report;
    mod terminal;
    mod usage;

    use super::support::{Finished, Program, halloo};

    /// Runs it to its end, with nothing on stdin.
    #[track_caller]
    fn run(arguments: &[&str]) -> Finished {
        let mut program = Program::start(halloo().args(arguments));
        program.close_stdin();
        program.wait()
    }

    /// It must end with this exit code, say nothing on stdout, and all of these words on stderr.
    #[track_caller]
    fn assert_refused(arguments: &[&str], code: i32, words: &[&str]) {
        let finished = run(arguments);
        assert_eq!(finished.code, Some(code), "{arguments:?}: {finished:#?}");
        assert_eq!(finished.stdout, "", "{arguments:?}: a refusal is no result");
        for word in words {
            assert!(finished.stderr.contains(word), "{arguments:?}: no {word:?} in {finished:#?}");
        }
    }
}
