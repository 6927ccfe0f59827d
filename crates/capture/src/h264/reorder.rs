//! From decoding order to display order.

/// How far below the last given picture one may lie and count as late: 16 pictures may be reordered (H.264 A.3.1), two
/// counts a picture. What lies further below begins a new order.
const LATE: i32 = 32;
/// So many pictures in rising order show that a stream reorders none.
const ENOUGH: u32 = 8;

/// Holds pictures back until the next one in display order is known (H.264 C.4.5.3, "bumping").
pub(crate) struct Reorder<T> {
    waiting: Vec<(i32, T)>,
    /// The order of the last one given, unless order has begun anew since.
    given: Option<i32>,
    early: Option<Steps>,
}

/// How far order rises from picture to picture, as seen so far. Nothing in the stream says it: 2 is usual, 1 allowed, and
/// more comes from encoders that leave pictures out.
struct Steps {
    /// A picture so far above the last one given is the next.
    step: i32,
    odd: bool,
    last: Option<i32>,
    /// Since order began: pictures, whether each was above the last, and the smallest step.
    count: u32,
    rising: bool,
    least: i32,
}

impl<T> Reorder<T> {
    /// One that waits for as many pictures as the stream may reorder.
    pub(crate) fn new() -> Self {
        Self { waiting: Vec::new(), given: None, early: None }
    }

    /// One that also gives a picture as soon as no other fits between it and the last one given, so that a stream that
    /// reorders nothing is never delayed, whatever it may do by its parameter sets.
    pub(crate) fn early() -> Self {
        Self { early: Some(Steps::new()), ..Self::new() }
    }

    /// Takes the next picture in decoding order and gives those whose turn it is, with at most `depth` still
    /// waiting. False where the picture's turn has passed: it is gone.
    #[must_use]
    pub(crate) fn push(&mut self, order: i32, picture: T, depth: usize, out: &mut Vec<T>) -> bool {
        if let Some(steps) = &mut self.early {
            steps.see(order);
            let late = self.given.map_or(-1, |given| given.saturating_sub(order));
            if (0..=LATE).contains(&late) {
                return false;
            }
            if late > LATE {
                self.drain(out);
            }
        }
        self.waiting.push((order, picture));
        while self.waiting.len() > depth || self.is_next() {
            self.pop(out);
        }
        true
    }

    /// Gives all that wait. Comes before a picture from which order counts anew.
    pub(crate) fn drain(&mut self, out: &mut Vec<T>) {
        while !self.waiting.is_empty() {
            self.pop(out);
        }
        self.begin();
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.begin();
    }

    fn begin(&mut self) {
        self.given = None;
        if let Some(steps) = &mut self.early {
            steps.begin();
        }
    }

    /// Whether the first of those that wait is certainly the next. The first of all is: it is an IDR picture, or what is
    /// before it cannot be decoded.
    fn is_next(&self) -> bool {
        let first = self.waiting.iter().map(|(order, _)| *order).min();
        let (Some(steps), Some(first)) = (&self.early, first) else { return false };
        self.given.is_none_or(|given| first.saturating_sub(given) <= steps.step)
    }

    fn pop(&mut self, out: &mut Vec<T>) {
        let first = self.waiting.iter().enumerate().min_by_key(|(_, (order, _))| *order);
        if let Some((index, _)) = first {
            let (order, picture) = self.waiting.remove(index);
            self.given = Some(order);
            out.push(picture);
        }
    }
}

impl Steps {
    fn new() -> Self {
        Self { step: 2, odd: false, last: None, count: 0, rising: true, least: i32::MAX }
    }

    fn see(&mut self, order: i32) {
        if let Some(last) = self.last {
            let by = order.saturating_sub(last);
            self.odd |= by % 2 != 0;
            self.rising &= by > 0;
            self.least = self.least.min(by);
            if self.odd || !self.rising {
                self.step = if self.odd { 1 } else { 2 };
            }
        }
        self.last = Some(order);
        self.count += 1;
    }

