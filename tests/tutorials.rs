//! Two Python tutorials on sockets, row by row: their clients against `halloo serve`, and `halloo
//! connect` against their servers. The programs under `tests/tutorials` are as simple as a reader
//! of such a tutorial would write them.
//!
//! | row | subject |
//! | --- | --- |
//! | 1 | a WebSocket server: key and magic, three forms of length, unmasking |
//! | 2 | its clients, and a first server of one's own |
//! | 3 | HMAC: challenge, answer in hexadecimal digits, verdict |
//! | 4 | HMAC with a raw answer, then a timestamp before each chunk |
//! | 5 | the interactive client of row 4 |
//! | 6 | `socketserver`: a line in, a stamped line out, then the end |
//! | 7 | `ThreadingTCPServer`: many clients at once |
//! | 8 | the authentication of rows 3 and 4 inside WebSocket |

#![cfg(feature = "cli")]

mod support;

mod tutorials {
    mod hmac;
    mod interactive;
    mod socketserver;
    mod websocket;
    mod websocket_auth;
}
