//! Puts coded pictures from display order into decoding order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use passerby_types::CodedPicture;

use super::frame::CodedFrame;

/// The most pictures that wait for an earlier one in decoding order. H.264 reorders at most 16 (A.3.1). If more wait, the earlier
/// one is lost.
const MAX_HELD: usize = 16;

/// A coded picture in display order.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) coded: Arc<CodedPicture>,
    pub(crate) pts: Duration,
    pub(crate) seq: u64,
}

/// Puts the coded pictures of a camera into decoding order, and gives them decoding times.
///
/// The n-th picture in decoding order gets the presentation time of the n-th one in display order. Nothing has to be guessed: when a
/// picture leaves, at least as many pictures have arrived as have left.
#[derive(Default)]
pub(crate) struct DecodeOrder {
    stream: Option<u64>,
    /// The number of the next picture in decoding order. `None` until a key frame has come.
    next: Option<u64>,
    held: BTreeMap<u64, Arrival>,
    /// The presentation times that have arrived and are no decoding time yet, with the numbers of their pictures.
    times: VecDeque<(u64, Duration)>,
}

impl DecodeOrder {
    /// Takes the next picture in display order, and appends the pictures that are next in decoding order to `out`.
    pub(crate) fn push(&mut self, arrival: Arrival, out: &mut Vec<CodedFrame>) {
        if self.stream != Some(arrival.coded.stream) {
            self.drain(out);
            self.stream = Some(arrival.coded.stream);
        }
        let number = arrival.coded.number;
        if self.next.is_some_and(|next| number < next) {
            return;
        }
        if self.next.is_none() && arrival.coded.key {
            // Nothing before the first key frame can be decoded.
            self.held.retain(|&held, _| held > number);
            self.times.retain(|&(held, _)| held > number);
            self.next = Some(number);
        }
        self.times.push_back((number, arrival.pts));
        self.held.insert(number, arrival);
        self.release(out);
        if self.held.len() > MAX_HELD {
            match self.next {
                Some(_) => self.next = self.held.first_key_value().map(|(&first, _)| first),
                None => self.forget_first(),
            }
            self.release(out);
        }
    }

    /// Appends the pictures that are held to `out`, in decoding order, and begins anew with the next key frame.
    pub(crate) fn drain(&mut self, out: &mut Vec<CodedFrame>) {
        if self.next.is_some() {
            while let Some((_, arrival)) = self.held.pop_first() {
                self.emit(arrival, out);
            }
        }
        *self = Self::default();
    }

    fn release(&mut self, out: &mut Vec<CodedFrame>) {
        while let Some(next) = self.next
            && let Some(arrival) = self.held.remove(&next)
        {
            self.emit(arrival, out);
            self.next = Some(next + 1);
        }
    }

    fn emit(&mut self, arrival: Arrival, out: &mut Vec<CodedFrame>) {
        let Arrival { coded, pts, seq } = arrival;
        let dts = self.times.pop_front().map_or(pts, |(_, dts)| dts);
        out.push(CodedFrame { coded, pts, dts, seq });
    }

    fn forget_first(&mut self) {
        if let Some((first, _)) = self.held.pop_first() {
            self.times.retain(|&(number, _)| number != first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coded::hub::tests::arrival;

    /// Returns the numbers, presentation times and decoding times in decoding order. Each picture is its stream, its number, whether it
    /// is a key frame, and its presentation time.
    fn run(pictures: &[(u64, u64, bool, u64)]) -> Vec<(u64, u64, u64)> {
        let mut order = DecodeOrder::default();
        let mut out = Vec::new();
        for &(stream, number, key, pts) in pictures {
            order.push(arrival(stream, number, key, pts), &mut out);
        }
        let ms = |time: Duration| time.as_millis() as u64;
        out.iter().map(|frame| (frame.coded.number, ms(frame.pts), ms(frame.dts))).collect()
    }

    #[test]
    fn without_b_frames_each_picture_leaves_at_once() {
        let pictures = [(0, 7, true, 0), (0, 8, false, 40), (0, 9, false, 80)];
        assert_eq!(run(&pictures), [(7, 0, 0), (8, 40, 40), (9, 80, 80)]);
    }

    #[test]
    fn b_frames_leave_after_the_picture_that_they_need() {
        // I0 P1 B2 B3 P4 B5, shown as I0 B2 B3 P1 B5 P4.
        let pictures = [
            (0, 0, true, 0),
            (0, 2, false, 1),
            (0, 3, false, 2),
            (0, 1, false, 3),
            (0, 5, false, 4),
            (0, 4, false, 5),
        ];
        let want = [(0, 0, 0), (1, 3, 1), (2, 1, 2), (3, 2, 3), (4, 5, 4), (5, 4, 5)];
        assert_eq!(run(&pictures), want);
    }

    #[test]
    fn a_viewer_begins_with_a_key_frame_although_others_are_shown_before_it() {
        let pictures =
            [(0, 9, false, 1), (0, 11, false, 2), (0, 12, false, 3), (0, 10, true, 4), (0, 13, false, 5)];
        assert_eq!(run(&pictures), [(10, 4, 2), (11, 2, 3), (12, 3, 4), (13, 5, 5)]);
    }

    #[test]
    fn a_lost_picture_holds_up_a_bounded_number() {
        let mut pictures = vec![(0, 0, true, 0)];
        pictures.extend((2..=20).map(|number| (0, number, false, number)));
        let out = run(&pictures);
        assert_eq!(out.len(), 20);
        assert!(
            out.iter()
                .skip(1)
                .zip(2..)
                .all(|(&(number, pts, dts), want)| (number, pts, dts) == (want, want, want))
        );
    }

    #[test]
    fn a_late_picture_is_dropped() {
        let mut pictures = vec![(0, 0, true, 0)];
        pictures.extend((2..=18).map(|number| (0, number, false, number)));
        pictures.extend([(0, 1, false, 19), (0, 19, false, 20)]);
        assert_eq!(run(&pictures).last(), Some(&(19, 20, 20)));
    }

    #[test]
    fn a_new_stream_begins_anew() {
        let pictures = [
            (0, 5, true, 0),
            (0, 7, false, 1),
            (1, 0, true, 2),
            (1, 1, false, 3),
            (2, 9, false, 4),
            (2, 10, true, 5),
        ];
        assert_eq!(run(&pictures), [(5, 0, 0), (7, 1, 1), (0, 2, 2), (1, 3, 3), (10, 5, 5)]);
    }

    #[test]
    fn without_a_key_frame_nothing_piles_up() {
        let mut order = DecodeOrder::default();
        let mut out = Vec::new();
        (0..1000).for_each(|number| order.push(arrival(0, number, false, number), &mut out));
        assert!(out.is_empty() && order.held.len() <= MAX_HELD && order.times.len() <= MAX_HELD);
    }
}
