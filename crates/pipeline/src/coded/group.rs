//! The newest key frame and the frames after it, for viewers that come late.

use super::frame::CodedFrame;

/// The most frames of a group. Encoders make groups of at most 250 frames, unless someone chose more.
const MAX_FRAMES: usize = 300;
/// The most bytes of a group.
const MAX_BYTES: usize = 4 << 20;

/// The newest key frame and the frames after it. It is empty if there are too many: a viewer that comes then waits for the next key
/// frame.
#[derive(Default)]
pub(crate) struct NewestGroup {
    frames: Vec<CodedFrame>,
    bytes: usize,
}

impl NewestGroup {
    /// Adds the next frame in decoding order.
    pub(crate) fn push(&mut self, frame: &CodedFrame) {
        if frame.coded.key {
            self.clear();
        } else if self.frames.is_empty() {
            return;
        }
        self.bytes += frame.coded.data.len();
        self.frames.push(frame.clone());
        if self.frames.len() > MAX_FRAMES || self.bytes > MAX_BYTES {
            self.clear();
        }
    }

    pub(crate) fn frames(&self) -> &[CodedFrame] {
        &self.frames
    }

    pub(crate) fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coded::hub::tests::frame;

    #[test]
    fn a_group_begins_with_the_newest_key_frame() {
        let mut group = NewestGroup::default();
        let mut lens = Vec::new();
        for (number, key) in [false, true, false, false, true, false].into_iter().enumerate() {
            group.push(&frame(number as u64, key, 10));
            lens.push(group.frames().len());
        }
        assert_eq!(lens, [0, 1, 2, 3, 1, 2]);
    }

    #[test]
    fn a_group_that_is_too_large_is_not_kept() {
        let mut group = NewestGroup::default();
        group.push(&frame(0, true, 10));
        (1..=MAX_FRAMES).for_each(|number| group.push(&frame(number as u64, false, 10)));
        assert!(group.frames().is_empty());
        group.push(&frame(400, true, MAX_BYTES));
        assert_eq!(group.frames().len(), 1);
        group.push(&frame(401, false, 1));
        group.push(&frame(402, false, 1));
        assert!(group.frames().is_empty());
    }
}
