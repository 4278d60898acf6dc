// Echo on Node and ws. `node server.mjs HOST:PORT [--deflate]`; with --deflate it accepts
// permessage-deflate without context takeover, if offered.

import { WebSocketServer } from 'ws';

const MESSAGE_BYTES_MAX = 256 << 20;

const [address = '127.0.0.1:0', ...options] = process.argv.slice(2);
const [host, port] = address.split(':');
const withoutTakeover = { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 };

const server = new WebSocketServer({
  host,
  port: Number(port),
  backlog: 4096,
  maxPayload: MESSAGE_BYTES_MAX,
  perMessageDeflate: options.includes('--deflate') && withoutTakeover,
});

// The socket has TCP_NODELAY already: ws sets it.
server.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on('error', () => socket.terminate());
});

server.on('listening', () => {
  const { address, port } = server.address();
  console.log(`listening ws://${address}:${port}/`);
});
