//! Row 5: `halloo connect` as the client of row 4, in a pipe and at a terminal.

use crate::support::{
    KeyFile, PythonServer, assert_stamped, connect, python, pythons, start_connect,
};

const KEY: &str = "芝麻开门";
const OTHER_KEY: &str = "老衲洗头用飘柔";

/// The arguments of `halloo connect`.
fn arguments<'a>(url: &'a str, key: &'a KeyFile) -> [&'a str; 5] {
    [url, "--auth-key-file", key.path(), "--auth-hash", "md5"]
}

/// The complete screen of a terminal on which this input is typed.
fn screen(typed: &str) -> String {
    let key = KeyFile::new(KEY);
    let server = PythonServer::start(&python(), "stamp_server.py", &[key.path()]);
    let url = server.url("tcp");
    let connect = [env!("CARGO_BIN_EXE_halloo"), "connect"];
    let command = [&connect[..], &arguments(&url, &key)].concat();
    python().run("terminal.py", &command, typed).stdout
}

#[test]
fn row_5_piped_lines_are_stamped_without_a_prompt() {
    let key = KeyFile::new(KEY);
    let data = ["time", "也许猪的身体不优美,长鼻短尾", "老衲洗头用飘柔"];
    for python in pythons() {
        let server = PythonServer::start(python, "stamp_server.py", &[key.path()]);
        let client = connect(&arguments(&server.url("tcp"), &key), &(data.join("\n") + "\n"));
        assert_eq!(client.code, Some(0), "{}", client.stderr);
        assert_stamped(&client.stdout, &data);
        server.wait_for_line("genuine");
        server.wait_for_line("left");
    }
}

#[test]
fn row_5_quit_ends_connect_while_its_input_is_open() {
    let key = KeyFile::new(KEY);
    let server = PythonServer::start(&python(), "stamp_server.py", &[key.path()]);
    let mut client = start_connect(&arguments(&server.url("tcp"), &key));
    client.write("time\nquit\nnever sent\n");
    let client = client.wait();
    assert_eq!(client.code, Some(0), "{}", client.stderr);
    assert_stamped(&client.stdout, &["time"]);
}

#[test]
fn row_5_a_wrong_key_gets_no_response() {
    let (key, other) = (KeyFile::new(KEY), KeyFile::new(OTHER_KEY));
    for python in pythons() {
        let server = PythonServer::start(python, "stamp_server.py", &[key.path()]);
        let client = connect(&arguments(&server.url("tcp"), &other), "time\n");
        server.wait_for_line("forged");
        assert_eq!((client.code, client.stdout.as_str()), (Some(1), ""), "{}", client.stderr);
    }
}

#[test]
fn row_5_a_blank_line_is_not_sent() {
    let key = KeyFile::new(KEY);
    let server = PythonServer::start(&python(), "stamp_server.py", &[key.path()]);
    let client = connect(&arguments(&server.url("tcp"), &key), "first\n\nsecond\n");
    assert_eq!(client.code, Some(0), "{}", client.stderr);
    assert_stamped(&client.stdout, &["first", "second"]);
}

#[test]
fn row_5_the_prompt_appears_on_a_terminal() {
    let screen = screen("time\n芝麻开门\nquit\n");
    let lines: Vec<&str> = screen.lines().filter(|line| !line.is_empty()).collect();
    let [first, first_reply, second, second_reply, last] = lines[..] else { panic!("{screen:?}") };
    assert_eq!([first, second, last], [">>> time", ">>> 芝麻开门", ">>> quit"]);
    assert_stamped(first_reply, &["time"]);
    assert_stamped(second_reply, &["芝麻开门"]);
}

#[test]
fn row_5_control_characters_do_not_reach_the_terminal() {
    // Typed escape sequences are keys, so the server sends back the bytes of a colour sequence.
    let screen = screen("/binary 726564201b5b33316d\nquit\n");
    let reply = screen.lines().find(|line| line.starts_with('[')).unwrap_or_default();
    assert!(reply.contains("red ") && reply.contains("[31m"), "{screen:?}");
    assert!(!reply.contains('\u{1b}'), "{screen:?}");
}
