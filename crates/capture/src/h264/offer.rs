//! Coded pictures of H.264 for viewers, with all that a viewer needs beside a unit's data.

use std::borrow::Cow;
use std::sync::Arc;

use passerby_types::{CodedDemand, CodedOffer, CodedPicture, Image, start_code};

use super::nal::{self, SliceStart};
use super::parameters::Parameters;

/// If a stream has had no certain place to begin at for this number of pictures, any picture without references is one. Encoders
/// put an IDR picture every 250 pictures at the latest, unless they never do.
const MAX_KEY_DISTANCE: u32 = 300;
/// The type of a NAL unit with messages: supplemental enhancement information (H.264 7.3.2.3).
const SEI: u8 = 6;
/// The type of the message that a decoder can begin here although the picture is not an IDR picture (H.264 D.1.8).
const RECOVERY_POINT: usize = 6;
/// The most bytes of supplemental information that are read. What encoders put before a recovery point is shorter.
const MAX_MESSAGES_LEN: usize = 1024;

/// Makes the coded pictures of one stream, while a viewer wants them.
///
/// Without a viewer it only looks for parameter sets before the first slice of each unit, so that a viewer that comes later has them.
#[derive(Default)]
pub(crate) struct H264Offer {
    offer: CodedOffer,
    parameters: Parameters,
    /// The sets of the last key frame.
    sets: Arc<[u8]>,
    /// The pictures since the last certain key frame.
    key_distance: u32,
}

impl H264Offer {
    pub(crate) fn set_demand(&mut self, demand: &CodedDemand) {
        self.offer.set_demand(demand);
    }

    /// Notes the parameter sets of a unit, which may be damaged otherwise.
    pub(crate) fn observe(&mut self, unit: &[u8]) {
        for set in nal::split(before_slices(unit)) {
            self.parameters.store_if_new(set);
        }
    }

    /// Returns the coded picture of a unit that was decoded. Returns `None` if no viewer wants it, or the unit has no picture.
    pub(crate) fn picture(&mut self, unit: Cow<'_, [u8]>) -> Option<Arc<CodedPicture>> {
        if !self.offer.is_wanted() {
            return None;
        }
        let start = PictureStart::read(&unit)?;
        let is_certain = start.idr || start.intra && start.recovery;
        let is_key = is_certain || start.intra && self.key_distance >= MAX_KEY_DISTANCE;
        self.key_distance = if is_certain { 0 } else { self.key_distance.saturating_add(1) };
        // Without its parameter sets, no decoder can begin with a picture.
        let sets = if is_key { self.parameters.sets_for(start.pps) } else { None };
        let key = sets.is_some();
        if let Some(sets) = sets.filter(|sets| **sets != *self.sets) {
            self.sets = sets.into();
        }
        self.offer.h264(|| unit.into_owned().into(), &self.sets, key)
    }
}

/// Returns the part of an access unit before its first slice, with the parameter sets that the slice needs. Does not search the
/// slices.
fn before_slices(data: &[u8]) -> &[u8] {
    let mut next = start_code(data, 0);
    while let Some(at) = next {
        if matches!(nal::kind(&data[at + 3..]), nal::SLICE..=nal::IDR) {
            return &data[..at];
        }
        next = start_code(data, at + 3);
    }
    data
}

/// Sets the size of a coded picture to that of its decoded one, which must not be turned yet.
pub(crate) fn with_size(coded: Option<Arc<CodedPicture>>, image: &Image) -> Option<Arc<CodedPicture>> {
    let mut coded = coded?;
    let picture = Arc::make_mut(&mut coded);
    picture.width = image.width();
    picture.height = image.height();
    Some(coded)
}

/// The facts in the headers of a unit about a start with its picture.
struct PictureStart {
    idr: bool,
    /// True if all slices are intra.
    intra: bool,
    /// True if a message says that a decoder can begin here.
    recovery: bool,
    /// The picture parameter set of the first slice.
    pps: u32,
}

impl PictureStart {
    /// Returns `None` if the unit has no slice.
    fn read(unit: &[u8]) -> Option<Self> {
        let mut start: Option<Self> = None;
        let mut recovery = false;
        for nal in nal::split(unit) {
            match nal::kind(nal) {
                SEI => recovery |= has_recovery_point(nal),
                kind @ (nal::SLICE | nal::IDR) => {
                    let Some(slice) = SliceStart::read(nal) else { continue };
                    let first = Self { idr: false, intra: true, recovery, pps: slice.pps };
                    let start = start.get_or_insert(first);
                    start.idr |= kind == nal::IDR;
                    start.intra &= matches!(slice.kind, 2 | 4);
                }
                _ => {}
            }
        }
        start
    }
}

/// Returns true if supplemental information has a recovery point among its messages (H.264 7.3.2.3.1).
fn has_recovery_point(nal: &[u8]) -> bool {
    let payload = nal::payload(nal, MAX_MESSAGES_LEN);
    let mut rest = payload.as_slice();
    while let Some(kind) = message_number(&mut rest) {
        if kind == RECOVERY_POINT {
            return true;
        }
        let message = message_number(&mut rest).and_then(|size| rest.get(size..));
        let Some(behind) = message else { return false };
        rest = behind;
    }
    false
}

