//! What a program writes, without the program.

use std::io;

use super::nut::Nut;

/// The pictures of a NUT stream, as long as each has no more than so many bytes.
///
/// # Errors
/// As reading it has them.
pub fn nut(bytes: &[u8], most: usize) -> io::Result<usize> {
    let mut nut = Nut::open(bytes)?;
    let (mut pictures, mut first) = (0, None);
    while let Some(head) = nut.next()? {
        let size = usize::try_from(head.size).ok().filter(|size| *size <= most);
        let mut picture = vec![0; size.ok_or(io::ErrorKind::InvalidData)?];
        nut.read(head, &mut picture)?;
        nut.time(head.pts, *first.get_or_insert(head.pts));
        pictures += 1;
    }
    Ok(pictures)
}
