//! Attacks that have broken servers of this kind, each as a test that is named after the first of its
//! advisories. Where another test already is the attack, it stands here instead.
//!
//! | opening handshake | test |
//! | --- | --- |
//! | CVE-2023-43669, RUSTSEC-2023-0065: the head is parsed anew at each read | `t_cve_2023_43669` |
//! | CVE-2024-37890: a limit on fields hides the last | `t_cve_2024_37890` |
//! | CVE-2021-32640, CVE-2020-7662, CVE-2020-7663: backtracking in lists | `t_cve_2021_32640` |
//! | ws 2017: an extension named `constructor` | `t_ws_2017_extension_named_constructor`; `fuzz::extensions` |
//! | CVE-2026-2229: window bits out of range | `t_cve_2026_2229` |
//! | CVE-2026-1527: line ends in what a client writes | `t_cve_2026_1527` |
//! | CVE-2018-12122: a byte now and then | `t_cve_2018_12122` |
//! | RUSTSEC-2021-0078, -0079, -0081: bodies, and requests in them | `t_rustsec_2021_0078` |
//! | WebSocket smuggling: a tunnel behind a refusal | `t_websocket_smuggling` |
//! | CWE-1385 (CSWSH), CVE-2018-14732, CVE-2025-52882: pages of other origins | `t_cwe_1385` |
//! | DNS rebinding | `t_dns_rebinding` |
//! | stored XSS: a peer's text in what we write | `t_stored_xss` |
//! | RUSTSEC-2025-0055, OSC 52 and 8: a peer's bytes in a log or on a terminal | `t_rustsec_2025_0055`, `t_osc_52`; `cli::printable` |
//!
//! Any origin and any host are served by default, for an echo has no authority that a page could borrow;
//! `--allow-origin` and `--allow-host` restrict them, and that is what the two tests demand.
//!
//! | frames and compression | test |
//! | --- | --- |
//! | CVE-2026-48779, CVE-2026-12151, RUSTSEC-2026-0258: tiny and empty fragments | `t_cve_2026_48779` |
//! | CVE-2020-27813, CVE-2020-13935, CVE-2026-54466: lengths that overflow | `t_cve_2020_27813` |
//! | CVE-2026-1528: the same to a client | `t_cve_2026_1528` |
//! | RUSTSEC-2022-0035: memory for what is announced | `t_rustsec_2022_0035` |
//! | RUSTSEC-2020-0043, CVE-2025-21605: answers that are not read | `t_rustsec_2020_0043`; `sockets::services` |
//! | OkHttp, beast 1363, tyrus 954: pongs that are not read | `t_okhttp_ping_flood` |
//! | CVE-2018-1000518, CVE-2026-54490, Tornado 2391: bombs | `t_cve_2018_1000518` |
//! | CVE-2026-1526: bombs in fragments; exactly the limit | `t_cve_2026_1526` |
//! | RUSTSEC-2024-0401, CVE-2022-37434, CVE-2026-29035: the decompressor itself | `t_rustsec_2024_0401`; `fuzz::deflate` |
//! | responses of one read that are counted only when all are there | `t_bombs_and_max_memory`, `t_bombs_in_a_memory_cgroup`, `tls::memory` |
//! | copies of what is collected whole | `t_collected_messages_and_max_memory` |
//! | less memory than was promised | `t_ulimit_below_max_memory` |
//! | starvation by compressed zeros | `t_starvation_by_inflation`; `simulation` |
//! | limits near the largest number | `t_largest_values` |
//! | Node 8871, ws 1202: compressing state for each connection | `t_node_8871` |
//! | CRIME, BREACH: a secret and a stranger's text in one window | `t_crime_breach`; `pair::deflate` |
//! | RFC 6455 §10.3: unmasked frames, keys that can be foreseen | `t_rfc_6455_10_3` |
//! | userver 1308: control frames of more than 125 bytes | `t_userver_1308` |
//! | CVE-2026-45736: memory that was never written in a close frame | `t_cve_2026_45736` |
//! | tungstenite 0.26.1: trust in what a read returns | no `unsafe`: `tidy` |
//! | two echoes that answer each other | `t_echo_loop` |
//!
//! | TCP, loop and process | test |
//! | --- | --- |
//! | EMFILE: the server spins, or strands who waits | `t_emfile_spin_or_strand`; `sockets::room` |
//! | accept storm, accept starvation | `t_accept_storm` |
//! | lost wake-up of edges | `simulation`, where a lost event is found; `sockets::one_edge` |
//! | starvation by a busy connection | `t_busy_connection_starvation` |
//! | a read that stops at an urgent mark | `t_urgent_mark`; `simulation` |
//! | a byte now and then, to be never idle | `t_idle_trickle`; `simulation` |
//! | crowds at many listeners | `simulation`; `net::doorkeeper` |
//! | half a TLS handshake, half a record | `tls::memory` |
//! | RUSTSEC-2024-0019: an event for who had the slot before | `simulation`; `net::slab` |
//! | RUSTSEC-2025-0047, RUSTSEC-2026-0007, RUSTSEC-2025-0057: packages and hashers | `t_rustsec_2025_0047` |
//! | slow readers, zero windows | `sockets::timeouts::who_takes_none_of_its_answers_is_given_up` |
//! | RST storm, ECONNABORTED | `t_rst_storm`; `simulation` |
//! | half-open peers | `net::listener`, for keepalive and `TCP_USER_TIMEOUT`; `sockets::timeouts`, for pings |
//! | a close that becomes a reset and loses the answer | `sockets::bad_peers` |
//! | ENOBUFS, EINTR | `simulation` |
//! | timers of 32 bits | `t_timer_wheel_overflow` |
//! | clocks that step, time zones, RUSTSEC-2020-0159 | `t_clock_step` |
//! | OOM | `t_oom` |
//! | a panic in one connection | `panics` |
//! | SIGPIPE | `t_sigpipe` |
//! | a log or a stdout that nobody reads | `sockets::unread_output` |
//! | a hangup without keys; signals during the start | `sockets::start_up` |
//! | a worker that stands still, or can never start again | `sockets::workers` |
//! | a pipe or device in the place of a key; the port or socket of another server | `sockets::start_up`, `sockets::listeners` |
//! | descriptors that leak | `t_fd_leak` |
//! | core dumps with secrets | `t_core_dump` |
//!
//! | authentication | test |
//! | --- | --- |
//! | answers that are used again elsewhere, challenges that are sent back | `t_auth_replay` |
//! | input before authentication | `t_auth_input_without_end`; `pair::auth` |
//! | clients that connect and say nothing | `sockets::room::who_says_nothing_locks_nobody_out` |
//!
//! Every server takes a port of its own, every wait has an end, and what a test measures it prints.

