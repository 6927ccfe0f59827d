//! A camera's H.264 in a fragmented MP4.

use std::time::Duration;

use passerby_mp4::{Fmp4Error, Fmp4Frame, Fmp4Muxer};
use passerby_types::{Codec, CodedPicture};

/// Returns a frame of one slice.
fn picture(sets: &[u8], key: bool) -> CodedPicture {
    let nal = if key { 0x65 } else { 0x41 };
    CodedPicture {
        codec: Codec::H264,
        data: vec![0, 0, 1, 9, 0x10, 0, 0, 0, 1, nal, 0x88, 7].into(),
        parameter_sets: sets.into(),
        key,
        stream: 0,
        number: 0,
        width: 64,
        height: 48,
        rotation: 0,
    }
}

/// Muxes a picture whose times are this one, in milliseconds.
fn push(muxer: &mut Fmp4Muxer, picture: &CodedPicture, at: u64) -> Result<Option<Fmp4Frame>, Fmp4Error> {
    let time = Duration::from_millis(at);
    muxer.push(picture, time, time)
}

const SETS: &[u8] = &[0, 0, 1, 0x67, 66, 0xC0, 31, 7, 0, 0, 1, 0x68, 9];
const OTHER_SETS: &[u8] = &[0, 0, 1, 0x67, 77, 0x40, 31, 7, 0, 0, 1, 0x68, 9];

#[test]
fn a_change_of_the_parameter_sets_begins_a_new_init_segment() {
    let mut muxer = Fmp4Muxer::default();
    let mut codecs = Vec::new();
    for (sets, key) in [(SETS, true), (SETS, false), (OTHER_SETS, true), (OTHER_SETS, true), (SETS, true)] {
        let muxed =
            push(&mut muxer, &picture(sets, key), 40 * codecs.len() as u64).expect("valid").expect("begun");
        codecs.push(muxed.init.map(|init| init.codec));
    }
    let want = [Some("avc1.42c01f"), None, Some("avc1.4d401f"), None, Some("avc1.42c01f")];
    assert_eq!(codecs.iter().map(Option::as_deref).collect::<Vec<_>>(), want);
}

#[test]
fn a_key_frame_without_valid_sets_stops_the_stream_until_the_next_one() {
    let mut muxer = Fmp4Muxer::default();
    assert_eq!(push(&mut muxer, &picture(SETS, false), 0), Ok(None), "no key frame yet");
    assert!(matches!(push(&mut muxer, &picture(SETS, true), 40), Ok(Some(_))));
    assert_eq!(push(&mut muxer, &picture(&[], true), 80), Err(Fmp4Error::ParameterSets));
    assert_eq!(push(&mut muxer, &picture(SETS, false), 120), Ok(None), "it needs that key frame");
    let again = push(&mut muxer, &picture(SETS, true), 160).expect("valid").expect("a key frame");
    assert!(again.init.is_some());
}

#[test]
fn a_picture_that_no_track_can_describe_is_refused() {
    let wide = CodedPicture { width: 40_000, ..picture(SETS, true) };
    assert_eq!(push(&mut Fmp4Muxer::default(), &wide, 0), Err(Fmp4Error::Size(40_000, 48)));
    let jpeg = CodedPicture { codec: Codec::Jpeg, ..wide };
    assert_eq!(push(&mut Fmp4Muxer::default(), &jpeg, 0), Err(Fmp4Error::Codec));
}

#[test]
fn frames_at_the_same_time_still_follow_each_other() {
    let mut muxer = Fmp4Muxer::default();
    let times = [5, 5, 4, 6].map(|at| {
        let muxed = push(&mut muxer, &picture(SETS, true), at).expect("valid").expect("a key frame");
        u64::from_be_bytes(content(&muxed.fragment, b"tfdt")[4..].try_into().expect("8 bytes"))
    });
    assert_eq!(times, [450, 451, 452, 540]);
}

#[test]
fn a_sample_has_lengths_and_no_delimiters() {
    let muxed =
        push(&mut Fmp4Muxer::default(), &picture(SETS, true), 0).expect("valid").expect("a key frame");
    assert!(muxed.fragment.ends_with(&[b'm', b'd', b'a', b't', 0, 0, 0, 3, 0x65, 0x88, 7]));
}

/// Returns the content of the first box of this kind, wherever it is.
fn content<'a>(file: &'a [u8], kind: &[u8; 4]) -> &'a [u8] {
    let at = file.windows(4).position(|window| window == kind).expect("such a box");
    let size = u32::from_be_bytes(file[at - 4..at].try_into().expect("four bytes")) as usize;
    &file[at + 4..at - 4 + size]
}
