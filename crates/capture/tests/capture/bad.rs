//! The shared folder of broken, hostile and unusual files, with the results that its README demands.

use std::time::Duration;

use crate::common::Want::{self, All, Most, None as Nothing, Noticed, Then};
use crate::common::{compare, drain, read};
use passerby_capture::Video;
use passerby_testkit::shared;

/// The files of `shared/data/bad`, with the results that its README demands.
const SHARED: &[(&str, Want)] = &[
    ("moov_end.mp4", All(41)),
    ("fragmented.mp4", All(41)),
    ("fragmented_bf.mp4", All(41)),
    ("truncated_moov_end.mp4", Nothing("truncated: no index (moov box)")),
    ("truncated_faststart.mp4", Then(23, "truncated after")),
    ("truncated_fragmented.mp4", Then(27, "truncated after")),
    ("truncated_header.mp4", Nothing("truncated inside its index (moov)")),
    ("zero_byte.mp4", Nothing("empty file")),
    ("zero_byte.jpg", Nothing("empty file")),
    ("random_bytes.mp4", Nothing("unrecognised format")),
    ("text_named.mp4", Nothing("unrecognised format (text)")),
    ("jpeg_named.mp4", All(1)),
    ("mp4_named.jpg", All(41)),
    ("png_named.jpg", All(1)),
    ("vp9.mp4", Nothing("unsupported codec vp9")),
    ("hevc.mp4", Nothing("unsupported codec hevc")),
    ("av1.mp4", Nothing("unsupported codec av1")),
    ("mpeg4part2.mp4", Nothing("unsupported codec mpeg4")),
    ("vp8.webm", Nothing("unsupported container Matroska or WebM")),
    ("h264_10bit.mp4", Nothing("unsupported H.264 profile High 10")),
    ("h264_444.mp4", Nothing("chroma 4:4:4")),
    ("odd479x269_444.mp4", Nothing("chroma 4:4:4")),
    ("h264_interlaced.mp4", Nothing("unsupported interlaced H.264")),
    ("corrupt_nals_middle.mp4", Most(30, 41)),
    ("zeroed_middle.mp4", Most(36, 41)),
    ("huge_nal_length.mp4", Most(40, 41)),
    ("stsz_count_bomb.mp4", Nothing("sample sizes (stsz)")),
    ("stco_out_of_file.mp4", Nothing("sample outside file")),
    ("avcc_zeroed.mp4", Nothing("no parameter sets (SPS/PPS)")),
    ("timescale_zero.mp4", All(41)),
    ("audio_only.mp4", Nothing("no video track: the file holds audio only")),
    ("no_frames.mp4", Nothing("no video track")),
    ("one_frame.mp4", All(1)),
    ("tiny2x2.mp4", All(41)),
    ("reschange.264", All(41)),
    ("reschange_avc3.mp4", All(41)),
    ("reschange.ts", Nothing("unsupported container MPEG transport stream")),
    ("name with späce ünï #1 %20.mp4", All(41)),
    ("one_px.jpg", All(1)),
    ("one_px.png", All(1)),
    ("wide3840x2.png", All(1)),
    ("tall2x3840.png", All(1)),
    ("8k.jpg", All(1)),
    ("cmyk.jpg", All(1)),
    ("gray.jpg", All(1)),
    ("progressive.jpg", All(1)),
    ("exif_orient3.jpg", All(1)),
    ("exif_orient6.jpg", All(1)),
    ("exif_orient8.jpg", All(1)),
    ("16bit_rgb.png", All(1)),
    ("16bit_gray.png", All(1)),
    ("16bit.tiff", All(1)),
    ("alpha.png", All(1)),
    ("gray_alpha.png", All(1)),
    ("palette.png", All(1)),
    ("bilevel.png", All(1)),
    ("bmp24.bmp", All(1)),
    ("webp_lossy.webp", All(1)),
    ("animated.gif", All(41)),
    ("truncated.gif", Then(9, "truncated after")),
    ("bomb_header.jpg", Nothing("a picture of 65500x65500 pixels is over the limit")),
    ("bomb.png", Nothing("a picture of 30000x30000 pixels is over the limit")),
    ("truncated.jpg", Noticed(1, "cut off")),
    ("truncated.png", Nothing("truncated.png")),
    ("corrupt_scan.jpg", All(1)),
    ("bad_crc.png", Nothing("bad_crc.png")),
    ("garbage_tail.jpg", All(1)),
    ("frame.jpg", All(1)),
];

