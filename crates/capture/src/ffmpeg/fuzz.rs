//! Parses the output of a program, without the program.

use std::io;

use super::nut::Nut;

/// Returns the number of pictures in a NUT stream.
///
/// # Errors
/// The reader's errors, and `InvalidData` if a picture has more than `max_bytes` bytes.
pub fn nut(bytes: &[u8], max_bytes: usize) -> io::Result<usize> {
    let mut nut = Nut::open(bytes)?;
    let mut pictures = 0;
    let mut first = None;
    while let Some(head) = nut.next()? {
        let size = usize::try_from(head.size).ok().filter(|size| *size <= max_bytes);
        let mut picture = vec![0; size.ok_or(io::ErrorKind::InvalidData)?];
        nut.read(head, &mut picture)?;
        nut.time(head.pts, *first.get_or_insert(head.pts));
        pictures += 1;
    }
    Ok(pictures)
}
