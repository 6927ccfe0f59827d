//! The headers of H.265 units.

use super::{DecodeError, nal};

/// The most slices of a picture. H.265 allows 600 (A.4.1). A slice of ten bytes can make a decoder process the whole picture, so
/// the number of slices must be bounded to bound the time per picture.
const MAX_SLICES: u32 = 1024;

/// The content of an H.265 access unit, as its headers show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct H265Content {
    /// True if the unit has slices.
    pub(crate) picture: bool,
    /// True if all slices belong to a random access picture (IRAP), which doesn't need anything before it.
    pub(crate) random_access: bool,
    /// True if the first slice begins the picture.
    #[cfg_attr(
        not(feature = "rtsp"),
        allow(dead_code, reason = "only a network loses the beginning of a picture")
    )]
    pub(crate) complete_start: bool,
}

/// Returns the content of an access unit.
///
/// # Errors
/// [`DecodeError::Damaged`] if it has too many slices, or no NAL unit of H.265 at all.
pub(crate) fn inspect(data: &[u8]) -> Result<H265Content, DecodeError> {
    let mut content = H265Content { picture: false, random_access: true, complete_start: true };
    let mut units = 0_u32;
    let mut slices = 0_u32;
    for unit in nal::split(data) {
        let Some(header) = unit.first() else { continue };
        units += 1;
        let kind = header >> 1 & 0x3f;
        // Slices have the types 0 to 31, those of random access pictures 16 to 23 (H.265, table 7-1).
        if kind < 32 {
            if slices == 0 {
                content.complete_start = unit.get(2).is_some_and(|byte| byte & 0x80 != 0);
            }
            slices += 1;
            content.picture = true;
            content.random_access &= (16..=23).contains(&kind);
        }
    }
    if units == 0 {
        return Err(DecodeError::Damaged("no picture in its data".into()));
    }
    if slices > MAX_SLICES {
        return Err(DecodeError::Damaged(format!(
            "a picture of {slices} slices, over the limit of {MAX_SLICES}"
        )));
    }
    content.random_access &= content.picture;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_of_the_slices_decide() {
        // A video parameter set, then a slice of an IDR picture.
        let key = [0, 0, 0, 1, 0x40, 1, 9, 0, 0, 1, 0x26, 1, 0xaf, 8];
        let whole = H265Content { picture: true, random_access: true, complete_start: true };
        assert_eq!(inspect(&key), Ok(whole));
        assert_eq!(inspect(&key[..7]), Ok(H265Content { picture: false, random_access: false, ..whole }));
        // The second slice segment of another picture.
        let part = H265Content { picture: true, random_access: false, complete_start: false };
        assert_eq!(inspect(&[0, 0, 1, 0x02, 1, 0x2f, 8]), Ok(part));
        assert!(inspect(&[7; 9]).is_err());
    }

    #[test]
    fn very_many_slices_are_refused() {
        let slices = [0, 0, 1, 0x02, 1, 0xaf, 8].repeat(1025);
        assert!(matches!(inspect(&slices), Err(DecodeError::Damaged(_))));
    }
}
