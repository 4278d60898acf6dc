// Runs the list with the WebSocket of `undici`, which is also Node's own. It always offers
// permessage-deflate.
//
//     node undici_client.mjs URL CLOSING_URL MODE

import diagnostics from 'node:diagnostics_channel';
import { WebSocket, ping as sendPing } from 'undici';
import { walk } from './list.mjs';

process.on('uncaughtException', (error) => {
  console.error(String(error));
  process.exit(1);
});

const [url, closingUrl, mode] = process.argv.slice(2);
const connect = (url, subprotocols) => new WebSocket(url, subprotocols);

await walk({ connect, url, closingUrl, isAgreed: mode !== 'off', ping });

function ping(socket, text) {
  const pong = new Promise((resolve) =>
    diagnostics.subscribe('undici:websocket:pong', ({ payload }) => resolve(payload.toString())),
  );
  sendPing(socket, Buffer.from(text));
  return pong;
}
