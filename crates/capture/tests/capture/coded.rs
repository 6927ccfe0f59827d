//! Coded pictures for viewers: they decode to the source's own pictures, with the same times.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::common::{bytes, checksum, data, file};
use crate::viewer::{decode, same_pictures, watch};
use passerby_capture::{LivePlayback, Reconnect, ReconnectSettings, Video, open};
use passerby_testkit::SimulatedClock;
use passerby_types::{Codec, FrameSource};

const ALL: usize = 1000;

/// Opens a clip of the test data with these options.
fn clip(name: &str, options: &str) -> Box<dyn FrameSource> {
    open(format!("{}{options}", data(name).display())).expect("a good clip opens")
}

#[test]
fn each_clip_decodes_to_the_same_pictures() {
    for (name, frames) in [
        ("tiny.mp4", 10),
        ("tiny_fragmented.mp4", 10),
        ("tiny_fragmented_base.mp4", 10),
        ("tiny_bt709_full.mp4", 10),
        ("tiny.264", 10),
        ("tiny_open.264", 15),
    ] {
        let mut source = clip(name, "?decoder=rusty");
        assert_eq!(source.info().codec, Some(Codec::H264), "{name}");
        let watched = watch(&mut *source, ALL);
        assert_eq!((watched.pictures.len(), watched.bare), (frames, 0), "{name}");
        same_pictures(&watched, 0);
        let numbers: Vec<u64> = watched.coded().iter().map(|(coded, _)| coded.number).collect();
        assert_eq!(numbers, (0..frames as u64).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn a_viewer_may_begin_with_any_key_frame() {
    // The second group, whose key frame has no parameter sets in its own data.
    let watched = watch(&mut *clip("tiny.mp4", ""), ALL);
    let coded = watched.coded();
    let keys: Vec<usize> = (0..coded.len()).filter(|&at| coded[at].0.key).collect();
    assert_eq!(keys, [0, 5]);
    let sums = |pictures: &[passerby_types::Picture]| -> Vec<_> {
        pictures.iter().map(|picture| (picture.pts, checksum(&picture.image))).collect()
    };
    assert_eq!(sums(&decode(&coded[5..])), sums(&watched.pictures[5..]));
}

#[test]
fn without_a_viewer_no_picture_has_coded_data() {
    for name in ["tiny.mp4", "tiny.264"] {
        let mut source = clip(name, "");
        source.offer_coded(&passerby_types::CodedDemand::default());
        assert!(source.pictures().all(|picture| picture.expect("a good clip").coded.is_none()), "{name}");
    }
}

#[test]
fn repeated_playback_keeps_times_and_data_together() {
    // Two and a half loops, from the middle of the first group on.
    let watched = watch(&mut *clip("tiny.mp4", "?live=500&loop&offset=200ms"), 25);
    assert_eq!(watched.bare, 0);
    let coded = watched.coded();
    let decoded = decode(&coded);
    // The first loop's first three pictures need the key frame, which was not played. The last loop was cut in display order.
    let mut streams: Vec<u64> = coded.iter().map(|(coded, _)| coded.stream).collect();
    streams.dedup();
    assert_eq!(streams.len(), 3);
    let whole: Vec<_> = watched.pictures[8..18].iter().map(|p| (p.pts, checksum(&p.image))).collect();
    let got: Vec<_> = decoded.iter().map(|p| (p.pts, checksum(&p.image))).collect();
    assert!(got.windows(10).any(|ten| ten == whole), "the whole second loop");
    assert!(watched.pictures.windows(2).all(|pair| pair[0].pts < pair[1].pts));
}

#[test]
fn connections_are_streams_of_their_own_with_one_time() {
    let opened = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&opened);
    let clock = Arc::new(SimulatedClock::new());
    let playing = Arc::clone(&clock);
    let open = move || {
        count.fetch_add(1, Ordering::Relaxed);
        let camera = LivePlayback::new(clip("tiny.mp4", ""), Some(10.0), Arc::clone(&playing) as _);
        Ok(Box::new(camera.sleeper(|_| ())) as Box<dyn FrameSource>)
    };
    let settings = ReconnectSettings { first_wait: Duration::ZERO, ..ReconnectSettings::default() };
    let mut camera = Reconnect::new("door", open, settings);
    let watched = watch(&mut camera, 20);
    assert_eq!((watched.pictures.len(), watched.bare, camera.info().codec), (20, 0, Some(Codec::H264)));
    assert!(opened.load(Ordering::Relaxed) >= 2);
    same_pictures(&watched, 0);
    assert!(watched.pictures.windows(2).all(|pair| pair[0].pts < pair[1].pts));
}

#[test]
fn a_turned_source_says_how_to_turn_its_coded_pictures() {
    for (options, rotation) in [("", 0), ("?rotate=90", 90), ("?rotate=180", 180), ("?rotate=270", 270)] {
        let watched = watch(&mut *clip("tiny.mp4", options), ALL);
        assert_eq!((watched.bare, watched.pictures.len()), (0, 10));
        for picture in &watched.pictures {
            let coded = picture.coded.as_ref().expect("coded data");
            assert_eq!((coded.rotation, coded.width, coded.height), (rotation, 64, 42), "{options}");
        }
    }
}

/// Returns the clip with another transformation matrix in its track header, in units.
fn with_matrix([a, b, c, d]: [i32; 4]) -> Vec<u8> {
    let mut clip = bytes("tiny.mp4");
    let tkhd = clip.windows(4).position(|window| window == b"tkhd").expect("a track header") + 4;
    for (at, value) in [(40, a), (44, b), (52, c), (56, d)] {
        clip[tkhd + at..tkhd + at + 4].copy_from_slice(&(value << 16).to_be_bytes());
    }
    clip
}

#[test]
fn the_rotation_of_a_file_and_of_the_option_add_up() {
    let (_folder, path) = file("turned.mp4", &with_matrix([0, 1, -1, 0]));
    let mut turned = open(format!("{}?rotate=270", path.display())).expect("a good clip opens");
    let picture = turned.next_picture().expect("a picture").expect("a picture");
    assert!(picture.coded.is_none() && picture.image.width() == 64, "turned back");
    let watched = watch(&mut Video::open(&path).expect("a good clip opens"), ALL);
    assert!(watched.pictures.iter().all(|p| p.coded.as_ref().is_some_and(|coded| coded.rotation == 90)));
    let watched = watch(&mut *open(format!("{}?rotate=180", path.display())).expect("it opens"), ALL);
    assert!(watched.pictures.iter().all(|p| p.coded.as_ref().is_some_and(|coded| coded.rotation == 270)));
}

#[test]
fn a_mirrored_file_has_no_coded_pictures() {
    let (_folder, path) = file("mirrored.mp4", &with_matrix([-1, 0, 0, 1]));
    let mut source = Video::open(&path).expect("a good clip opens");
    assert_eq!(source.info().codec, None);
    let watched = watch(&mut source, ALL);
    assert_eq!((watched.pictures.len(), watched.bare), (10, 10));
}

#[test]
fn a_damaged_picture_has_no_number() {
    // The fourth picture loses its slice data. Pictures after it may show traces of that.
    let mut stream = bytes("tiny_bt709_full.mp4");
    let mdat = stream.windows(4).position(|window| window == b"mdat").expect("the data") + 4;
    let middle = mdat + (stream.len() - mdat) / 2;
    stream[middle..middle + 200].fill(0);
    let (_folder, path) = file("damaged.mp4", &stream);
    let watched = watch(&mut Video::open(&path).expect("it opens"), ALL);
    assert!(!watched.pictures.is_empty() && watched.pictures.len() < 10);
    let numbers: Vec<u64> = watched.coded().iter().map(|(coded, _)| coded.number).collect();
    assert_eq!(numbers, (0..watched.pictures.len() as u64).collect::<Vec<_>>());
}

#[cfg(feature = "images")]
#[test]
fn a_stream_of_jpeg_files_is_passed_on_as_it_is() {
    let one = bytes("tiny.jpg");
    let (_folder, path) = file("stream.mjpeg", &[&one[..], &one, &one].concat());
    let mut source = open(&path).expect("a stream");
    assert_eq!(source.info().codec, Some(Codec::Jpeg));
    let watched = watch(&mut *source, ALL);
    assert_eq!((watched.pictures.len(), watched.bare), (3, 0));
    for (number, picture) in watched.pictures.iter().enumerate() {
        let coded = picture.coded.as_ref().expect("coded data");
        assert_eq!((&coded.data[..], coded.key, coded.number), (&one[..], true, number as u64));
        assert_eq!((coded.width, coded.height), (picture.image.width(), picture.image.height()));
    }
}
