// Runs the list with the library `ws`: once with its usual offer of permessage-deflate, once
// without.
//
//     node node_client.mjs URL CLOSING_URL MODE

import WebSocket from 'ws';
import { walk } from './list.mjs';

process.on('uncaughtException', (error) => {
  console.error(String(error));
  process.exit(1);
});

const [url, closingUrl, mode] = process.argv.slice(2);
const transports = new WeakMap();

for (const perMessageDeflate of [true, false]) {
  const connect = (url, subprotocols) => {
    const socket = new WebSocket(url, subprotocols, { perMessageDeflate });
    socket.on('upgrade', (response) => transports.set(socket, response.socket));
    return socket;
  };
  const received = (socket) => transports.get(socket).bytesRead;
  await walk({ connect, url, closingUrl, isAgreed: perMessageDeflate && mode !== 'off', ping, received });
}

function ping(socket, text) {
  socket.ping(text);
  return new Promise((resolve) => socket.once('pong', (data) => resolve(data.toString())));
}
