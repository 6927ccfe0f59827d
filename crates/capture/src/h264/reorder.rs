//! From decoding order to display order.

/// Holds pictures back until the next one in display order is known (H.264 C.4.5.3, "bumping").
pub(crate) struct Reorder<T> {
    waiting: Vec<(i32, T)>,
}

impl<T> Reorder<T> {
    pub(crate) fn new() -> Self {
        Self { waiting: Vec::new() }
    }

    /// Takes the next picture in decoding order and gives those whose turn it is, with at most `depth` still
    /// waiting.
    pub(crate) fn push(&mut self, order: i32, picture: T, depth: usize, out: &mut Vec<T>) {
        self.waiting.push((order, picture));
        while self.waiting.len() > depth {
            self.pop(out);
        }
    }

    /// Gives all that wait. Comes before a picture from which order counts anew.
    pub(crate) fn drain(&mut self, out: &mut Vec<T>) {
        while !self.waiting.is_empty() {
            self.pop(out);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    fn pop(&mut self, out: &mut Vec<T>) {
        let first = self.waiting.iter().enumerate().min_by_key(|(_, (order, _))| *order);
        if let Some((index, _)) = first {
            out.push(self.waiting.remove(index).1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b_frames_come_out_in_display_order_and_no_later_than_they_must() {
        let (mut reorder, mut out) = (Reorder::new(), Vec::new());
        let mut seen = Vec::new();
        // I0 P4 B2 B1 B3 P8 B6 B5 B7, a pyramid of depth 2.
        for order in [0, 4, 2, 1, 3, 8, 6, 5, 7] {
            reorder.push(order, order, 2, &mut out);
            seen.push(out.len());
        }
        reorder.drain(&mut out);
        assert_eq!(out, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(seen, [0, 0, 1, 2, 3, 4, 5, 6, 7]);
    }
}
