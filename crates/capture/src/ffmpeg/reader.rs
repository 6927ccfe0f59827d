//! The thread that reads pictures from the program.

use std::io::{self, BufReader};
use std::process::ChildStdout;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use passerby_types::{Buffer, FramePool, PixelLayout};

use super::nut::Nut;
use crate::live::inbox::{CodedFrameKind, FrameInbox};

/// The bytes and the time of a picture.
#[derive(Debug)]
pub(super) struct RawPicture {
    pub(super) bytes: Buffer,
    pub(super) pts: Duration,
}

/// The destination of the pictures.
pub(super) enum PictureSender {
    /// The thread, and ffmpeg with it, wait until a picture is taken.
    File(SyncSender<RawPicture>),
    /// The thread never waits. The inbox drops pictures.
    Live(Arc<FrameInbox<RawPicture>>),
}

/// The data of the thread.
pub(super) struct PictureReader {
    pub(super) pool: FramePool,
    pub(super) max_pixels: u64,
}

impl PictureReader {
    /// Reads all pictures. Sends their width and height to `opened` when they are known.
    ///
    /// Returns `Ok` when the stream has ended, or the receiver doesn't want more.
    pub(super) fn run(
        &self,
        from: ChildStdout,
        pictures: &PictureSender,
        opened: &SyncSender<(u64, u64)>,
    ) -> io::Result<()> {
        let mut nut = Nut::open(BufReader::with_capacity(64 << 10, from))?;
        let (width, height) = nut.size();
        let _ = opened.send((width, height));
        let fits = width.saturating_mul(height) <= self.max_pixels;
        let sides = u32::try_from(width).ok().zip(u32::try_from(height).ok());
        let Some((width, height)) = sides.filter(|_| fits) else { return Ok(()) };
        let len = PixelLayout::I420.tight_len(width, height);
        let mut first_pts = None;
        while let Some(head) = nut.next()? {
            if head.size != len as u64 {
                let what = format!("a picture of {} bytes, but {len} are expected", head.size);
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            let mut bytes = self.pool.take(len);
            nut.read(head, &mut bytes)?;
            let pts = nut.time(head.pts, *first_pts.get_or_insert(head.pts));
            let picture = RawPicture { bytes, pts };
            let wanted = match pictures {
                PictureSender::File(sender) => sender.send(picture).is_ok(),
                PictureSender::Live(inbox) => inbox.push(picture, CodedFrameKind::Key, len).is_continue(),
            };
            if !wanted {
                break;
            }
        }
        Ok(())
    }
}

impl Drop for PictureSender {
    fn drop(&mut self) {
        if let Self::Live(inbox) = self {
            inbox.end(None);
        }
    }
}
