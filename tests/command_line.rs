//! The command line: exit codes, messages, the config file and the environment, stdout and stderr,
//! and the interactive client.

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

    /// Runs halloo with an empty stdin and waits until it ends.
    #[track_caller]
    fn run(arguments: &[&str]) -> Finished {
        let mut program = Program::start(halloo().args(arguments));
        program.close_stdin();
        program.wait()
    }

    /// It must end with this exit code, print nothing on stdout, and all of these words on stderr.
    #[track_caller]
    fn assert_refused(arguments: &[&str], code: i32, words: &[&str]) {
        let finished = run(arguments);
        assert_eq!(finished.code, Some(code), "{arguments:?}: {finished:#?}");
        assert_eq!(finished.stdout, "", "{arguments:?}: nothing on stdout");
        for word in words {
            assert!(finished.stderr.contains(word), "{arguments:?}: no {word:?} in {finished:#?}");
        }
    }
}
