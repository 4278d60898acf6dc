//! Attacks that have broken servers of this kind, each as a test named after the first of its
//! advisories. Where another test already covers an attack, the table names that test.
//!
//! | opening handshake | test |
//! | --- | --- |
//! | CVE-2023-43669, RUSTSEC-2023-0065: a head parsed again at each read | `t_cve_2023_43669` |
//! | CVE-2024-37890: a limit on fields hides the last one | `t_cve_2024_37890` |
//! | CVE-2021-32640, CVE-2020-7662, CVE-2020-7663: backtracking in lists | `t_cve_2021_32640` |
//! | ws 2017: an extension named `constructor` | `t_ws_2017_extension_named_constructor` |
//! | the same, with random input | `fuzz::extensions` |
//! | CVE-2026-2229: window bits out of range | `t_cve_2026_2229` |
//! | CVE-2026-1527: line ends in a request that the client writes | `t_cve_2026_1527` |
//! | CVE-2018-12122: a byte now and then | `t_cve_2018_12122` |
//! | RUSTSEC-2021-0078, -0079, -0081: bodies, and requests in them | `t_rustsec_2021_0078` |
//! | WebSocket smuggling: a tunnel after a refusal | `t_websocket_smuggling` |
//! | CWE-1385 (CSWSH), CVE-2018-14732, CVE-2025-52882: pages of other origins | `t_cwe_1385` |
//! | DNS rebinding | `t_dns_rebinding` |
//! | stored XSS: a peer's text in our output | `t_stored_xss` |
//! | RUSTSEC-2025-0055: a peer's bytes in a log | `t_rustsec_2025_0055` |
//! | OSC 52 and 8: a peer's bytes on a terminal | `t_osc_52`; `cli::terminal::printable` |
//!
//! Any origin and any host are served by default, because an echo has no authority that a page
//! could borrow. `--allow-origin` and `--allow-host` restrict them, and the two tests check that.
//!
//! | frames and compression | test |
//! | --- | --- |
//! | CVE-2026-48779, CVE-2026-12151, RUSTSEC-2026-0258: tiny fragments | `t_cve_2026_48779` |
//! | CVE-2020-27813, CVE-2020-13935, CVE-2026-54466: lengths that overflow | `t_cve_2020_27813` |
//! | CVE-2026-1528: the same, sent to a client | `t_cve_2026_1528` |
//! | RUSTSEC-2022-0035: memory for an announced length | `t_rustsec_2022_0035` |
//! | RUSTSEC-2020-0043, CVE-2025-21605: unread responses | `t_rustsec_2020_0043` |
//! | the same, of a flood | `sockets::services` |
//! | OkHttp, beast 1363, tyrus 954: unread pongs | `t_okhttp_ping_flood` |
//! | CVE-2018-1000518, CVE-2026-54490, Tornado 2391: bombs | `t_cve_2018_1000518` |
//! | CVE-2026-1526: bombs in fragments; exactly the limit | `t_cve_2026_1526` |
//! | RUSTSEC-2024-0401, CVE-2022-37434, CVE-2026-29035: the decompressor | `t_rustsec_2024_0401` |
//! | the same, with random input | `fuzz::deflate` |
//! | responses of one read counted only when complete | `t_bombs_and_max_memory` |
//! | the same in a cgroup, and over TLS | `t_bombs_in_a_memory_cgroup`, `tls::memory` |
//! | copies of collected messages | `t_collected_messages_and_max_memory` |
//! | less memory than configured | `t_ulimit_below_max_memory` |
//! | starvation by compressed zeros | `t_starvation_by_inflation`; `simulation` |
//! | limits near the largest number | `t_largest_values` |
//! | Node 8871, ws 1202: compressor state per connection | `t_node_8871` |
//! | CRIME, BREACH: a secret and foreign text in one window | `t_crime_breach`; `pair::deflate` |
//! | RFC 6455 §10.3: unmasked frames, predictable keys | `t_rfc_6455_10_3` |
//! | userver 1308: control frames of more than 125 bytes | `t_userver_1308` |
//! | CVE-2026-45736: uninitialized memory in a Close frame | `t_cve_2026_45736` |
//! | tungstenite 0.26.1: trust in the count that a read returns | no `unsafe`: `tidy` |
//! | two echoes that respond to each other | `t_echo_loop` |
//!
//! | TCP, loop and process | test |
//! | --- | --- |
//! | EMFILE: a busy loop, stranded clients | `t_emfile_spin_or_strand`; `sockets::room` |
//! | accept storm, accept starvation | `t_accept_storm` |
//! | lost wake-up of edges | `simulation`, where a lost event is found; `sockets::one_edge` |
//! | starvation by a busy connection | `t_busy_connection_starvation` |
//! | a read that stops at an urgent mark | `t_urgent_mark`; `simulation` |
//! | a byte now and then, to avoid being idle | `t_idle_trickle`; `simulation` |
//! | crowds at many listeners | `simulation`; `net::admission` |
//! | half a TLS handshake, half a record | `tls::memory` |
//! | RUSTSEC-2024-0019: an event for an earlier user of the slot | `simulation`; `net::slab` |
//! | RUSTSEC-2025-0047, -0057, RUSTSEC-2026-0007: packages and hashers | `t_rustsec_2025_0047` |
//! | slow readers, zero windows | `sockets::timeouts` |
//! | RST storm, ECONNABORTED | `t_rst_storm`; `simulation` |
//! | half-open peers: keepalive and `TCP_USER_TIMEOUT` | `net::os::listener` |
//! | half-open peers: pings | `sockets::timeouts` |
//! | a close that becomes a reset and loses the response | `sockets::bad_peers` |
//! | ENOBUFS, EINTR | `simulation` |
//! | timers of 32 bits | `t_timer_wheel_overflow` |
//! | clocks that step, time zones, RUSTSEC-2020-0159 | `t_clock_step` |
//! | OOM | `t_oom` |
//! | a panic in one connection | `panics` |
//! | SIGPIPE | `t_sigpipe` |
//! | a log or stdout without a reader | `sockets::unread_output` |
//! | a hangup without keys; signals during the start | `sockets::start_up` |
//! | a worker that stalls, or cannot restart | `sockets::workers` |
//! | a pipe or device in place of a key; a port of another server | `sockets::start_up` |
//! | the socket of another server | `sockets::listeners` |
//! | descriptors that leak | `t_fd_leak` |
//! | core dumps with secrets | `t_core_dump` |
//!
//! | authentication | test |
//! | --- | --- |
//! | responses replayed elsewhere, challenges sent back | `t_auth_replay` |
//! | input before authentication | `t_auth_input_without_end`; `pair::auth` |
//! | clients that connect and send nothing | `sockets::room` |
//!
//! Every server has its own port, every wait has a limit, and every measured value is printed.

