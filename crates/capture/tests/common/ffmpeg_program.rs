//! The ffmpeg program, and its results for the files of `shared/data/bad`.
#![allow(clippy::print_stderr, reason = "skipped tests are reported")]

use std::process::Command;

use crate::common::Want::{self, All, Most, None as Nothing, Then};

/// Returns true if ffmpeg is installed. Otherwise reports that the test is skipped.
pub(crate) fn is_installed(test: &str) -> bool {
    let installed = Command::new("ffmpeg").arg("-version").output().is_ok_and(|out| out.status.success());
    if !installed {
        eprintln!("SKIPPED {test}: no ffmpeg program");
    }
    installed
}

/// The files of `shared/data/bad` that the program and the libraries read alike, with the results by its README. FFmpeg cuts off
/// the last column and row of the odd size.
pub(crate) const FFMPEG_RESULTS: &[(&str, Want)] = &[
    ("moov_end.mp4", All(41)),
    ("fragmented.mp4", All(41)),
    ("fragmented_bf.mp4", All(41)),
    ("truncated_faststart.mp4", Then(23, "truncated after")),
    ("truncated_fragmented.mp4", Then(27, "truncated after")),
    ("truncated_header.mp4", Nothing("truncated_header.mp4")),
    ("zero_byte.mp4", Nothing("empty file")),
    ("vp9.mp4", All(41)),
    ("hevc.mp4", All(41)),
    ("av1.mp4", All(41)),
    ("mpeg4part2.mp4", All(41)),
    ("vp8.webm", All(41)),
    ("h264_10bit.mp4", All(41)),
    ("h264_444.mp4", All(41)),
    ("odd479x269_444.mp4", All(41)),
    ("h264_interlaced.mp4", All(20)),
    ("corrupt_nals_middle.mp4", Most(38, 41)),
    ("zeroed_middle.mp4", Most(36, 41)),
    ("huge_nal_length.mp4", Most(40, 41)),
    ("stco_out_of_file.mp4", Nothing("stco_out_of_file.mp4")),
    ("timescale_zero.mp4", All(1)),
    ("audio_only.mp4", Nothing("no video track")),
    ("no_frames.mp4", Nothing("no video track")),
    ("one_frame.mp4", All(1)),
    ("tiny2x2.mp4", All(41)),
    ("reschange.264", All(41)),
    ("reschange.ts", All(41)),
    ("reschange_avc3.mp4", All(41)),
    ("name with späce ünï #1 %20.mp4", All(41)),
];
