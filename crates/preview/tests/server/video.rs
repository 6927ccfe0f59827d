//! A camera's video over a WebSocket, for viewers of good and of bad will.

use std::io::Write;
use std::net::{Shutdown, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use passerby_capture::open;
use passerby_preview::PreviewSettings;
use passerby_types::FrameSource;

use crate::client::get;
use crate::dice::{Dice, alone, memory};
use crate::site::{Paced, Site, settings};
use crate::web_socket::{BINARY, CLOSE, CONTINUATION, FINAL, PING, TEXT, ask, end, frame, message};

/// How long someone of bad will goes on.
const PATIENCE: Duration = Duration::from_secs(20);
const THREADS: u64 = 8;
const SOCKETS: usize = 25;

/// The clip, again and again. Each fifth picture is a key frame.
fn clip() -> Box<dyn FrameSource> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../capture/tests/data/tiny.mp4");
    open(format!("{}?live=25&loop", path.display())).unwrap()
}

/// A server with the clip as camera 0.
fn site(settings: PreviewSettings) -> Site {
    let site = Site::with(settings, None, None);
    let camera = site.cameras.put(clip(), "door");
    // A codec is known from the first picture on.
    site.wait_for_codec(camera);
    site
}

/// Returns the content of the first box of this kind, wherever it is.
fn content<'a>(file: &'a [u8], kind: &[u8; 4]) -> &'a [u8] {
    let at = file.windows(4).position(|window| window == kind).unwrap();
    let size = u32::from_be_bytes(file[at - 4..at].try_into().unwrap()) as usize;
    &file[at + 4..at - 4 + size]
}

/// Returns the number of a fragment, from 1.
fn number(fragment: &[u8]) -> u32 {
    u32::from_be_bytes(content(fragment, b"mfhd")[4..].try_into().unwrap())
}

#[test]
fn a_browser_gets_the_video_over_a_web_socket() {
    let site = site(settings());
    let (status, mut stream) = ask(site.address, 0);
    assert_eq!(status, 101);
    let (kind, json) = message(&mut stream).unwrap();
    assert_eq!((kind, &json[..]), (TEXT, &br#"{"codec":"avc1.64000a","width":64,"height":42}"#[..]));
    let (kind, init) = message(&mut stream).unwrap();
    assert_eq!((kind, &init[4..8]), (BINARY, &b"ftyp"[..]));
    let mut last = None;
    for number in 0..20 {
        let (kind, fragment) = message(&mut stream).unwrap();
        assert_eq!((kind, &fragment[4..8]), (BINARY, &b"moof"[..]));
        assert_eq!(content(&fragment, b"trun")[20] == 2, number % 5 == 0, "each fifth is a key frame");
        let time = u64::from_be_bytes(content(&fragment, b"tfdt")[4..].try_into().unwrap());
        assert!(last < Some(time));
        last = Some(time);
    }
    assert_eq!(site.server.encoded_pictures(), 0);
    let _ = site.stop();
}

#[test]
fn a_camera_without_h264_has_no_video() {
    let site = Site::new();
    site.cameras.put(Paced::new(100, Duration::from_millis(10)), "door");
    assert_eq!([ask(site.address, 0).0, ask(site.address, 7).0], [409, 404]);
    let _ = site.stop();
}

#[test]
fn blurred_faces_leave_no_coded_video() {
    let site = site(PreviewSettings { blur: true, ..settings() });
    assert_eq!(ask(site.address, 0).0, 409);
    let _ = site.stop();
}

#[test]
fn the_end_that_a_viewer_asks_for_is_answered() {
    let site = site(settings());
    let (_, mut stream) = ask(site.address, 0);
    stream.write_all(&frame(FINAL | PING, b"well?")).unwrap();
    while message(&mut stream).unwrap() != (10, b"well?".to_vec()) {}
    stream.write_all(&frame(FINAL | CLOSE, &1000_u16.to_be_bytes())).unwrap();
    assert_eq!(end(&mut stream), Some((1000, String::new())));
    let _ = site.stop();
}

/// What someone of bad will does with an open socket.
#[derive(Clone, Copy, Debug)]
enum Garbage {
    Text,
    Binary,
    /// Bytes that are no frames.
    Noise,
    /// A message of empty fragments that never ends.
    EmptyFragments,
    /// A message of fragments that grows without end.
    Fragments,
    /// The head of a frame of a terabyte, and the beginning of its content.
    HugeFrame,
    Pings,
    NoUtf8,
    /// A frame without a mask, which only servers may send.
    NoMask,
    /// An answer to a question that was not asked, in fragments, which are not allowed for it.
    BrokenPong,
    /// Says that it sends nothing more, and reads on.
    HalfClosed,
}

impl Garbage {
    const ALL: [Self; 11] = [
        Self::Text,
        Self::Binary,
        Self::Noise,
        Self::EmptyFragments,
        Self::Fragments,
        Self::HugeFrame,
        Self::Pings,
        Self::NoUtf8,
        Self::NoMask,
        Self::BrokenPong,
        Self::HalfClosed,
    ];

    /// Returns the bytes at the beginning, and those that follow again and again.
    fn bytes(self, dice: &mut Dice) -> (Vec<u8>, Vec<u8>) {
        let some = |dice: &mut Dice, most: usize| {
            let n = 1 + dice.below(most);
            dice.bytes(n)
        };
        match self {
            Self::Text => {
                let text: String = some(dice, 60).iter().map(|b| char::from(b & 0x7F)).collect();
                (Vec::new(), frame(FINAL | TEXT, text.as_bytes()))
            }
            Self::Binary => (Vec::new(), frame(FINAL | BINARY, &some(dice, 125))),
            // The first byte has a reserved bit.
            Self::Noise => ([&[0xF3][..], &some(dice, 5000)].concat(), Vec::new()),
            Self::EmptyFragments => (frame(TEXT, b""), frame(CONTINUATION, b"").repeat(1000)),
            Self::Fragments => (frame(BINARY, b"x"), frame(CONTINUATION, &[7; 100])),
            Self::HugeFrame => {
                let head = [&[FINAL | BINARY, 0x80 | 127][..], &(1_u64 << 40).to_be_bytes(), &[0; 4]];
                (head.concat(), vec![7; 65_536])
            }
            Self::Pings => (Vec::new(), frame(FINAL | PING, b"again").repeat(100)),
            Self::NoUtf8 => (Vec::new(), frame(FINAL | TEXT, &[0xC3, 0x28])),
            Self::NoMask => (vec![FINAL | TEXT, 2, b'h', b'i'], Vec::new()),
            Self::BrokenPong => (frame(10, b"x"), Vec::new()),
            Self::HalfClosed => (Vec::new(), Vec::new()),
        }
    }

    /// The code of the end that the server gives. A viewer that hung up without a word gets no answer.
    fn code(self) -> Option<u16> {
        match self {
            Self::Text | Self::Binary => Some(1003),
            Self::EmptyFragments | Self::Pings => Some(1008),
            Self::HalfClosed => None,
            _ => Some(1002),
        }
    }
}

/// Opens a socket, fills it with garbage, and returns how the server ended it.
fn fill(address: SocketAddr, garbage: Garbage, dice: &mut Dice) -> Option<(u16, String)> {
    let (status, mut stream) = ask(address, 0);
    assert_eq!(status, 101);
    let mut writer = stream.try_clone().unwrap();
    let (begin, again) = garbage.bytes(dice);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let until = Instant::now() + PATIENCE;
            let mut goes_on = writer.write_all(&begin).is_ok() && !again.is_empty();
            if matches!(garbage, Garbage::HalfClosed) {
                writer.shutdown(Shutdown::Write).unwrap();
            }
            while goes_on && Instant::now() < until {
                goes_on = writer.write_all(&again).is_ok();
            }
        });
        let ended = end(&mut stream);
        // The writer must not wait for room that never comes.
        let _ = stream.shutdown(Shutdown::Both);
        ended
    })
}