#![cfg(feature = "cli")]
// Measured values are printed, to be read beside their bounds, and so are skipped tests.
#![allow(clippy::print_stdout)]

#[path = "../support/mod.rs"]
mod support;

#[allow(dead_code, reason = "shared with tests/sockets, which uses more of it")]
#[path = "../sockets/client.rs"]
mod client;
#[path = "../sockets/framing.rs"]
mod framing;
#[allow(dead_code, reason = "shared with tests/sockets, which uses more of it")]
#[path = "../sockets/process.rs"]
mod process;
#[allow(dead_code, reason = "shared with tests/sockets, which uses more of it")]
#[path = "../sockets/rush.rs"]
mod rush;
#[allow(dead_code, reason = "shared with tests/sockets, which uses more of it")]
#[path = "../sockets/stream.rs"]
mod stream;
#[allow(dead_code, reason = "shared with tests/sockets, which uses more of it")]
#[path = "../sockets/wire.rs"]
mod wire;

#[allow(dead_code, reason = "shared with tests/pair, which uses more of it")]
#[path = "../pair/endpoint.rs"]
mod endpoint;
#[allow(dead_code, reason = "shared with tests/pair, which uses more of it")]
#[path = "../pair/journal.rs"]
mod journal;
#[allow(dead_code, reason = "shared with tests/pair, which uses more of it")]
#[path = "../pair/pair.rs"]
mod pair;

mod auth;
#[cfg(feature = "deflate")]
mod deflate;
mod frames;
#[cfg(feature = "deflate")]
mod memory;
mod opening_handshake;
mod server_process;
mod tcp;

use support::Server;

/// A server that logs little, with these arguments.
#[track_caller]
fn serve(arguments: &[&str]) -> Server {
    Server::start(&[&["--quiet"], arguments].concat())
}

/// The server process.
fn process_of(server: &Server) -> process::Process {
    process::Process::new(server.pid())
}
