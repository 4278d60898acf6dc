//! A server in a test: each test starts its own on a free port, and dropping the handle ends it.
//!
//! `cargo run --example echo_in_a_test` runs the test's steps and prints them;
//! `cargo test --example echo_in_a_test` runs them as a test.

#![allow(clippy::print_stdout)]

use std::io::{BufRead, BufReader, Result, Write};
use std::net::TcpStream;

/// The client that is to be tested: sends a line and returns the server's response.
fn ask(server: &str, question: &str) -> Result<String> {
    let mut stream = TcpStream::connect(server)?;
    writeln!(stream, "{question}")?;
    let mut response = String::new();
    BufReader::new(stream).read_line(&mut response)?;
    Ok(response.trim_end().to_owned())
}

fn main() -> Result<()> {
    let server = halloo::serve("line://127.0.0.1:0")?;
    println!("listening {}", server.url());
    let address = server.url().trim_start_matches("line://");
    println!("response  {}", ask(address, "hello")?);
    let metrics = server.stop()?;
    println!("stopped   after {} connection, {} message", metrics.opened, metrics.messages);
    Ok(())
}

#[test]
fn the_client_reads_the_response_to_its_question() -> Result<()> {
    let server = halloo::serve("line://127.0.0.1:0")?;
    let address = server.url().trim_start_matches("line://");
    assert_eq!(ask(address, "hello")?, "hello");
    Ok(())
}
