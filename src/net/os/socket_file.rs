//! Files of Unix sockets: removed by the server they belong to, and by the next one after a crash.

use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Removes the file of a Unix socket when its listener goes.
///
/// Somebody else may have put another file in its place meanwhile, such as the next server's. So
/// the file is known by its inode, whose number the kernel gives to no other as long as the socket
/// is open.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl SocketFile {
    pub(in crate::net) fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.into(), inode: inode_of(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if inode_of(&self.path).is_ok_and(|inode| inode == self.inode) {
            // If somebody else removed it just now there is nothing left to do.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn inode_of(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Removes a socket file that nobody listens on any more, as a killed server leaves it.
pub(in crate::net) fn remove_if_dead(path: &Path) -> io::Result<()> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|data| data.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    // It must not wait: the queue of a server that is alive may be full.
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        _ => Ok(()),
    }
}
