// An echo server on the library `ws` for one halloo client: prints the negotiated extensions and
// how the connection was closed.

import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: true });
server.on('listening', () => console.log(`listening ${server.address().port}`));
server.on('connection', (socket) => {
  console.log(`deflate ${socket.extensions.includes('permessage-deflate')}`);
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on('close', (code) => {
    console.log(`closed ${code}`);
    server.close();
  });
});