/// The address space that must be sufficient, in KiB: 1 GiB.
#[cfg(target_os = "linux")]
const MAX_ADDRESS_SPACE_KIB: u32 = 1 << 20;

/// Runs one test of this module in a process of its own, limited to [`MAX_ADDRESS_SPACE_KIB`], and returns its report.
///
/// A file that takes too much memory ends its whole process. Returns `None` if this is that process.
#[cfg(target_os = "linux")]
fn confined(test: &str) -> Option<String> {
    const INSIDE: &str = "PASSERBY_CONFINED";
    if std::env::var_os(INSIDE).is_some() {
        return None;
    }
    let program = std::env::current_exe().expect("the test's own program");
    let out = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -v {MAX_ADDRESS_SPACE_KIB} && exec \"$0\" --exact bad::{test} --nocapture"))
        .arg(program)
        .env(INSIDE, "1")
        .output()
        .expect("there is a shell");
    let text = String::from_utf8_lossy(&out.stdout);
    let report = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && text.contains("1 passed"), "{}: {text}\n{report}", out.status);
    Some(report.into_owned())
}

#[cfg(not(target_os = "linux"))]
fn confined(_test: &str) -> Option<String> {
    None
}

#[test]
fn the_shared_bad_files_give_the_results_of_their_readme() {
    const NAME: &str = "the_shared_bad_files_give_the_results_of_their_readme";
    let Some(folder) = shared(NAME) else { return };
    if let Some(report) = confined(NAME) {
        eprintln!("{report}");
        return;
    }
    let folder = folder.join("data/bad");
    let mut wrong = Vec::new();
    let mut table = String::new();
    for &(name, want) in SHARED {
        // If a file ends the process by its memory, it is the last one in the report.
        eprintln!("reading {name}");
        let (got, time) = read(&folder.join(name));
        let error = got.fatal.as_ref().or(None).map(ToString::to_string).unwrap_or_default();
        let error = error.rsplit("data/bad/").next().unwrap_or_default();
        table += &format!(
            "{name}\t{} frames\t{} damaged\t{time:.1?}\t{error}\n",
            got.frames.len(),
            got.damaged.len()
        );
        wrong.extend(compare(name, want, &got));
        if time > Duration::from_secs(60) {
            wrong.push(format!("{name}: took {time:?}"));
        }
    }
    eprintln!("{table}");
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        if !SHARED.iter().any(|(known, _)| *known == name) && name != "README.md" && name != "make.sh" {
            wrong.push(format!("{name}: it has no expected result"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_decoder_survives_the_shared_bad_files() {
    use passerby_capture::{Decoder, VideoSettings};
    let Some(folder) = shared("every_decoder_survives_the_shared_bad_files") else { return };
    for decoder in [Decoder::Rusty, Decoder::OpenH264, Decoder::Libav] {
        for &(name, want) in
            SHARED.iter().filter(|(name, _)| name.ends_with(".mp4") || name.ends_with(".264"))
        {
            let settings = VideoSettings { decoder, ..VideoSettings::default() };
            let Ok(mut video) = Video::open_with(folder.join("data/bad").join(name), settings) else {
                continue;
            };
            let got = drain(&mut video);
            match want {
                All(n) => assert_eq!((got.frames.len(), got.damaged.len()), (n, 0), "{decoder:?} {name}"),
                Most(_, all) => assert_eq!(got.frames.len() + got.damaged.len(), all, "{decoder:?} {name}"),
                Noticed(n, _) => assert_eq!(got.frames.len(), n, "{decoder:?} {name}"),
                Then(..) | Nothing(_) => assert!(got.fatal.is_some(), "{decoder:?} {name}"),
            }
        }
    }
}

#[test]
fn both_sizes_of_a_changing_stream_come_out() {
    let Some(folder) = shared("both_sizes_of_a_changing_stream_come_out") else { return };
    for name in ["reschange.264", "reschange_avc3.mp4"] {
        let (got, _) = read(&folder.join("data/bad").join(name));
        let of = |size| got.sizes.iter().filter(|&&s| s == size).count();
        assert_eq!((of((480, 270)), of((320, 180))), (20, 21), "{name}");
    }
}
