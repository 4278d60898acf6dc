//! The protocol without sockets: the cost of each step that a message takes.
//!
//! Several steps are far below a system call (about 0.8 µs), and the whole session must be too:
//! with many messages per read, these steps are the whole cost.

mod support;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use halloo::proto::deflate::Settings;
use halloo::proto::frame::{Header, Opcode};
use halloo::proto::handshake::{self, Policy};
use halloo::proto::utf8::Utf8;
use halloo::proto::{Config, Kind, Role, mask};
use halloo::service::{Discard, Echo};
use std::hint::black_box;
use std::time::Duration;
use support::{Endpoint, KEY, websocket_server};

/// A payload in each length class of the header, as large as the reactor's buffer allows.
const SIZES: [usize; 3] = [64, 16 * 1024, 1024 * 1024];

/// Short measurements: longer ones do not reduce the machine's noise.
fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(30);
    group.warm_up_time(Duration::from_millis(200));
    group.measurement_time(Duration::from_millis(500));
    group
}

fn frames(criterion: &mut Criterion) {
    let mut group = group(criterion, "frame");
    for payload_len in SIZES {
        let header = Header {
            rsv1: false,
            fin: true,
            opcode: Opcode::Binary,
            masking_key: Some(KEY),
            payload_len: payload_len as u64,
        };
        let bytes = header.encode().to_vec();
        group.bench_with_input(BenchmarkId::new("parse", payload_len), &bytes, |bencher, bytes| {
            bencher.iter(|| Header::parse(black_box(bytes), Role::Server, false));
        });
        let answer = Header::new(true, Opcode::Binary, payload_len as u64);
        group.bench_with_input(
            BenchmarkId::new("encode", payload_len),
            &answer,
            |bencher, answer| {
                bencher.iter(|| black_box(answer).encode().len());
            },
        );
    }
}

fn masks(criterion: &mut Criterion) {
    let mut group = group(criterion, "mask");
    for size in SIZES {
        // The alignment of a payload in the buffer depends on the frames before it: it is not on a
        // word boundary.
        let mut bytes = vec![0x5a; size + 6];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| mask::apply(black_box(&mut bytes[6..]), KEY));
        });
    }
}

fn texts(criterion: &mut Criterion) {
    let mut group = group(criterion, "utf8");
    for (name, pattern) in [("ascii", "hello world "), ("multi-byte", "aß水🎉")] {
        for size in [64, 16 * 1024] {
            let text = pattern.repeat(size / pattern.len());
            let piece = text.as_bytes();
            group.throughput(Throughput::Bytes(piece.len() as u64));
            group.bench_with_input(BenchmarkId::new(name, size), piece, |bencher, piece| {
                bencher.iter(|| {
                    let mut utf8 = Utf8::default();
                    utf8.update(black_box(piece)).and_then(|()| utf8.finish())
                });
            });
        }
    }
}

fn handshakes(criterion: &mut Criterion) {
    let mut group = group(criterion, "handshake");
    let request = support::request(None);
    let policy = Policy::default();
    group.bench_function("accept", |bencher| {
        bencher.iter(|| handshake::accept(black_box(&request), &policy, None));
    });
}

/// One read full of frames, from the first byte to the finished responses: parsed, unmasked,
/// compacted, and with new headers.
fn sessions(criterion: &mut Criterion) {
    let mut group = group(criterion, "session");
    for (name, opcode, payload_len, frames) in [
        ("1 binary", Opcode::Binary, 64, 1),
        ("32 binary", Opcode::Binary, 64, 32),
        ("32 text", Opcode::Text, 64, 32),
        ("1 binary", Opcode::Binary, 16 * 1024, 1),
        ("1 text", Opcode::Text, 16 * 1024, 1),
    ] {
        // ASCII, which is valid as text too.
        let input = support::masked(opcode, &vec![b'e'; payload_len]).repeat(frames);
        let mut echo = Endpoint::after(websocket_server(), Echo, &support::request(None));
        let amount = Amount { messages: frames, bytes: frames * payload_len };
        for (unit, throughput) in amount.throughputs("frames") {
            group.throughput(throughput);
            let id = BenchmarkId::new(format!("{name}, {unit}"), payload_len);
            group.bench_with_input(id, &input, |bencher, input| {
                bencher.iter(|| {
                    echo.receive(black_box(input));
                    echo.response()
                });
            });
        }
    }
}

/// Messages that are compressed alone, as servers accept and send them by default. Inflating
/// includes the frame around the message, and both include the session's handling of a message,
/// which is small by comparison.
fn compression(criterion: &mut Criterion) {
    if !cfg!(feature = "deflate") {
        return;
    }
    let mut group = group(criterion, "deflate");
    let settings = Settings { context_takeover: false, message_bytes_min: 0 };
    let config = Config { deflate: Some(settings), ..websocket_server() };
    let request = support::request(Some(settings));
    for bytes in [1024, 64 * 1024] {
        let text = support::document(bytes);
        let input = support::compressed(settings, &text);
        let mut server = Endpoint::after(config.clone(), Discard, &request);
        for (unit, throughput) in (Amount { messages: 1, bytes }).throughputs("messages") {
            group.throughput(throughput);
            group.bench_function(BenchmarkId::new(format!("inflate, {unit}"), bytes), |bencher| {
                bencher.iter(|| {
                    server.receive(black_box(&input));
                    server.response()
                });
            });
            group.bench_function(BenchmarkId::new(format!("deflate, {unit}"), bytes), |bencher| {
                bencher.iter(|| server.send(Kind::Text, black_box(&text)));
            });
        }
    }
}

/// The work of one iteration.
struct Amount {
    messages: usize,
    bytes: usize,
}

impl Amount {
    /// The two ways in which it is counted.
    fn throughputs(&self, messages: &'static str) -> [(&'static str, Throughput); 2] {
        [
            (messages, Throughput::Elements(self.messages as u64)),
            ("bytes", Throughput::Bytes(self.bytes as u64)),
        ]
    }
}

criterion_group!(benches, frames, masks, texts, handshakes, sessions, compression);
criterion_main!(benches);
