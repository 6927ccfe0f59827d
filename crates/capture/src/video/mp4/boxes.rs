//! Reads boxes of an ISO base media file (ISO/IEC 14496-12) that are in memory.

/// Reads big-endian numbers. Every method returns `None` past the end.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Reads the version and the flags of a full box.
    pub(super) fn version(&mut self) -> Option<(u8, u32)> {
        let word = self.u32()?;
        Some(((word >> 24) as u8, word & 0xff_ffff))
    }

    /// Reads a number of 64 bits if the box has version 1, and of 32 bits otherwise.
    pub(super) fn wide(&mut self, version: u8) -> Option<u64> {
        if version == 1 { self.u64() } else { self.u32().map(u64::from) }
    }
}

/// Returns the boxes in `data`, each with its type and content. Stops at the first one that doesn't fit.
pub(super) fn boxes(data: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = Bytes(data);
    std::iter::from_fn(move || {
        let before = rest.0.len() as u64;
        let size = rest.u32()?;
        let kind = rest.array::<4>()?;
        let size = match size {
            0 => before,
            1 => rest.u64()?,
            size => u64::from(size),
        };
        let header = before - rest.0.len() as u64;
        let body = rest.take(usize::try_from(size.checked_sub(header)?).ok()?)?;
        Some((kind, body))
    })
}

/// Returns the content of the first box at the path `path`, for example `mdia`, `minf`, `stbl`.
pub(super) fn find<'a>(data: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(data, |data, want| boxes(data).find(|(kind, _)| kind == *want).map(|(_, body)| body))
}

/// Returns a four-character code as text, with `?` for characters that cannot be printed.
pub(super) fn code(code: [u8; 4]) -> String {
    code.iter().map(|&b| if (0x20..0x7f).contains(&b) { char::from(b) } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_box_ends_the_list() {
        let inner = [&[0, 0, 0, 9][..], b"innr", &[7]].concat();
        let mut data = [&[0, 0, 0, 17][..], b"outr", &inner].concat();
        data.extend([0, 0, 0, 1, b'l', b'a', b'r', b'g', 0, 0, 0, 0, 0, 0, 0, 17, 5]);
        data.extend([0, 0, 0, 3, b'b', b'a', b'd', b'!']);
        let all: Vec<_> = boxes(&data).map(|(k, b)| (code(k), b.len())).collect();
        assert_eq!(all, [("outr".into(), 9), ("larg".into(), 1)]);
        assert_eq!(find(&data, &[b"outr", b"innr"]), Some(&[7][..]));
        assert_eq!(find(&data, &[b"outr", b"none"]), None);
    }
}
