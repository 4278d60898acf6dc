//! Listening addresses: several at once, Unix sockets and their files, IPv6.

use super::client::Client;
use super::serve;
use super::support::{Program, halloo};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A temporary directory, removed with its contents.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("halloo-sockets-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("the name is unique");
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn url(scheme: &str, path: &Path) -> String {
    format!("{scheme}:{}", path.display())
}

#[test]
fn six_listeners_in_one_process() {
    let directory = Directory::new("six");
    let names = [("ws+unix", "ws"), ("line+unix", "line"), ("unix", "raw")];
    let files = names.map(|(_, name)| directory.path(name));
    let unix = names.map(|(scheme, name)| url(scheme, &directory.path(name)));
    let mut arguments: Vec<&str> = super::ALL_FRAMINGS.to_vec();
    arguments.extend(unix.iter().map(String::as_str));
    let server = serve(&arguments);
    assert_eq!(server.urls().len(), 6, "{:?}", server.urls());
    assert_eq!(server.urls()[3..], unix, "they are announced as written, in order");
    assert!(files.iter().all(|file| file.exists()));

    let mut clients: Vec<Client> = server.urls().iter().map(|url| Client::open(url)).collect();
    for round in 0..3 {
        for client in &mut clients {
            client.echo(format!("round {round}").as_bytes());
        }
    }
    clients.into_iter().for_each(Client::close);
    assert_eq!(server.stop().code, Some(0));
    assert!(!files.iter().any(|file| file.exists()), "the files of the sockets are removed");
}

#[test]
fn a_stale_socket_file_is_replaced() {
    let directory = Directory::new("stale");
    let path = directory.path("socket");
    // Dropping a listener leaves its file, as killing a server does.
    drop(UnixListener::bind(&path).expect("the directory is writable"));
    assert!(path.exists());
    let server = serve(&[&url("ws+unix", &path)]);
    Client::open(server.url()).echo(b"a new server");
    assert_eq!(server.stop().code, Some(0));
    assert!(!path.exists());
}

#[test]
fn a_socket_in_use_is_left_alone() {
    let directory = Directory::new("taken");
    let path = directory.path("socket");
    let first = serve(&[&url("unix", &path)]);
    let second = Program::start(halloo().args(["serve", &url("unix", &path)])).wait();
    assert_eq!(second.code, Some(1), "{second:#?}");
    assert!(second.stderr.contains("cannot listen on unix:"), "{second:#?}");
    Client::open(first.url()).echo(b"the first server is undisturbed");
}

/// A connect to it would wait as long as the accept queue is full.
#[test]
fn a_socket_with_a_full_accept_queue_is_left_alone() {
    let directory = Directory::new("busy");
    let path = directory.path("socket");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    let address = socket2::SockAddr::unix(&path).expect("a short path");
    socket.bind(&address).and_then(|()| socket.listen(0)).expect("the directory is writable");
    let queued = (0..2).map(|_| {
        let client = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
        let client = client.expect("a socket");
        client.set_nonblocking(true).expect("permissions can be changed");
        let is_full = client.connect(&address).is_err();
        (client, is_full)
    });
    let queued: Vec<_> = queued.collect();
    assert!(queued[1].1, "the accept queue is full");
    let start = std::time::Instant::now();
    let refused = Program::start(halloo().args(["serve", &url("unix", &path)])).wait();
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    assert!(start.elapsed() < std::time::Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(path.exists(), "it is still there");
}

#[test]
fn the_socket_of_a_successor_is_left_alone() {
    for workers in ["1", "2"] {
        let directory = Directory::new(&format!("successor-{workers}"));
        let path = directory.path("socket");
        let arguments = ["--workers", workers, &url("unix", &path)];
        let first = serve(&arguments);
        std::fs::remove_file(&path).expect("the directory is writable");
        let second = serve(&arguments);
        assert_eq!(first.stop().code, Some(0));
        Client::open(second.url()).echo(b"the successor is undisturbed");
        assert_eq!(second.stop().code, Some(0));
        assert!(!path.exists(), "it removes its own file");
    }
}

#[test]
fn a_file_that_is_not_a_socket_is_left_alone() {
    let directory = Directory::new("file");
    let path = directory.path("file");
    std::fs::write(&path, "a regular file").expect("the directory is writable");
    let refused = Program::start(halloo().args(["serve", &url("unix", &path)])).wait();
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    assert_eq!(std::fs::read_to_string(&path).expect("it is still there"), "a regular file");
}

#[test]
fn ipv6() {
    if let Err(error) = TcpListener::bind("[::1]:0") {
        println!("skipped: no IPv6 here ({error})");
        return;
    }
    let server = serve(&["ws://[::1]:0", "tcp://[::1]:0", "line://[::1]:0"]);
    for url in server.urls() {
        assert!(url.contains("://[::1]:") && !url.ends_with(":0"), "{url}");
        Client::open(url).echo(b"six");
    }
}

/// On most machines `localhost` is both ::1 and 127.0.0.1, and each client picks one. Here the name
/// has one more address, which this machine does not have.
#[test]
fn a_name_listens_on_all_its_addresses() {
    let directory = Directory::new("hosts");
    let hosts = directory.path("hosts");
    let own = ["127.0.0.1", "127.0.0.2", "::1"].map(|it| it.parse::<IpAddr>().expect("one"));
    let own = own.iter().filter(|&&address| TcpListener::bind((address, 0)).is_ok());
    let own: Vec<IpAddr> = own.copied().collect();
    let lines = own.iter().map(|address| format!("{address} manifold.test\n"));
    let lines = lines.collect::<String>() + "192.0.2.1 manifold.test\n";
    std::fs::write(&hosts, lines).expect("the directory is writable");
    if !with_hosts(&hosts, "true").status().is_ok_and(|status| status.success()) {
        return println!("skipped: no mount namespaces here");
    }
    for workers in ["1", "2"] {
        let mut command = with_hosts(&hosts, env!("CARGO_BIN_EXE_halloo"));
        command.args(["serve", "--workers", workers, "tcp://manifold.test:0"]);
        let program = Program::start_server(&mut command);
        let stdout = program.wait_for_stdout(|text| text.matches('\n').count() >= own.len());
        let urls = stdout.lines().filter_map(|line| line.strip_prefix("listening tcp://"));
        let places: BTreeSet<SocketAddr> = urls.filter_map(|url| url.parse().ok()).collect();
        let port = places.first().expect("a place").port();
        let expected = own.iter().map(|&address| SocketAddr::new(address, port)).collect();
        assert_eq!(places, expected, "one line for each, and one port");
        for place in places {
            Client::open(&format!("tcp://{place}")).echo(b"here too");
        }
        program.terminate();
        assert_eq!(program.wait().code, Some(0));
    }
}

/// A program that sees this file in place of /etc/hosts.
fn with_hosts(hosts: &Path, program: &str) -> Command {
    let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]).arg(hosts).arg(program);
    command
}

#[test]
fn a_path_is_served_and_others_are_not() {
    let server = serve(&["ws://127.0.0.1:0/echo"]);
    assert!(server.url().ends_with("/echo"), "{}", server.url());
    let request = |path: &str| {
        let request = String::from_utf8(super::wire::REQUEST.to_vec()).expect("ASCII");
        request.replacen("GET / ", &format!("GET {path} "), 1)
    };
    let mut client = Client::connect(server.url());
    client.write(request("/echo").as_bytes());
    client.expect_upgrade();
    client.echo(b"here");
    let mut stranger = Client::connect(server.url());
    stranger.write(request("/elsewhere").as_bytes());
    let answer = stranger.read_head();
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    client.echo(b"still here");
}
