//! Broken and hostile files made from the small clips: they never panic or hang, the error names the file, and every remaining
//! frame comes out.

use std::time::Duration;

use crate::common::Want::{self, All, None as Nothing};
use crate::common::{bytes, compare, data, file, golden, random, read, read_with};
use passerby_capture::{Decoder, Images, Video, open};
use passerby_testkit::suite;
use passerby_types::{FrameSource, SourceError};

/// A file made from `tiny.mp4`.
struct Tiny(Vec<u8>);

impl Tiny {
    fn new() -> Self {
        Self(bytes("tiny.mp4"))
    }

    /// Returns the offset of the content of the first box of this type.
    fn find(&self, kind: &[u8; 4]) -> usize {
        self.0.windows(4).position(|w| w == kind).expect("the clip has such a box") + 4
    }

    /// Returns the offset of the content of the last box of this type.
    fn last(&self, kind: &[u8; 4]) -> usize {
        self.0.windows(4).rposition(|w| w == kind).expect("the clip has such a box") + 4
    }

    /// Returns the byte range of each sample.
    fn samples(&self) -> Vec<std::ops::Range<usize>> {
        let sizes = self.find(b"stsz") + 12;
        let size =
            |n: usize| u32::from_be_bytes(self.0[sizes + 4 * n..][..4].try_into().expect("4")) as usize;
        let mut end = self.last(b"mdat");
        let place = |n| {
            end += size(n);
            end - size(n)..end
        };
        (0..10).map(place).collect()
    }

    /// Writes a number at `offset` of the box's content.
    fn with(mut self, kind: &[u8; 4], offset: usize, value: u32) -> Self {
        let at = self.find(kind) + offset;
        self.0[at..at + 4].copy_from_slice(&value.to_be_bytes());
        self
    }
}

