//! Which faces does my webcam see? Draws its pictures with a box around each face, in the terminal.
//!
//! ```text
//! cargo run --release --example webcam_boxes --features webcam -- [INPUT [FRAMES]]
//! ```
//!
//! The terminal needs 24-bit colours. The input is `webcam:0` by default, and may be a video or a network camera as well.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example draws on its terminal")]

use std::fmt::Write as _;
use std::io::Write as _;

use passerby::detect::YuNet;
use passerby::track::Sort;
use passerby::types::{BBox, BoxError, Detector, Frame, FrameMeta, FrameSource, Image, TrackId, TrackedFace};

/// The width of the drawing in characters. A character shows two pixels, one above the other.
const COLUMNS: u32 = 96;

fn main() -> Result<(), BoxError> {
    let mut arguments = std::env::args().skip(1);
    let input = arguments.next().unwrap_or_else(|| "webcam:0".into());
    let frames = arguments.next().map_or(Ok(300), |frames| frames.parse())?;

    let mut camera = passerby::capture::open(&input)?;
    let mut detector = YuNet::bundled()?;
    let mut tracker = Sort::new();
    for seq in 0..frames {
        // A camera that was away comes back by itself: an error here is a picture that was lost, or the end.
        let picture = match camera.next_picture() {
            Ok(Some(picture)) => picture,
            Ok(None) => break,
            Err(e) => {
                eprintln!("{e}");
                continue;
            }
        };
        let frame = Frame::new(FrameMeta::new(0, seq), picture.image);
        let faces = detector.detect_one(&frame)?;
        let tracks = tracker.step(&faces);
        let text = draw(&frame.image, tracks);
        // Moves the cursor to the top left of the terminal, so that each picture replaces the one before.
        print!("\x1b[H{text}\x1b[0mframe {seq}: {} faces \x1b[J", tracks.len());
        std::io::stdout().flush()?;
    }
    println!();
    Ok(())
}

/// Returns the picture as text, with the boxes of the tracks.
fn draw(image: &Image, tracks: &[TrackedFace]) -> String {
    let scale = image.width() as f32 / COLUMNS as f32;
    let rows = (image.height() as f32 / scale) as u32 / 2;
    let mut text = String::new();
    for row in 0..rows {
        for column in 0..COLUMNS {
            let [upper, lower] = [2 * row, 2 * row + 1].map(|y| {
                let color = tracks.iter().find(|track| on_edge(&track.bbox, column, y, scale));
                color.map_or_else(|| pixel(image, column, y, scale), |track| track_color(track.track))
            });
            let [r, g, b] = upper;
            let _ = write!(text, "\x1b[38;2;{r};{g};{b}m");
            let [r, g, b] = lower;
            let _ = write!(text, "\x1b[48;2;{r};{g};{b}m▀");
        }
        text.push_str("\x1b[0m\n");
    }
    text
}

fn pixel(image: &Image, x: u32, y: u32, scale: f32) -> [u8; 3] {
    let at = |n: u32, limit: u32| (((n as f32 + 0.5) * scale) as u32).min(limit - 1);
    image.rgb_at(at(x, image.width()), at(y, image.height()))
}

/// Returns true if the pixel (x, y) of the drawing is on the edge of the box.
fn on_edge(bbox: &BBox, x: u32, y: u32, scale: f32) -> bool {
    let [x1, y1, x2, y2] = [bbox.x1, bbox.y1, bbox.x2, bbox.y2].map(|side| (side / scale) as i64);
    let (x, y) = (i64::from(x), i64::from(y));
    let inside = (x1..=x2).contains(&x) && (y1..=y2).contains(&y);
    inside && (x == x1 || x == x2 || y == y1 || y == y2)
}

/// Returns a bright colour that differs from track to track.
fn track_color(track: TrackId) -> [u8; 3] {
    let colors =
        [[255, 80, 80], [80, 255, 80], [90, 140, 255], [255, 230, 60], [255, 90, 255], [60, 240, 240]];
    colors[track.0 as usize % colors.len()]
}