/// Takes the type or the size of a message: bytes of 255, and one below that ends the sum.
fn message_number(rest: &mut &[u8]) -> Option<usize> {
    let last = rest.iter().position(|&byte| byte != 0xFF)?;
    let (number, behind) = rest.split_at(last + 1);
    *rest = behind;
    Some(number.iter().map(|&byte| usize::from(byte)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: &[u8] = &[0, 0, 0, 1, 0x67, 66, 0, 30, 0xf8, 0x28, 0x4d, 0x80];
    const PPS: &[u8] = &[0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80];
    /// First macroblock 0, an I slice, picture parameter set 0.
    const IDR: &[u8] = &[0, 0, 1, 0x65, 0x88, 0x80, 9];
    const INTRA: &[u8] = &[0, 0, 1, 0x41, 0x88, 0x80, 9];
    const PREDICTED: &[u8] = &[0, 0, 1, 0x41, 0x9a, 0x80, 9];
    const RECOVERY: &[u8] = &[0, 0, 1, 6, 5, 2, 7, 7, 6, 1, 0xc4, 0x80];

    struct Stream {
        offer: H264Offer,
        _request: passerby_types::CodedRequest,
    }

    impl Stream {
        fn new() -> Self {
            let demand = CodedDemand::default();
            let mut offer = H264Offer::default();
            offer.set_demand(&demand);
            Self { offer, _request: demand.request() }
        }

        fn picture(&mut self, parts: &[&[u8]]) -> Option<Arc<CodedPicture>> {
            let unit = parts.concat();
            self.offer.observe(&unit);
            self.offer.picture(unit.into())
        }

        fn is_key(&mut self, parts: &[&[u8]]) -> bool {
            self.picture(parts).expect("a picture").key
        }
    }

    #[test]
    fn the_part_before_the_slices_ends_at_the_first_one() {
        let unit = [0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 1, 0x65, 3, 0, 0, 1, 0x68, 4];
        assert_eq!(nal::split(before_slices(&unit)).collect::<Vec<_>>(), [&[0x67, 1][..], &[0x68, 2]]);
        assert_eq!(before_slices(&unit[..11]), &unit[..11], "no slice");
        assert!(before_slices(&unit[11..]).is_empty() && before_slices(&[]).is_empty());
        assert_eq!(before_slices(&[0, 0, 1]), [0, 0, 1]);
    }

    #[test]
    fn a_key_frame_has_its_parameter_sets_although_they_came_earlier() {
        let mut stream = Stream::new();
        assert!(stream.picture(&[SPS, PPS]).is_none(), "no picture");
        let key = stream.picture(&[IDR]).expect("a picture");
        assert_eq!((key.key, key.number, &*key.parameter_sets), (true, 0, &*[SPS, PPS].concat()));
        let next = stream.picture(&[PREDICTED]).expect("a picture");
        assert!(!next.key && Arc::ptr_eq(&next.parameter_sets, &key.parameter_sets));
    }

    #[test]
    fn a_key_frame_without_parameter_sets_is_no_place_to_begin() {
        let mut stream = Stream::new();
        assert!(!stream.is_key(&[IDR]));
        assert!(!stream.is_key(&[PPS, IDR]), "a set that refers to a missing one");
        assert!(stream.is_key(&[SPS, IDR]));
    }

    #[test]
    fn parameter_sets_may_change_in_the_middle() {
        let mut stream = Stream::new();
        let first = stream.picture(&[SPS, PPS, IDR]).expect("a picture");
        let mut other = SPS.to_vec();
        other[7] = 31; // the level
        let second = stream.picture(&[&other, IDR]).expect("a picture");
        assert_ne!(first.parameter_sets, second.parameter_sets);
        assert_eq!(&*second.parameter_sets, &*[&other, PPS].concat());
    }

    #[test]
    fn an_intra_picture_is_a_key_frame_if_the_stream_says_so() {
        let mut stream = Stream::new();
        assert!(stream.is_key(&[SPS, PPS, IDR]));
        assert!(!stream.is_key(&[INTRA]), "the pictures after it may refer to those before it");
        assert!(stream.is_key(&[RECOVERY, INTRA]));
        assert!(!stream.is_key(&[RECOVERY, PREDICTED]));
    }

    #[test]
    fn a_stream_without_certain_key_frames_has_intra_pictures_as_such() {
        let mut stream = Stream::new();
        assert!(!stream.is_key(&[SPS, PPS, INTRA]));
        assert_eq!((0..MAX_KEY_DISTANCE).filter(|_| stream.is_key(&[PREDICTED])).count(), 0);
        assert!(stream.is_key(&[INTRA]));
    }

    #[test]
    fn hostile_messages_are_no_recovery_point() {
        for messages in [&[6][..], &[6, 0xFF], &[6, 0xFF, 0xFF, 9], &[6, 5, 200, 6], &[6, 5], &[6, 0x80]] {
            assert!(!has_recovery_point(messages), "{messages:?}");
        }
        assert!(has_recovery_point(&[6, 6, 1, 0xc4, 0x80]));
    }
}
