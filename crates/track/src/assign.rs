//! The assignment of detections to tracks: the set of pairs with the greatest sum of scores.
//!
//! The solver finds a shortest augmenting path for each row: J. Munkres, "Algorithms for the assignment and transportation problems",
//! 1957, in the form of R. Jonker and A. Volgenant, "A shortest augmenting path algorithm for dense and sparse linear
//! assignment problems", Computing 38, 1987, section 3, without its initialisation.

use crate::overlap::Pair;

/// The integer cost of a score of 1. Integer costs make every sum exact, and even a sum over as many pairs as fit into
/// memory does not overflow an i64.
const COST_OF_SCORE_ONE: f64 = (1 << 24) as f64;

/// Finds the assignment with the greatest sum of scores. It keeps its buffers from call to call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assigner {
    /// Disjoint sets over the rows and, after them, the columns.
    parents: Vec<usize>,
    /// The pairs, sorted by the set that they belong to.
    grouped: Vec<(usize, Pair)>,
    rows: Vec<usize>,
    cols: Vec<usize>,
    chosen: Vec<(usize, usize)>,
    paths: Paths,
}

impl Assigner {
    /// Returns the chosen (row, column) pairs, sorted by row. Each row and each column appears at most once.
    ///
    /// The result contains only given pairs, and only those with a finite score above 0. It is empty if no pair has such a score.
    ///
    /// The pairs fall into groups that share neither row nor column, most of them a single pair. Each group is solved on
    /// its own, so that the cost of a crowd is the sum over its clusters instead of the cube of its size.
    pub(crate) fn solve(&mut self, pairs: &[Pair], rows: usize, cols: usize) -> &[(usize, usize)] {
        self.chosen.clear();
        self.parents.clear();
        self.parents.extend(0..rows + cols);
        self.grouped.clear();
        let valid = || pairs.iter().filter(|p| p.score > 0.0 && p.score.is_finite());
        for pair in valid() {
            let a = self.find_set(pair.row);
            let b = self.find_set(rows + pair.col);
            self.parents[a.max(b)] = a.min(b);
        }
        for pair in valid() {
            let set = self.find_set(pair.row);
            self.grouped.push((set, *pair));
        }
        self.grouped.sort_unstable_by_key(|(set, p)| (*set, p.row, p.col));
        let grouped = std::mem::take(&mut self.grouped);
        for group in grouped.chunk_by(|a, b| a.0 == b.0) {
            self.solve_group(group);
        }
        self.grouped = grouped;
        self.chosen.sort_unstable();
        &self.chosen
    }

    /// Returns the set that `at` belongs to, and halves the path to it on the way.
    fn find_set(&mut self, mut at: usize) -> usize {
        while self.parents[at] != at {
            self.parents[at] = self.parents[self.parents[at]];
            at = self.parents[at];
        }
        at
    }

    /// Solves one group, which must be sorted by row and column.
    fn solve_group(&mut self, group: &[(usize, Pair)]) {
        self.rows.clear();
        self.rows.extend(group.iter().map(|(_, p)| p.row));
        self.rows.dedup();
        self.cols.clear();
        self.cols.extend(group.iter().map(|(_, p)| p.col));
        self.cols.sort_unstable();
        self.cols.dedup();
        if self.rows.len() == 1 || self.cols.len() == 1 {
            // Of equal pairs the first one wins.
            let better = |a: Pair, (_, b): &(usize, Pair)| if b.score > a.score { *b } else { a };
            let best = group[1..].iter().fold(group[0].1, better);
            self.chosen.push((best.row, best.col));
            return;
        }
        // The paths need at least as many columns as rows.
        let transposed = self.rows.len() > self.cols.len();
        let (short, long) = if transposed { (&self.cols, &self.rows) } else { (&self.rows, &self.cols) };
        self.paths.begin(short.len(), long.len());
        for (_, pair) in group {
            let (a, b) = if transposed { (pair.col, pair.row) } else { (pair.row, pair.col) };
            if let (Ok(a), Ok(b)) = (short.binary_search(&a), long.binary_search(&b)) {
                self.paths.costs[a * long.len() + b] =
                    -(f64::from(pair.score) * COST_OF_SCORE_ONE).round() as i64;
            }
        }
        for (a, b) in self.paths.solve() {
            self.chosen.push(if transposed { (long[b], short[a]) } else { (short[a], long[b]) });
        }
    }
}

