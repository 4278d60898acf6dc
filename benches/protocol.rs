//! The protocol without sockets: what each part of a message's way costs.
//!
//! Several parts are far below a system call (about 0.8 µs), and the whole session must be too: with many
//! messages in one read, they are all that is left.

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use halloo::proto::frame::{Header, Opcode};
use halloo::proto::handshake::{self, Offer, Policy};
use halloo::proto::utf8::Utf8;
use halloo::proto::{Batch, Config, Event, Framing, Role, Session, Status, mask};
use halloo::service::{Context, Echo, Service};
use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A payload in each length class of the header, as wide as the reactor's buffer allows.
const SIZES: [usize; 3] = [64, 16 * 1024, 1024 * 1024];

/// What a reactor gives its sessions to work in.
const BATCH_BYTES: usize = halloo::limits::RECEIVE_BUFFER_BYTES;

/// Short measurements: the machine's noise does not get less by waiting.
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
        // Where a payload lies in the buffer follows from the frames before it: not on a word.
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
    let offer = Offer {
        target: "/".into(),
        host: "localhost:9527".into(),
        headers: vec![("Origin".into(), "http://localhost:9527".into())],
        ..Offer::default()
    };
    let request = handshake::request(&offer, [7; handshake::NONCE_BYTES], None);
    let policy = Policy::default();
    group.bench_function("accept", |bencher| {
        bencher.iter(|| handshake::accept(black_box(&request), &policy, None));
    });
}

/// One read full of frames, from the first byte to the finished answers.
fn sessions(criterion: &mut Criterion) {
    let mut group = group(criterion, "session");
    for (name, opcode, payload_len, frames) in [
        ("1 binary", Opcode::Binary, 64, 1),
        ("32 binary", Opcode::Binary, 64, 32),
        ("32 text", Opcode::Text, 64, 32),
        ("1 binary", Opcode::Binary, 16 * 1024, 1),
        ("1 text", Opcode::Text, 16 * 1024, 1),
    ] {
        let input = masked(opcode, payload_len).repeat(frames);
        let mut echo = EchoServer::new();
        for (unit, throughput) in [
            ("frames", Throughput::Elements(frames as u64)),
            ("bytes", Throughput::Bytes((frames * payload_len) as u64)),
        ] {
            group.throughput(throughput);
            let id = BenchmarkId::new(format!("{name}, {unit}"), payload_len);
            group.bench_with_input(id, &input, |bencher, input| {
                bencher.iter(|| echo.answer(black_box(input)));
            });
        }
    }
}

/// A masked frame of ASCII, which is valid as text too.
fn masked(opcode: Opcode, payload_len: usize) -> Vec<u8> {
    let masking_key = Some(KEY);
    let header =
        Header { fin: true, rsv1: false, opcode, masking_key, payload_len: payload_len as u64 };
    let mut frame = header.encode().to_vec();
    let mut payload = vec![b'e'; payload_len];
    mask::apply(&mut payload, KEY);
    frame.extend_from_slice(&payload);
    frame
}

/// A session past its handshake, and what a reactor keeps beside it.
struct EchoServer {
    session: Session,
    batch: Batch,
}

impl EchoServer {
    fn new() -> Self {
        let session = Session::new(Rc::new(Config::new(Role::Server, Framing::WebSocket)));
        let batch = Batch::new(BATCH_BYTES, Box::new(|bytes| bytes.fill(7)));
        let mut server = Self { session, batch };
        let offer = Offer { target: "/".into(), host: "localhost".into(), ..Offer::default() };
        server.answer(&handshake::request(&offer, [7; handshake::NONCE_BYTES], None));
        server
    }

    /// What a connection does with one read; how many bytes the answers have.
    fn answer(&mut self, input: &[u8]) -> usize {
        let Self { session, batch } = self;
        batch.begin(session.tail());
        batch.free()[..input.len()].copy_from_slice(input);
        batch.filled(input.len());
        while let Status::Complete(step) = session.step(batch).expect("the input is valid") {
            let context = Context { connection: 1, messages: step.messages() };
            let (event, mut outbox) = step.unpack();
            if let Some(Event::Message(message)) = event {
                Echo.on_message(&context, message, &mut outbox);
            }
        }
        let sent = batch.answers().iter().map(|part| part.len()).sum();
        session.keep(batch, sent);
        sent
    }
}

criterion_group!(benches, frames, masks, texts, handshakes, sessions);
criterion_main!(benches);