    /// Order begins anew: what it was until now is how it will go on.
    fn begin(&mut self) {
        let usual = if self.odd { 1 } else { 2 };
        let known = self.rising && self.count >= ENOUGH;
        self.step = if known { self.least.max(usual) } else { usual };
        (self.last, self.count, self.rising, self.least) = (None, 0, true, i32::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is given after each picture, and those whose turn had passed.
    fn run(reorder: &mut Reorder<i32>, orders: &[i32], depth: usize) -> (Vec<i32>, Vec<usize>, Vec<i32>) {
        let (mut out, mut seen, mut late) = (Vec::new(), Vec::new(), Vec::new());
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
    fn b_frames_come_out_in_display_order_and_no_later_than_they_must() {
        // I0 P4 B2 B1 B3 P8 B6 B5 B7, a pyramid of depth 2.
        let orders = [0, 4, 2, 1, 3, 8, 6, 5, 7];
        let mut reorder = Reorder::new();
        let (mut out, seen, _) = run(&mut reorder, &orders, 2);
        reorder.drain(&mut out);
        assert_eq!(out, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(seen, [0, 0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn early_gives_each_picture_as_soon_as_none_fits_before_it() {
        // Without B frames at once, though 5 may be reordered.
        let (out, seen, _) = run(&mut Reorder::early(), &[0, 2, 4, 6, 0, 2], 5);
        assert_eq!((out, seen), (vec![0, 2, 4, 6, 0, 2], vec![1, 2, 3, 4, 5, 6]));
        // With two of them, and with a pyramid: when the last one missing is there.
        let (out, seen, late) = run(&mut Reorder::early(), &[0, 6, 2, 4, 12, 8, 10], 5);
        assert_eq!((out, late), (vec![0, 2, 4, 6, 8, 10, 12], vec![]));
        assert_eq!(seen, [1, 1, 2, 4, 4, 5, 7]);
        let (out, _, late) = run(&mut Reorder::early(), &[0, 8, 4, 2, 6, 16, 12, 10, 14], 5);
        assert_eq!((out, late), (vec![0, 2, 4, 6, 8, 10, 12, 14, 16], vec![]));
        // Two that never came hold up until more wait than may, and no longer.
        let (out, seen, _) = run(&mut Reorder::early(), &[0, 6, 12, 8, 10, 18, 14, 16], 3);
        assert_eq!(seen, [1, 1, 1, 1, 5, 5, 6, 8]);
        assert_eq!(out, [0, 6, 8, 10, 12, 14, 16, 18]);
    }

    #[test]
    fn early_learns_the_step_and_never_gives_a_picture_out_of_order() {
        // Steps of four are waited for until a whole sequence was in order, and again when that was wrong.
        let mut reorder = Reorder::early();
        let fours: Vec<i32> = (0..8).map(|i| 4 * i).collect();
        let (_, seen, _) = run(&mut reorder, &fours, 2);
        assert_eq!(seen[..4], [1, 1, 1, 2]);
        let (out, seen, late) = run(&mut reorder, &[0, 4, 8, 6, 16, 12, 10, 14], 2);
        assert_eq!(seen[..5], [3, 4, 5, 5, 5], "two that waited, and then at once");
        assert_eq!(late, [6]);
        assert_eq!(out[2..], [0, 4, 8, 10, 12, 14, 16]);
        // A step of one shows itself by one picture that is late.
        let (out, _, late) = run(&mut Reorder::early(), &[0, 2, 1, 4, 3, 6, 5], 4);
        assert_eq!((out, late), (vec![0, 2, 3, 4, 5, 6], vec![1]));
        // What lies far below is a new order.
        let (out, _, late) = run(&mut Reorder::early(), &[0, 2, 90, 4, 6], 0);
        assert_eq!((out, late), (vec![0, 2, 90, 4, 6], vec![]));
    }
}