/// Finds the least sum of costs with a different column for every row. No cost is above 0. A pair that was not given
/// costs 0 and stands for a row without a partner.
#[derive(Clone, Debug, Default)]
struct Paths {
    cols: usize,
    /// The cost of each pair, row by row.
    costs: Vec<i64>,
    /// The dual prices of rows and columns. No pair costs less than the sum of its two prices, and a chosen pair costs
    /// exactly that.
    row_prices: Vec<i64>,
    col_prices: Vec<i64>,
    /// The row at each column. An extra entry after the last column holds the row that is being placed.
    row_at: Vec<Option<usize>>,
    /// For the paths that begin at that row: the least cost to reach each column, its predecessor, and whether the cost
    /// is final.
    least: Vec<i64>,
    from: Vec<usize>,
    settled: Vec<bool>,
}

impl Paths {
    /// Resets the problem to this size, without pairs. There must be at least as many columns as rows.
    fn begin(&mut self, rows: usize, cols: usize) {
        fn fill<T: Clone>(list: &mut Vec<T>, len: usize, value: T) {
            list.clear();
            list.resize(len, value);
        }
        self.cols = cols;
        fill(&mut self.costs, rows * cols, 0);
        fill(&mut self.row_prices, rows, 0);
        fill(&mut self.col_prices, cols + 1, 0);
        fill(&mut self.row_at, cols + 1, None);
        fill(&mut self.least, cols, 0);
        fill(&mut self.from, cols, 0);
        fill(&mut self.settled, cols + 1, false);
    }

