//! Restores display order from decoding order.

/// If a picture's order count is below the last returned one by at most this, the picture is late. If it is further below,
/// a new order begins. 16 pictures may be reordered (H.264 A.3.1), with two counts per picture.
const MAX_LATENESS: i32 = 32;
/// After this number of pictures in rising order, the stream is known not to reorder.
const LEARNING_PICTURES: u32 = 8;

/// Holds pictures back until the next one in display order is known (H.264 C.4.5.3, "bumping").
pub(crate) struct Reorder<T> {
    waiting: Vec<(i32, T)>,
    /// The order count of the last returned picture. `None` if a new order began after it.
    returned: Option<i32>,
    early: Option<StepEstimate>,
}

/// An estimate of how much the order count rises from picture to picture.
///
/// The stream doesn't declare it: 2 is usual, 1 is allowed, and encoders that leave pictures out have larger steps.
struct StepEstimate {
    /// If a picture is above the last returned one by at most this, it is the next.
    step: i32,
    odd: bool,
    last: Option<i32>,
    /// The number of pictures since the order began.
    count: u32,
    /// True if each of them was above the one before.
    rising: bool,
    smallest: i32,
}

impl<T> Reorder<T> {
    /// Creates a buffer that waits for as many pictures as the stream may reorder.
    pub(crate) fn new() -> Self {
        Self { waiting: Vec::new(), returned: None, early: None }
    }

    /// Creates a buffer that also returns a picture as soon as no other fits between it and the last returned one.
    ///
    /// A stream that doesn't reorder is then never delayed, even if its parameter sets allow reordering.
    pub(crate) fn early() -> Self {
        Self { early: Some(StepEstimate::new()), ..Self::new() }
    }

    /// Takes the next picture in decoding order and appends the pictures that are next in display order to `out`. At most
    /// `depth` pictures stay behind.
    ///
    /// Returns false, and drops the picture, if a picture behind it in display order was returned already.
    #[must_use]
    pub(crate) fn push(&mut self, order: i32, picture: T, depth: usize, out: &mut Vec<T>) -> bool {
        if let Some(steps) = &mut self.early {
            steps.observe(order);
            let late = self.returned.map_or(-1, |last| last.saturating_sub(order));
            if (0..=MAX_LATENESS).contains(&late) {
                return false;
            }
            if late > MAX_LATENESS {
                self.drain(out);
            }
        }
        self.waiting.push((order, picture));
        while self.waiting.len() > depth || self.is_next() {
            self.pop(out);
        }
        true
    }

    /// Appends all waiting pictures to `out`. The caller must call this before a picture from which the order counts anew.
    pub(crate) fn drain(&mut self, out: &mut Vec<T>) {
        while !self.waiting.is_empty() {
            self.pop(out);
        }
        self.restart();
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.restart();
    }

    fn restart(&mut self) {
        self.returned = None;
        if let Some(steps) = &mut self.early {
            steps.restart();
        }
    }

    /// Returns true if the first waiting picture is certainly the next.
    ///
    /// The first picture of an order always is: it is an IDR picture, or the pictures before it cannot be decoded.
    fn is_next(&self) -> bool {
        let first = self.waiting.iter().map(|(order, _)| *order).min();
        let (Some(steps), Some(first)) = (&self.early, first) else { return false };
        self.returned.is_none_or(|last| first.saturating_sub(last) <= steps.step)
    }

    fn pop(&mut self, out: &mut Vec<T>) {
        let first = self.waiting.iter().enumerate().min_by_key(|(_, (order, _))| *order);
        if let Some((index, _)) = first {
            let (order, picture) = self.waiting.remove(index);
            self.returned = Some(order);
            out.push(picture);
        }
    }
}

impl StepEstimate {
    fn new() -> Self {
        Self { step: 2, odd: false, last: None, count: 0, rising: true, smallest: i32::MAX }
    }

    fn observe(&mut self, order: i32) {
        if let Some(last) = self.last {
            let by = order.saturating_sub(last);
            self.odd |= by % 2 != 0;
            self.rising &= by > 0;
            self.smallest = self.smallest.min(by);
            if self.odd || !self.rising {
                self.step = if self.odd { 1 } else { 2 };
            }
        }
        self.last = Some(order);
        self.count += 1;
    }

