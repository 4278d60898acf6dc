//! Packets with descriptors, between a process and its child processes.

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg,
    sendmsg, socketpair,
};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// The longest packet: 64 KiB, less than any socket's buffer.
const PACKET_BYTES_MAX: usize = 64 * 1024;

/// The most descriptors in one packet: 64, of the 253 that Linux allows.
pub const DESCRIPTORS_MAX: usize = 64;

/// One end of a pair: a Unix socket that preserves packet boundaries. When one end is closed, the
/// other end sees it.
#[derive(Debug)]
pub struct Channel(OwnedFd);

impl Channel {
    /// Creates a pair of non-blocking ends.
    ///
    /// # Errors
    /// The error of the operating system.
    pub fn pair() -> io::Result<(Self, Self)> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        Ok((Self(one), Self(other)))
    }

    /// The end that a parent process has passed on, such as standard input.
    ///
    /// # Errors
    /// The error of the operating system.
    pub fn inherited(descriptor: BorrowedFd<'_>) -> io::Result<Self> {
        descriptor.try_clone_to_owned().map(Self)
    }

    /// Sends one packet.
    ///
    /// # Errors
    /// The error of the operating system; `WouldBlock` when the other end does not read.
    ///
    /// # Panics
    /// With more than [`DESCRIPTORS_MAX`] descriptors.
    pub fn send(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            let fits = ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
            assert!(fits, "at most DESCRIPTORS_MAX descriptors");
        }
        sendmsg(&self.0, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Receives one packet: its bytes and descriptors. `None` when the other end is closed.
    ///
    /// # Errors
    /// The error of the operating system; `WouldBlock` when there is no packet, `InvalidData` for a
    /// packet that is too long.
    pub fn receive(&self) -> io::Result<Option<(Vec<u8>, Vec<OwnedFd>)>> {
        let mut bytes = vec![0; PACKET_BYTES_MAX];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let parts = &mut [IoSliceMut::new(&mut bytes)];
        let received = recvmsg(&self.0, parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
        if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
            return Err(ErrorKind::InvalidData.into());
        }
        let descriptors = ancillary.drain().flat_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect(),
            _ => Vec::new(),
        });
        let descriptors: Vec<OwnedFd> = descriptors.collect();
        if received.bytes == 0 {
            return Ok(None);
        }
        bytes.truncate(received.bytes);
        Ok(Some((bytes, descriptors)))
    }
}

impl From<Channel> for OwnedFd {
    fn from(channel: Channel) -> Self {
        channel.0
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Channel {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn packets_keep_their_boundaries_and_carry_descriptors() {
        let (one, other) = Channel::pair().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        one.send(b"first", &[file.as_fd(), file.as_fd()]).unwrap();
        one.send(b"second", &[]).unwrap();
        let (bytes, mut descriptors) = other.receive().unwrap().unwrap();
        assert_eq!((&bytes[..], descriptors.len()), (&b"first"[..], 2));
        let mut twin = std::fs::File::from(descriptors.remove(0));
        assert_eq!(twin.read(&mut [0; 8]).unwrap(), 0, "it is /dev/null");
        assert_eq!(other.receive().unwrap().unwrap().0, b"second");
        assert_eq!(other.receive().unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(one);
        assert!(other.receive().unwrap().is_none());
    }
}
