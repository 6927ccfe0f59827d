//! Makes the bundled clip and its ground truth. It draws a scripted scene, encodes it as H.264, and writes an MP4 file,
//! the truth in MOT format, and a list of the persons. The same build writes the same bytes each time.
//!
//! ```sh
//! cargo run --release -p passerby-assets --bin clip -- assets/passersby.mp4 assets/passersby.txt assets/passersby.json
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::num::NonZeroU32;

use passerby::capture::{Portrait, Scene, SceneCast, ScenePerson, SceneSettings, SceneWalk, Waypoint};
use passerby::types::{FrameSource, Gender, Image};
use rusty_h264::{Encoder, EncoderConfig, Preset, YuvFrame};
use serde::Serialize;
use shiguredo_mp4::TrackKind;
use shiguredo_mp4::bitstream::h264::{
    H264NalUnitType as Kind, H264SampleEntryConfig, LengthSize, build_avc1_box, collect_nal_units,
    parse_annexb_nal_units,
};
use shiguredo_mp4::boxes::SampleEntry;
use shiguredo_mp4::mux::{Mp4FileMuxer, Mp4FileMuxerOptions, Sample, estimate_maximum_moov_box_size};

const FPS: u16 = 24;
const FRAMES: u32 = 240;
/// The quantiser. At 25 faces stay sharp, and the file has about a megabyte.
const QP: u8 = 25;
/// The waypoints of a walk: time in seconds, centre of the face (x, y) and width of its box in pixels.
type Path = &'static [(f64, f64, f64, f64)];

const SCRIPT: [(Portrait, Path); 5] = [
    // Crosses from left to right, passes in front of Biden.
    (Portrait::Obama, &[(0.0, -215.0, 272.0, 112.0), (5.2, 1530.0, 262.0, 126.0)]),
    // Crosses from right to left behind the others.
    (Portrait::Biden, &[(0.6, 1460.0, 226.0, 92.0), (7.0, -180.0, 232.0, 98.0)]),
    // Passes near the camera, hides the others, stands for a while, leaves to the right.
    (
        Portrait::Astronaut,
        &[
            (1.4, -430.0, 300.0, 196.0),
            (4.4, 560.0, 305.0, 204.0),
            (5.6, 580.0, 305.0, 204.0),
            (9.0, 1680.0, 300.0, 198.0),
        ],
    ),
    // Comes back from the right, nearer to the camera.
    (Portrait::Obama, &[(5.9, 1560.0, 285.0, 130.0), (10.1, 520.0, 300.0, 150.0)]),
    // Comes back from the left, farther away.
    (Portrait::Biden, &[(7.6, -170.0, 240.0, 88.0), (10.1, 330.0, 236.0, 94.0)]),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = lexopt::Parser::from_env();
    let mut paths = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            lexopt::Arg::Value(path) => paths.push(path),
            other => return Err(other.unexpected().into()),
        }
    }
    let path = |i: usize, default: &str| paths.get(i).cloned().unwrap_or_else(|| default.into());

    let walks = SCRIPT.map(|(portrait, path)| SceneWalk {
        portrait,
        path: path.iter().map(|&(time, x, y, face)| Waypoint::new(time, x, y, face)).collect(),
    });
    let mut scene = Scene::new(SceneSettings {
        fps: FPS.into(),
        frames: FRAMES.into(),
        cast: SceneCast::Script(walks.to_vec()),
        ..SceneSettings::default()
    })?;
    let (truth, persons) = truth(&scene)?;
    fs::write(path(1, "assets/passersby.txt"), truth)?;
    fs::write(path(2, "assets/passersby.json"), persons)?;

    let mut frames = Vec::new();
    while let Some(picture) = scene.next_picture()? {
        frames.push(to_yuv(&picture.image));
    }
    let settings = scene.settings();
    let mut config = EncoderConfig::new(settings.width as usize, settings.height as usize);
    config.preset = Preset::Quality;
    config.qp = QP;
    config.gop_size = 2 * u32::from(FPS);
    config.scenecut = 0;
    config.framerate = FPS.into();
    let units = Encoder::new(config)?.encode_all(&frames)?;
    fs::write(path(0, "assets/passersby.mp4"), mux(&units)?)?;
    Ok(())
}

fn to_yuv(image: &Image) -> YuvFrame {
    let plane = |i: usize| {
        let plane = image.plane(i);
        (0..plane.rows).flat_map(|y| plane.row(y).iter().copied()).collect()
    };
    YuvFrame {
        width: image.width() as usize,
        height: image.height() as usize,
        y: plane(0),
        u: plane(1),
        v: plane(2),
    }
}

/// One person of the clip.
#[derive(Serialize)]
struct Entry {
    /// The id in the MOT file.
    id: usize,
    name: &'static str,
    gender: &'static str,
    /// The estimate of age-v1 from the original photograph, in years.
    estimated_age: f32,
    /// The first and the last frame of each visit in which a part of the face is visible. Frames count from 1.
    visits: Vec<[u64; 2]>,
}