#![cfg(feature = "cli")]
// What was measured is printed, to be read beside the bounds, and what was skipped.
#![allow(clippy::print_stdout)]

#[path = "../support/mod.rs"]
mod support;

#[allow(dead_code, reason = "shared with the tests of sockets, which need more of it")]
#[path = "../sockets/client.rs"]
mod client;
#[path = "../sockets/framing.rs"]
mod framing;
#[allow(dead_code, reason = "shared with the tests of sockets, which need more of it")]
#[path = "../sockets/process.rs"]
mod process;
#[allow(dead_code, reason = "shared with the tests of sockets, which need more of it")]
#[path = "../sockets/rush.rs"]
mod rush;
#[allow(dead_code, reason = "shared with the tests of sockets, which need more of it")]
#[path = "../sockets/stream.rs"]
mod stream;
#[allow(dead_code, reason = "shared with the tests of sockets, which need more of it")]
#[path = "../sockets/wire.rs"]
mod wire;

#[allow(dead_code, reason = "shared with the tests of pairs, which need more of it")]
#[path = "../pair/endpoint.rs"]
mod endpoint;
#[allow(dead_code, reason = "shared with the tests of pairs, which need more of it")]
#[path = "../pair/journal.rs"]
mod journal;
#[allow(dead_code, reason = "shared with the tests of pairs, which need more of it")]
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