    /// Returns each row that has a partner, with its column.
    fn solve(&mut self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.row_prices.len()).for_each(|row| self.place(row));
        let Self { cols, costs, row_at, .. } = self;
        let taken = row_at[..*cols].iter().enumerate().filter_map(|(col, row)| Some(((*row)?, col)));
        taken.filter(|(row, col)| costs[row * *cols + col] < 0)
    }

    /// Finds a column for one more row, and moves other rows to make room for it if needed.
    fn place(&mut self, row: usize) {
        let mut at = self.cols;
        self.row_at[at] = Some(row);
        self.least.fill(i64::MAX);
        self.settled.fill(false);
        while let Some(row) = self.row_at[at] {
            self.settled[at] = true;
            let mut step = i64::MAX;
            let mut next = at;
            for col in 0..self.cols {
                if self.settled[col] {
                    continue;
                }
                let cost = self.costs[row * self.cols + col] - self.row_prices[row] - self.col_prices[col];
                if cost < self.least[col] {
                    self.least[col] = cost;
                    self.from[col] = at;
                }
                if self.least[col] < step {
                    step = self.least[col];
                    next = col;
                }
            }
            for col in 0..=self.cols {
                if self.settled[col] {
                    self.row_at[col].into_iter().for_each(|row| self.row_prices[row] += step);
                    self.col_prices[col] -= step;
                } else {
                    self.least[col] -= step;
                }
            }
            at = next;
        }
        // Each row on the path moves to the next column of the path.
        while at != self.cols {
            let before = self.from[at];
            self.row_at[at] = self.row_at[before];
            at = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(table: &[&[f32]]) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for (row, scores) in table.iter().enumerate() {
            for (col, &score) in scores.iter().enumerate() {
                pairs.push(Pair { row, col, score });
            }
        }
        pairs
    }

    fn solve(table: &[&[f32]]) -> Vec<(usize, usize)> {
        let cols = table.first().map_or(0, |r| r.len());
        Assigner::default().solve(&pairs(table), table.len(), cols).to_vec()
    }

    /// Returns the greatest sum by trying every assignment.
    fn best(table: &[Vec<f32>], row: usize, used: &mut Vec<bool>) -> f64 {
        let Some(scores) = table.get(row) else { return 0.0 };
        let mut most = best(table, row + 1, used);
        for (col, &score) in scores.iter().enumerate() {
            if score > 0.0 && !used[col] {
                used[col] = true;
                most = most.max(f64::from(score) + best(table, row + 1, used));
                used[col] = false;
            }
        }
        most
    }

    #[test]
    fn the_sum_wins_over_the_best_pair() {
        // A greedy choice would take 0.9 and leave 0.1.
        assert_eq!(solve(&[&[0.9, 0.8], &[0.8, 0.1]]), [(0, 1), (1, 0)]);
    }

    #[test]
    fn rows_may_outnumber_columns() {
        assert_eq!(solve(&[&[0.5], &[0.7], &[0.6]]), [(1, 0)]);
        assert_eq!(solve(&[&[0.5, 0.6], &[0.4, 0.7], &[0.9, 0.8]]), [(1, 1), (2, 0)]);
    }

    #[test]
    fn columns_may_outnumber_rows() {
        assert_eq!(solve(&[&[0.5, 0.7, 0.6]]), [(0, 1)]);
    }

    #[test]
    fn an_empty_table_has_no_pairs() {
        assert_eq!(solve(&[]), []);
        assert_eq!(solve(&[&[]]), []);
    }

    #[test]
    fn only_finite_scores_above_zero_are_chosen() {
        assert_eq!(solve(&[&[0.0, -1.0], &[f32::NAN, f32::INFINITY]]), []);
        assert_eq!(solve(&[&[f32::NAN, 0.4], &[0.4, 0.0]]), [(0, 1), (1, 0)]);
    }

    #[test]
    fn equal_scores_fill_the_square() {
        for size in [2, 3, 7, 50, 200] {
            for value in [0.1_f32, 1.0 / 3.0, 1.0] {
                let row = vec![value; size];
                let table: Vec<&[f32]> = (0..size).map(|_| row.as_slice()).collect();
                assert_eq!(solve(&table).len(), size);
            }
        }
    }

    #[test]
    fn a_cluster_of_five_hundred_is_solved() {
        let score = |r: usize, c: usize| ((r * 7919 + c * 104_729) % 1009 + 1) as f32 / 1010.0;
        let mut pairs = Vec::new();
        for row in 0..500 {
            for col in 0..500 {
                pairs.push(Pair { row, col, score: score(row, col) });
            }
        }
        let mut assigner = Assigner::default();
        let chosen = assigner.solve(&pairs, 500, 500);
        assert_eq!(chosen.len(), 500);
        let sum: f32 = chosen.iter().map(|&(r, c)| score(r, c)).sum();
        assert!(sum > 490.0, "{sum}");
    }

    proptest! {
        #[test]
        fn no_assignment_has_a_greater_sum(
            rows in 1usize..6, cols in 1usize..6,
            // Only few different values, so that many scores are equal and many pairs have no score.
            values in prop::collection::vec(prop::sample::select(vec![0.0_f32, 0.0, 0.3, 0.5, 0.7, 0.1, 1.0 / 3.0]), 36),
        ) {
            let table: Vec<Vec<f32>> = (0..rows).map(|r| values[r * 6..r * 6 + cols].to_vec()).collect();
            let slices: Vec<&[f32]> = table.iter().map(Vec::as_slice).collect();
            let chosen = solve(&slices);
            let sum: f64 = chosen.iter().map(|&(r, c)| f64::from(table[r][c])).sum();
            prop_assert!((sum - best(&table, 0, &mut vec![false; cols])).abs() < 1e-5, "{:?}", chosen);
            let mut taken: Vec<usize> = chosen.iter().map(|c| c.1).collect();
            taken.sort_unstable();
            prop_assert!(taken.windows(2).all(|w| w[0] < w[1]) && chosen.windows(2).all(|w| w[0].0 < w[1].0));
        }
    }
}