    /// Begins a new order, and expects it to continue like the last one.
    fn restart(&mut self) {
        let usual = if self.odd { 1 } else { 2 };
        let known = self.rising && self.count >= LEARNING_PICTURES;
        self.step = if known { self.smallest.max(usual) } else { usual };
        self.last = None;
        self.count = 0;
        self.rising = true;
        self.smallest = i32::MAX;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the pictures in display order, their number after each push, and the pictures that came too late.
    fn run(reorder: &mut Reorder<i32>, orders: &[i32], depth: usize) -> (Vec<i32>, Vec<usize>, Vec<i32>) {
        let mut out = Vec::new();
        let mut seen = Vec::new();
        let mut late = Vec::new();
        for &order in orders {
            if order == 0 {
                reorder.drain(&mut out);
            }
            if !reorder.push(order, order, depth, &mut out) {
                late.push(order);
            }
            seen.push(out.len());
        }
        (out, seen, late)
    }

    #[test]
    fn b_frames_come_out_in_display_order_without_needless_delay() {
        // I0 P4 B2 B1 B3 P8 B6 B5 B7, a pyramid of depth 2.
        let orders = [0, 4, 2, 1, 3, 8, 6, 5, 7];
        let mut reorder = Reorder::new();
        let (mut out, seen, _) = run(&mut reorder, &orders, 2);
        reorder.drain(&mut out);
        assert_eq!(out, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(seen, [0, 0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn early_returns_pictures_at_once_without_b_frames() {
        // Although 5 pictures may be reordered.
        let (out, seen, _) = run(&mut Reorder::early(), &[0, 2, 4, 6, 0, 2], 5);
        assert_eq!((out, seen), (vec![0, 2, 4, 6, 0, 2], vec![1, 2, 3, 4, 5, 6]));
    }

    #[test]
    fn early_returns_a_picture_when_none_fits_before_it() {
        // With two B frames, and with a pyramid: when the last missing picture is there.
        let (out, seen, late) = run(&mut Reorder::early(), &[0, 6, 2, 4, 12, 8, 10], 5);
        assert_eq!((out, late), (vec![0, 2, 4, 6, 8, 10, 12], vec![]));
        assert_eq!(seen, [1, 1, 2, 4, 4, 5, 7]);
        let (out, _, late) = run(&mut Reorder::early(), &[0, 8, 4, 2, 6, 16, 12, 10, 14], 5);
        assert_eq!((out, late), (vec![0, 2, 4, 6, 8, 10, 12, 14, 16], vec![]));
    }

    #[test]
    fn missing_pictures_hold_up_until_the_depth_is_reached() {
        let (out, seen, _) = run(&mut Reorder::early(), &[0, 6, 12, 8, 10, 18, 14, 16], 3);
        assert_eq!(seen, [1, 1, 1, 1, 5, 5, 6, 8]);
        assert_eq!(out, [0, 6, 8, 10, 12, 14, 16, 18]);
    }

    #[test]
    fn early_learns_the_step_without_breaking_the_order() {
        // Steps of four cause a delay until a whole sequence was in order, and again if a later one isn't.
        let mut reorder = Reorder::early();
        let fours: Vec<i32> = (0..8).map(|i| 4 * i).collect();
        let (_, seen, _) = run(&mut reorder, &fours, 2);
        assert_eq!(seen[..4], [1, 1, 1, 2]);
        let (out, seen, late) = run(&mut reorder, &[0, 4, 8, 6, 16, 12, 10, 14], 2);
        assert_eq!(seen[..5], [3, 4, 5, 5, 5], "two that waited, and then no delay");
        assert_eq!(late, [6]);
        assert_eq!(out[2..], [0, 4, 8, 10, 12, 14, 16]);
    }

    #[test]
    fn a_step_of_one_shows_by_one_late_picture() {
        let (out, _, late) = run(&mut Reorder::early(), &[0, 2, 1, 4, 3, 6, 5], 4);
        assert_eq!((out, late), (vec![0, 2, 3, 4, 5, 6], vec![1]));
    }

    #[test]
    fn a_picture_far_below_begins_a_new_order() {
        let (out, _, late) = run(&mut Reorder::early(), &[0, 2, 90, 4, 6], 0);
        assert_eq!((out, late), (vec![0, 2, 90, 4, 6], vec![]));
    }
}
