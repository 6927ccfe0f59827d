//! The places of the buffers in the memory of a session.

use std::ops::Range;

use crate::aligned::CACHE_LINE_BYTES;

/// The handle of a buffer of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BufferId(pub(crate) usize);

/// Memory that is needed from one step to another.
#[derive(Clone, Debug)]
struct ArenaBuffer {
    len: usize,
    /// The first and the last step that uses it, both included.
    steps: (usize, usize),
}

/// Collects buffers, then assigns their places. Buffers that are never needed at the same time may share memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arena {
    buffers: Vec<ArenaBuffer>,
}

/// An empty place, which overlaps no other.
pub(crate) const NOWHERE: Range<usize> = 0..0;

impl Arena {
    /// Adds a buffer of `len` elements that `step` writes.
    pub(crate) fn add(&mut self, len: usize, step: usize) -> BufferId {
        self.buffers.push(ArenaBuffer { len, steps: (step, step) });
        BufferId(self.buffers.len() - 1)
    }

    /// Keeps a buffer at least up to `step`.
    pub(crate) fn keep(&mut self, id: BufferId, step: usize) {
        let last = &mut self.buffers[id.0].steps.1;
        *last = step.max(*last);
    }

    /// Returns the place of each buffer and the total length. Places the largest buffers first, each at the lowest free
    /// place (greedy by size: Y. Pisarchyk and J. Lee, arXiv 2001.03288, section 5.2).
    pub(crate) fn place(&self) -> (Vec<Range<usize>>, usize) {
        let line = CACHE_LINE_BYTES / size_of::<f32>();
        let mut order: Vec<usize> = (0..self.buffers.len()).collect();
        order.sort_by_key(|i| (std::cmp::Reverse(self.buffers[*i].len), *i));
        let mut places = vec![NOWHERE; self.buffers.len()];
        let mut placed: Vec<usize> = Vec::new();
        let mut total: usize = 0;
        for i in order {
            let ArenaBuffer { len, steps } = self.buffers[i];
            let size = len.next_multiple_of(line);
            let mut taken: Vec<Range<usize>> = placed
                .iter()
                .filter(|other| {
                    let others = self.buffers[**other].steps;
                    others.0 <= steps.1 && steps.0 <= others.1
                })
                .map(|other| places[*other].start..places[*other].end.next_multiple_of(line))
                .collect();
            taken.sort_by_key(|range| range.start);
            let mut at = 0;
            for range in taken {
                if range.start >= at + size {
                    break;
                }
                at = at.max(range.end);
            }
            places[i] = at..at + len;
            total = total.max(at + size);
            placed.push(i);
        }
        (places, total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn buffers_needed_together_lie_apart(sizes in prop::collection::vec((1_usize..200, 0_usize..20, 0_usize..6), 1..30)) {
            let mut arena = Arena::default();
            for (len, from, for_steps) in &sizes {
                let id = arena.add(*len, *from);
                arena.keep(id, from + for_steps);
            }
            let (places, total) = arena.place();
            for (i, a) in places.iter().enumerate() {
                prop_assert_eq!((a.len(), a.start % 16), (sizes[i].0, 0));
                prop_assert!(a.end <= total);
                for (j, b) in places.iter().enumerate().skip(i + 1) {
                    let from_i = sizes[i].1;
                    let from_j = sizes[j].1;
                    let together = from_i <= from_j + sizes[j].2 && from_j <= from_i + sizes[i].2;
                    prop_assert!(!together || a.end <= b.start || b.end <= a.start);
                }
            }
        }
    }

    #[test]
    fn a_sequence_needs_two_buffers() {
        let mut arena = Arena::default();
        for step in 0..10 {
            let id = arena.add(64, step);
            arena.keep(id, step + 1);
        }
        assert_eq!(arena.place().1, 128);
    }
}