#[test]
fn garbage_in_a_socket_ends_it_with_a_reason() {
    let site = site(settings());
    let mut dice = Dice::new(5);
    for garbage in Garbage::ALL {
        let ended = fill(site.address, garbage, &mut dice);
        assert_eq!(ended.as_ref().map(|(code, _)| *code), garbage.code(), "{garbage:?}: {ended:?}");
        assert!(ended.is_none_or(|(_, reason)| !reason.is_empty()), "{garbage:?}");
    }
    let _ = site.stop();
}

/// Says that the attack is over.
#[derive(Default)]
struct Flag(AtomicBool);

/// Raises the flag when it is dropped.
struct Raise<'a>(&'a Flag);

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn two_hundred_sockets_full_of_garbage_cost_other_viewers_nothing() {
    let _turn = alone();
    let site = site(PreviewSettings { write_timeout: Duration::from_secs(5), ..settings() });
    let address = site.address;
    let is_over = Flag::default();
    // They never read a byte.
    let silent: Vec<_> = (0..3).map(|_| ask(address, 0).1).collect();
    std::thread::scope(|scope| {
        let good = scope.spawn(|| {
            let (_, mut stream) = ask(address, 0);
            // The description and the init segment.
            message(&mut stream).unwrap();
            message(&mut stream).unwrap();
            let mut fragments = 0;
            while !is_over.0.load(Ordering::Relaxed) {
                let (kind, fragment) = message(&mut stream).unwrap();
                assert_eq!(kind, BINARY, "{}", String::from_utf8_lossy(&fragment));
                fragments += 1;
                assert_eq!(number(&fragment), fragments, "none is missing");
            }
            fragments
        });
        // A failure of this thread must end the viewer, too.
        let raised = Raise(&is_over);
        let attack = |seed: u64, sockets: usize| {
            let mut dice = Dice::new(seed);
            for _ in 0..sockets {
                let garbage = Garbage::ALL[dice.below(Garbage::ALL.len())];
                // A connection with much unread may be reset before the reason has come.
                if let Some((code, reason)) = fill(address, garbage, &mut dice) {
                    assert_eq!(Some(code), garbage.code(), "{garbage:?}: {reason}");
                }
            }
        };
        // The allocator grows at first.
        attack(7, 20);
        let before = memory();
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                scope.spawn(move || attack(100 + thread, SOCKETS));
            }
        });
        let grown = memory().saturating_sub(before);
        assert!(grown < 32 << 20, "{grown} bytes more");
        drop(raised);
        assert!(good.join().unwrap() > 50);
    });
    drop(silent);
    assert_eq!(get(address, "/health").status, 200);
    let _ = site.stop();
}
