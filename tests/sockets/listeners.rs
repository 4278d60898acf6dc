//! Where a server listens: several places at once, Unix sockets and their files, IPv6.

use super::client::Client;
use super::serve;
use super::support::{Program, halloo};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// A directory of its own, removed with what is in it.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("halloo-sockets-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("the name is ours alone");
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
    assert_eq!(server.urls()[3..], unix, "they are announced as they were written, in order");
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
fn a_socket_file_that_nobody_listens_on_is_replaced() {
    let directory = Directory::new("stale");
    let path = directory.path("socket");
    // Dropping a listener leaves its file, as killing a server does.
    drop(UnixListener::bind(&path).expect("the directory is ours"));
    assert!(path.exists());
    let server = serve(&[&url("ws+unix", &path)]);
    Client::open(server.url()).echo(b"a new server");
    assert_eq!(server.stop().code, Some(0));
    assert!(!path.exists());
}

#[test]
fn a_socket_that_somebody_listens_on_is_left_alone() {
    let directory = Directory::new("taken");
    let path = directory.path("socket");
    let first = serve(&[&url("unix", &path)]);
    let second = Program::start(halloo().args(["serve", &url("unix", &path)])).wait();
    assert_eq!(second.code, Some(1), "{second:#?}");
    assert!(second.stderr.contains("cannot listen on unix:"), "{second:#?}");
    Client::open(first.url()).echo(b"the first is unharmed");
}

/// A connect to it would wait as long as the queue is full.
#[test]
fn a_socket_whose_listener_is_busy_is_left_alone() {
    let directory = Directory::new("busy");
    let path = directory.path("socket");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    let address = socket2::SockAddr::unix(&path).expect("a short path");
    socket.bind(&address).and_then(|()| socket.listen(0)).expect("the directory is ours");
    let queued = (0..2).map(|_| {
        let client = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
        let client = client.expect("a socket");
        client.set_nonblocking(true).expect("it may be");
        let is_full = client.connect(&address).is_err();
        (client, is_full)
    });
    let queued: Vec<_> = queued.collect();
    assert!(queued[1].1, "the queue is full");
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
        std::fs::remove_file(&path).expect("the directory is ours");
        let second = serve(&arguments);
        assert_eq!(first.stop().code, Some(0));
        Client::open(second.url()).echo(b"the successor is unharmed");
        assert_eq!(second.stop().code, Some(0));
        assert!(!path.exists(), "its own it removes");
    }
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let directory = Directory::new("file");
    let path = directory.path("file");
    std::fs::write(&path, "somebody's letters").expect("the directory is ours");
    let refused = Program::start(halloo().args(["serve", &url("unix", &path)])).wait();
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    assert_eq!(std::fs::read_to_string(&path).expect("it is still there"), "somebody's letters");
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

/// `localhost` is ::1 and 127.0.0.1 on most machines: clients take whichever they like better.
#[test]
fn a_name_listens_on_all_its_addresses() {
    use std::net::ToSocketAddrs;
    let addresses = ("localhost", 0).to_socket_addrs().expect("every machine has this name");
    let own: std::collections::BTreeSet<_> = addresses
        .map(|address| address.ip())
        .filter(|&address| TcpListener::bind((address, 0)).is_ok())
        .collect();
    println!("localhost is {own:?}");
    for workers in ["1", "2"] {
        let server = serve(&["--workers", workers, "tcp://localhost:0"]);
        let (port, url) = (server.port(), server.url());
        assert!(!url.ends_with(":0"), "{url}");
        for &address in &own {
            let address = std::net::SocketAddr::new(address, port.parse().expect("a port"));
            Client::open(&format!("tcp://{address}")).echo(b"here too");
        }
        assert_eq!(server.stop().stdout.lines().count(), own.len(), "one line for each");
    }
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