/// Returns the MOT file (frame, id, x, y, width, height, 1, 1, visibility; frames and ids from 1) and the list of
/// persons.
fn truth(scene: &Scene) -> Result<(String, String), Box<dyn Error>> {
    let mut lines = String::new();
    let mut visits = SCRIPT.map(|_| None::<[u64; 2]>);
    for frame in 0..FRAMES.into() {
        for face in scene.truth(frame) {
            let id = face.person().index() + 1;
            let number = frame + 1;
            let b = face.bbox;
            let w = b.width();
            let h = b.height();
            let visible = face.visible;
            writeln!(lines, "{number},{id},{:.2},{:.2},{w:.2},{h:.2},1,1,{visible:.3}", b.x1, b.y1)?;
            if visible > 0.0 {
                visits[face.walker].get_or_insert([number; 2])[1] = number;
            }
        }
    }
    let entries = ScenePerson::ALL.map(|person| Entry {
        id: person.index() + 1,
        name: person.name(),
        gender: if person.gender() == Gender::Male { "male" } else { "female" },
        estimated_age: person.estimated_age(),
        visits: (0..SCRIPT.len())
            .filter(|&walk| SCRIPT[walk].0.person() == person)
            .filter_map(|walk| visits[walk])
            .collect(),
    });
    Ok((lines, serde_json::to_string_pretty(&entries)? + "\n"))
}

/// Returns an MP4 file of these access units (Annex B, one a frame, in display order), with the index first.
fn mux(units: &[Vec<u8>]) -> Result<Vec<u8>, Box<dyn Error>> {
    let first = parse_annexb_nal_units(units.first().ok_or("no frames")?)?;
    let collect = |kind| collect_nal_units(first.iter().copied(), kind);
    let sps: Vec<_> = collect(Kind::Sps).into_iter().map(with_colour).collect();
    let pps: Vec<_> = collect(Kind::Pps).into_iter().map(<[u8]>::to_vec).collect();
    let length_size = LengthSize::FourBytes;
    let mut entry =
        Some(SampleEntry::Avc1(build_avc1_box(&sps, &pps, &H264SampleEntryConfig { length_size })?));
    let mut muxer = Mp4FileMuxer::with_options(Mp4FileMuxerOptions {
        reserved_moov_box_size: estimate_maximum_moov_box_size(&[units.len()]),
        ..Mp4FileMuxerOptions::default()
    })?;
    let mut file = muxer.initial_boxes_bytes().to_vec();
    for unit in units {
        let nals = parse_annexb_nal_units(unit)?;
        let keyframe = nals.iter().any(|nal| nal.nal_unit_type == Kind::IdrSlice);
        // The sample entry holds the parameter sets. Repeated here they would undo its colour description.
        let offset = file.len();
        for nal in nals.iter().filter(|nal| !matches!(nal.nal_unit_type, Kind::Sps | Kind::Pps)) {
            file.extend_from_slice(&u32::try_from(nal.data.len())?.to_be_bytes());
            file.extend_from_slice(nal.data);
        }
        muxer.append_sample(&Sample {
            track_kind: TrackKind::Video,
            sample_entry: entry.take(),
            keyframe,
            timescale: NonZeroU32::from(std::num::NonZeroU16::new(FPS).ok_or("no frame rate")?),
            duration: 1,
            composition_time_offset: None,
            data_offset: offset as u64,
            data_size: file.len() - offset,
        })?;
    }
    for (offset, bytes) in muxer.finalize()?.offset_and_bytes_pairs() {
        let start = offset as usize;
        let end = offset as usize + bytes.len();
        file.resize(file.len().max(end), 0);
        file[start..end].copy_from_slice(bytes);
    }
    Ok(file)
}

/// Returns the parameter set with a VUI: BT.601 (525 lines), limited range, no reordering (ITU-T H.264 annex E.1.1).
/// Its last bit must say that it has none yet.
fn with_colour(sps: &[u8]) -> Vec<u8> {
    // No emulation prevention is needed: none of the sets written here has two zero bytes in a row.
    let mut bits: Vec<bool> = sps.iter().flat_map(|b| (0..8).rev().map(move |i| (b >> i) & 1 == 1)).collect();
    while bits.pop() == Some(false) {}
    bits.pop();
    let mut put = |value: u32, width: u32| bits.extend((0..width).rev().map(|i| (value >> i) & 1 == 1));
    put(1, 1); // VUI follows
    put(0, 2); // no aspect ratio, no overscan
    put(1, 1); // video signal type: format unspecified (5), limited range, colours described
    put(5, 3);
    put(0, 1);
    put(1, 1);
    put(6, 8); // SMPTE 170M primaries, transfer, matrix: BT.601
    put(6, 8);
    put(6, 8);
    put(0, 5); // no chroma location, timing, NAL HRD, VCL HRD, picture structure
    put(1, 1); // bitstream restriction
    put(1, 1); // motion vectors over picture boundaries
    put(1, 1); // no limit of bytes a picture (ue 0)
    put(1, 1); // no limit of bits a macroblock (ue 0)
    put(0b0_0001_0001, 9); // largest motion vectors 2^16 (ue 16)
    put(0b0_0001_0001, 9);
    put(1, 1); // no reordering (ue 0)
    put(0b00101, 5); // four buffered pictures (ue 4)
    put(1, 1); // stop bit
    bits.chunks(8)
        .map(|byte| byte.iter().enumerate().fold(0, |b, (i, &bit)| b | (u8::from(bit) << (7 - i))))
        .collect()
}
