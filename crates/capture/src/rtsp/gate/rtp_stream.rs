//! The numbers of the packets of one stream.

use std::num::NonZeroU32;

/// After this number of packets in a row from another sender, that sender's stream is the camera's.
const NEW_SENDER_PACKETS: u32 = 3;
/// After this number of packets in a row that seem to be old, the camera counts anew.
const OLD_PACKETS: u32 = 16;
/// The sender in all packets that are passed on.
const SENDER: [u8; 4] = [0, 0, 0, 1];
/// The bytes of the shortest packet.
const HEADER_LEN: usize = 12;

/// Gives the packets of a stream one sender and numbers that rise.
///
/// `retina` takes packets of the announced sender (SSRC, RFC 3550) alone, and over TCP it fails at a number that falls. Cameras
/// announce another sender than they send, change it in the middle, or count anew.
#[derive(Debug, Default)]
pub(super) struct RtpStream {
    announced: Option<NonZeroU32>,
    sender: Option<u32>,
    /// The packets in a row from another sender.
    others: u32,
    /// The packets in a row whose numbers are old.
    old: u32,
    /// The camera's number of the last packet.
    last: Option<u16>,
    /// The difference between the numbers that are passed on and the camera's.
    offset: u16,
}

impl RtpStream {
    /// Creates the stream of a camera that announces this sender.
    pub(super) fn new(announced: Option<u32>) -> Self {
        Self { announced: announced.and_then(NonZeroU32::new), ..Self::default() }
    }

    /// Rewrites the header of a packet. Returns false if the packet must be dropped: it is too short, old, comes twice, or is
    /// from another sender.
    pub(super) fn accept(&mut self, packet: &mut [u8]) -> bool {
        let Some(header) = packet.first_chunk_mut::<HEADER_LEN>() else { return false };
        let number = u16::from_be_bytes([header[2], header[3]]);
        let sender = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
        let Some(number) = self.number(sender, number) else { return false };
        header[2..4].copy_from_slice(&number.to_be_bytes());
        header[8..12].copy_from_slice(&SENDER);
        true
    }

    fn number(&mut self, sender: u32, number: u16) -> Option<u16> {
        if self.sender.is_some_and(|known| known != sender) {
            self.others += 1;
            let is_announced = self.announced.is_some_and(|announced| announced.get() == sender);
            if self.others < NEW_SENDER_PACKETS && !is_announced {
                return None;
            }
            self.begin_at(number);
        } else if self.last.is_some_and(|last| number.wrapping_sub(last).wrapping_sub(1) > 0x8000) {
            self.old += 1;
            if self.old < OLD_PACKETS {
                return None;
            }
            self.begin_at(number);
        }
        self.sender = Some(sender);
        self.others = 0;
        self.old = 0;
        self.last = Some(number);
        Some(number.wrapping_add(self.offset))
    }

    /// Lets the stream continue at the camera's number `number`, after a gap of one packet.
    fn begin_at(&mut self, number: u16) {
        if let Some(last) = self.last {
            self.offset = last.wrapping_add(self.offset).wrapping_add(2).wrapping_sub(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_sender_than_announced_is_read() {
        let mut stream = RtpStream::new(Some(7));
        assert_eq!(
            (stream.number(9, 65_535), stream.number(9, 0), stream.number(9, 1)),
            (Some(65_535), Some(0), Some(1))
        );
        // The announced one begins after all: a packet is missing between them.
        assert_eq!((stream.number(7, 500), stream.number(7, 501)), (Some(3), Some(4)));
        // A packet of an old session, and then a new encoder.
        assert_eq!((stream.number(9, 2), stream.number(7, 502)), (None, Some(5)));
        assert_eq!([1, 2, 3, 4].map(|n| stream.number(4, n)), [None, None, Some(7), Some(8)]);
    }

    #[test]
    fn old_packets_are_dropped_until_the_camera_counts_anew() {
        let mut stream = RtpStream::new(None);
        assert_eq!((stream.number(1, 40_000), stream.number(1, 40_002)), (Some(40_000), Some(40_002)));
        assert_eq!((stream.number(1, 40_001), stream.number(1, 40_002)), (None, None));
        assert_eq!(stream.number(1, 40_003), Some(40_003));
        let fresh: Vec<_> = (20_000..20_020).map(|n| stream.number(1, n)).collect();
        assert_eq!(fresh[..15], [None; 15]);
        assert_eq!(fresh[15..17], [Some(40_005), Some(40_006)]);
    }

    #[test]
    fn the_header_is_rewritten() {
        let mut stream = RtpStream::new(None);
        let mut packet = [0x80, 96, 1, 2, 0, 0, 0, 5, 9, 9, 9, 9, 42];
        assert!(stream.accept(&mut packet));
        assert_eq!(packet, [0x80, 96, 1, 2, 0, 0, 0, 5, 0, 0, 0, 1, 42]);
        assert!(!stream.accept(&mut [0x80; 11]));
    }
}
