//! How do I read a network camera, and keep it when the connection breaks? Prints its pictures each second.
//!
//! ```text
//! cargo run --release -p passerby-capture --example rtsp_camera -- rtsp://NAME:PASSWORD@CAMERA/PATH [SECONDS]
//! ```
//!
//! `passerby_capture::open` does all of this by the address alone. This example shows the parts. Switch the camera off and
//! on again to see the connection come back.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example prints its results")]

use std::error::Error;
use std::time::{Duration, Instant};

use passerby_capture::{Reconnect, ReconnectEvent, ReconnectSettings, Rtsp, RtspSettings, RtspTransport};
use passerby_types::{ErrorClass, FrameSource};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("usage: rtsp_camera rtsp://NAME:PASSWORD@CAMERA/PATH [SECONDS]")?;
    let seconds = arguments.next().map_or(Ok(10), |seconds| seconds.parse())?;

    // Called for the first connection and after each failure, on a thread of the source.
    let open = move || -> Result<Box<dyn FrameSource>, _> {
        let settings = RtspSettings { transport: RtspTransport::Auto, ..RtspSettings::default() };
        Ok(Box::new(Rtsp::connect(&address, settings)?))
    };
    let settings = ReconnectSettings {
        stall_timeout: Duration::from_secs(3), // a silence after which the connection is given up
        max_attempts: Some(5),                 // the source ends after five failures in a row
        ..ReconnectSettings::default()
    };
    let mut camera = Reconnect::new("door", open, settings).on_event(|event| match event {
        ReconnectEvent::Opened(info) => {
            eprintln!("connected to {}, {:?} frames/s", info.name, info.frame_rate);
        }
        ReconnectEvent::Recovered { outage } => eprintln!("pictures again after {outage:.1?}"),
        ReconnectEvent::Failed { error, retry_in, .. } => eprintln!("{error}; next try in {retry_in:.1?}"),
        _ => {}
    });

    let start = Instant::now();
    let (mut second, mut pictures, mut lost) = (1, 0, 0);
    while start.elapsed() < Duration::from_secs(seconds) {
        match camera.next_picture() {
            Ok(Some(picture)) => {
                pictures += 1;
                if start.elapsed().as_secs() >= second {
                    let (width, height) = (picture.image.width(), picture.image.height());
                    let layout = picture.image.layout();
                    println!(
                        "{second:3} s  {pictures:5} pictures {width}x{height} {layout:?}  {lost} lost  age {:.1?}",
                        picture.age
                    );
                    second = start.elapsed().as_secs() + 1;
                }
            }
            Ok(None) => return Err("the camera ended: it gave no picture in five tries".into()),
            // The network lost a picture, or it cannot be decoded. The next one may be good.
            Err(e) if e.lost().0 > 0 => lost += e.lost().0,
            // Nothing was lost. For example, the camera sends packets, but no key frame yet.
            Err(e) if e.class() == ErrorClass::Skip => eprintln!("{e}"),
            // The connection broke: `on_event` has reported it. The next call waits for the new connection.
            Err(e) if e.class() == ErrorClass::Reset => {}
            // No new attempt can help: for example, the password is wrong.
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}