#[test]
fn false_counts_are_detected() {
    let cases: Vec<(&str, Tiny, Want)> = vec![
        ("count_bomb.mp4", Tiny::new().with(b"stsz", 8, 0x7fff_ffff), Nothing("sample sizes (stsz)")),
        (
            "uniform_bomb.mp4",
            Tiny::new().with(b"stsz", 4, 1).with(b"stsz", 8, 0x7fff_ffff),
            Nothing("over the limit"),
        ),
        ("chunk_bomb.mp4", Tiny::new().with(b"stco", 4, 0x7fff_ffff), Nothing("chunk offsets (stco)")),
        ("run_bomb.mp4", Tiny::new().with(b"stsc", 12, 0x7fff_ffff), All(10)),
        ("time_bomb.mp4", Tiny::new().with(b"stts", 8, 0x7fff_ffff).with(b"stts", 12, u32::MAX), All(10)),
        ("shift_bomb.mp4", Tiny::new().with(b"ctts", 12, 0x8000_0000), All(10)),
        ("outside.mp4", Tiny::new().with(b"stco", 8, 0xffff_ff00), Nothing("sample outside file")),
        ("timescale_zero.mp4", Tiny::new().with(b"mdhd", 12, 0), All(10)),
        (
            "no_track.mp4",
            Tiny::new().with(b"hdlr", 8, u32::from_be_bytes(*b"soun")),
            Nothing("no video track: the file holds audio only"),
        ),
        (
            "codec.mp4",
            {
                let mut t = Tiny::new();
                let at = t.last(b"avc1");
                t.0[at - 4..at].copy_from_slice(b"hev1");
                t
            },
            Nothing("unsupported codec hevc"),
        ),
        (
            "no_sets.mp4",
            {
                let mut t = Tiny::new();
                let at = t.find(b"avcC");
                t.0[at + 5..at + 40].fill(0);
                t
            },
            Nothing("no parameter sets"),
        ),
    ];
    let wrong: Vec<String> = cases
        .into_iter()
        .filter_map(|(name, tiny, want)| {
            let (_folder, path) = file(name, &tiny.0);
            compare(name, want, &read(&path).0)
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn flipped_bytes_never_panic_or_hang() {
    let mut state = 7;
    for name in [
        "tiny.mp4",
        "tiny_fragmented.mp4",
        "tiny_bt709_full.mp4",
        "tiny.264",
        "tiny_audio.mp4",
        "tiny_mpeg4.mp4",
        "tiny.gif",
        "tiny.jpg",
    ] {
        let whole = bytes(name);
        for round in 0..300 {
            let mut broken = whole.clone();
            for _ in 0..1 + round % 8 {
                let at = random(&mut state) % broken.len();
                broken[at] = [0, 0xff, 0x7f, (random(&mut state) % 256) as u8][random(&mut state) % 4];
            }
            let (_folder, path) = file("flipped.mp4", &broken);
            // With FFmpeg's libraries, `Auto` reads with them.
            for decoder in
                if cfg!(feature = "libav") { &[Decoder::Rusty, Decoder::Auto][..] } else { &[Decoder::Rusty] }
            {
                let (got, time) = read_with(&path, *decoder);
                assert!(
                    time < Duration::from_secs(10),
                    "{name} round {round} took {time:?} with {decoder:?}"
                );
                assert!(
                    got.frames.len() + got.damaged.len() <= 12,
                    "{name} round {round}: more frames than there are with {decoder:?}"
                );
            }
        }
    }
}

#[test]
fn damage_costs_only_the_frames_that_need_it() {
    let whole = Tiny::new();
    for (hit, place) in whole.samples().into_iter().enumerate() {
        let mut broken = whole.0.clone();
        broken[place].fill(0);
        let (_folder, path) = file("zeroed.mp4", &broken);
        let got = read(&path).0;
        assert!(got.fatal.is_none(), "frame {hit}: {got:?}");
        assert_eq!(got.frames.len() + got.damaged.len(), 10, "frame {hit}: every frame comes or is counted");
        // A lost key frame costs its whole group of five. Another lost frame costs at most those that refer to it.
        assert!((1..=5).contains(&got.damaged.len()), "frame {hit}: {:?}", got.damaged);
        let other = if hit < 5 { 5..10 } else { 0..5 };
        let want = golden("tiny");
        let kept = want[other].iter().filter(|(_, sum)| got.frames.iter().any(|(_, s)| s == sum)).count();
        assert_eq!(kept, 5, "frame {hit}: the other group is untouched");
    }
}

#[test]
fn a_damaged_clip_is_a_source() {
    let mut clip = Tiny::new();
    let third = clip.samples()[3].start;
    clip.0[third..third + 4].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]);
    let (_folder, path) = file("damaged.mp4", &clip.0);
    let (pictures, skipped) = suite::source(Video::open(&path).unwrap());
    assert_eq!(pictures + skipped, 10);
    assert!(skipped > 0);
}

#[test]
fn a_cut_off_clip_is_a_source() {
    let (_folder, path) = file("cut.mp4", &bytes("tiny.mp4")[..2800]);
    let (pictures, _) = suite::source(Video::open(&path).unwrap());
    assert!(pictures >= 5);
}

#[test]
fn an_unreadable_file_is_an_error_at_open() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("x.mp4");
    std::fs::create_dir(&directory).unwrap();
    let missing = folder.path().join("missing.mp4");
    let mut paths = vec![directory, missing];
    #[cfg(unix)]
    {
        let link = folder.path().join("link.mp4");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        paths.push(link);
    }
    for path in &paths {
        let name = path.file_name().unwrap().to_string_lossy();
        for error in [open(path).err(), Video::open(path).err(), Images::open(path).err()] {
            let error = error.expect("it does not open").to_string();
            assert!(error.contains(&*name), "{error}");
        }
    }
    assert!(matches!(open(&paths[1]), Err(SourceError::Io { .. })));
}

#[test]
fn the_error_names_another_codec() {
    let error = |name: &str| read(&data(name)).0.fatal.expect("it does not open").to_string();
    assert!(error("tiny_mpeg4.mp4").contains("unsupported codec mpeg4"), "{}", error("tiny_mpeg4.mp4"));
}

#[test]
fn a_file_with_sound_only_has_no_video_track() {
    let error = |name: &str| read(&data(name)).0.fatal.expect("it does not open").to_string();
    assert!(error("tiny_audio.mp4").contains("no video track"), "{}", error("tiny_audio.mp4"));
}

#[test]
fn images_refuse_a_video() {
    let refused = Images::open(data("tiny.mp4")).unwrap_err().to_string();
    assert!(refused.contains("MP4 video"), "{refused}");
}

#[test]
fn a_video_over_the_limit_is_refused_at_open() {
    use passerby_capture::{DecodeLimits, SourceContext, VideoSettings};
    let limits = DecodeLimits { video_pixels: 64 * 42, ..DecodeLimits::default() };
    let settings = VideoSettings {
        context: SourceContext { limits, ..SourceContext::default() },
        ..VideoSettings::default()
    };
    let error = Video::open_with(data("tiny.mp4"), settings).unwrap_err();
    assert!(matches!(error, SourceError::TooLarge { .. }), "coded as 64x48: {error}");
}

#[test]
fn sources_can_be_sent_to_a_thread() {
    fn send<T: Send>(_: &T) {}
    let source: Box<dyn FrameSource> = open(data("tiny.mp4")).unwrap();
    send(&source);
}
