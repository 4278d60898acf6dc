// The checks that every JavaScript client runs against a server, through the API that browsers and
// Node's libraries share. This file runs both in Node and in the page, so it imports nothing.

const SUBPROTOCOLS = ['first.example', 'second.example'];
const SIZES = [0, 1, 125, 126, 65535, 65536, 1 << 20];
const TEXTS = ['hello', '芝麻开门, naïve 🏔', ''];
const CLOSES = [[1000, 'done'], [4001, '芝麻关门'], [1000, '']];
const LARGE = 5 << 20;
const PATIENCE = 20_000;

/**
 * Walks through the whole list; throws at the first thing that is not as it should be.
 *
 * `connect(url, subprotocols)` makes a WebSocket. The closing server is one that closes after three answers.
 * `isAgreed` says whether permessage-deflate is to be agreed on. Where the library can tell,
 * `ping(socket, text)` resolves to what the pong holds, and `received(socket)` counts the bytes of the wire.
 */
export async function walk({ connect, url, closingUrl, isAgreed, ping, received }) {
  const talk = await Talk.open(connect, url);
  expect('the subprotocol', talk.socket.protocol, SUBPROTOCOLS[0]);
  expect('permessage-deflate', talk.socket.extensions.includes('permessage-deflate'), isAgreed);
  await sendEach(talk);
  await pipeline(talk);
  if (ping) expect('the pong', await within('a pong', ping(talk.socket, 'are you there')), 'are you there');
  if (isAgreed) await sendLarge(talk, received);
  await talk.close(...CLOSES[0]);
  for (const close of CLOSES.slice(1)) await (await Talk.open(connect, url)).close(...close);
  await beClosed(await Talk.open(connect, closingUrl));
}

async function sendEach(talk) {
  for (const text of TEXTS) {
    talk.socket.send(text);
    expect('a text', await talk.receive(), text);
  }
  for (const size of SIZES) {
    const bytes = noise(size);
    talk.socket.send(bytes);
    expectBytes(await talk.receive(), bytes);
  }
}

async function pipeline(talk) {
  const texts = Array.from({ length: 100 }, (_, index) => `${index} `.repeat(index));
  for (const text of texts) talk.socket.send(text);
  for (const text of texts) expect('a pipelined text', await talk.receive(), text);
}

async function sendLarge(talk, received = () => 0) {
  const line = 'the mountain answers 山\n';
  const text = line.repeat(LARGE / new TextEncoder().encode(line).length);
  const before = received(talk.socket);
  talk.socket.send(text);
  const answer = await talk.receive();
  if (answer !== text) throw new Error(`a text of 5 MiB came back as ${describe(answer)}`);
  const wire = received(talk.socket) - before;
  if (wire > text.length / 10) throw new Error(`a text of 5 MiB came back as ${wire} bytes on the wire`);
}

async function beClosed(talk) {
  for (const text of ['1', '2', '3']) {
    talk.socket.send(text);
    expect('a text', await talk.receive(), text);
  }
  const end = await within('the close of the server', talk.end);
  expect('the close code of the server', end.code, 1000);
  expect('a clean end', end.wasClean, true);
}

/** A connection whose messages wait to be received. */
class Talk {
  #messages = [];
  #wake = () => {};

  constructor(socket) {
    this.socket = socket;
    socket.binaryType = 'arraybuffer';
    this.end = new Promise((resolve) => socket.addEventListener('close', resolve));
    socket.addEventListener('message', ({ data }) => {
      this.#messages.push(data);
      this.#wake();
    });
  }

  static async open(connect, url) {
    const talk = new Talk(connect(url, SUBPROTOCOLS));
    const opened = new Promise((resolve, reject) => {
      talk.socket.addEventListener('open', resolve);
      talk.socket.addEventListener('error', (event) => reject(new Error(event.message || 'the connection failed')));
    });
    await within('the handshake', opened);
    return talk;
  }

  async receive() {
    const ended = this.end.then(({ code }) => {
      throw new Error(`closed with ${code} instead of an answer`);
    });
    while (this.#messages.length === 0) {
      const woken = new Promise((resolve) => (this.#wake = resolve));
      await within('an answer', Promise.race([woken, ended]));
    }
    ended.catch(() => {});
    return this.#messages.shift();
  }

  async close(code, reason) {
    this.socket.close(code, reason);
    const end = await within('the answer to a close', this.end);
    expect('the close code', end.code, code);
    expect('a clean end', end.wasClean, true);
  }
}

/** Bytes that do not compress, the same each time. */
function noise(size) {
  let state = size + 1;
  return Uint8Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

function expect(what, found, expected) {
  if (found !== expected) throw new Error(`${what} is ${describe(found)}, not ${describe(expected)}`);
}

function expectBytes(found, expected) {
  const isBinary = found instanceof ArrayBuffer;
  const bytes = isBinary ? new Uint8Array(found) : [];
  if (isBinary && bytes.length === expected.length && bytes.every((byte, at) => byte === expected[at])) return;
  throw new Error(`${describe(expected)} came back as ${describe(found)}`);
}

function describe(value) {
  if (typeof value === 'object') return `${value.byteLength} bytes`;
  const words = JSON.stringify(value);
  return words.length > 80 ? `a text of ${value.length} characters` : words;
}

async function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
