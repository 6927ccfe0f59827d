//! The runs of a dense window: elements that stand side by side in a map.

use crate::op::Conv;

/// The position in a window at which a run begins.
pub(crate) struct Run {
    pub(crate) row: usize,
    pub(crate) column: usize,
    pub(crate) channel: usize,
}

/// Returns the runs of a window and the number of elements of each. A run is a row of the window if its elements stand
/// side by side, else one tap.
pub(crate) fn runs(conv: &Conv, channels: usize, planar: bool) -> (Vec<Run>, usize) {
    let (rows, columns) = conv.window.kernel;
    let (down, across) = conv.window.dilation;
    let per_group = channels / conv.groups;
    let mut runs = Vec::new();
    let dense = across == 1 && conv.groups == 1;
    if planar {
        for channel in 0..channels {
            for row in 0..rows {
                for column in 0..if across == 1 { 1 } else { columns } {
                    runs.push(Run { row: row * down, column: column * across, channel });
                }
            }
        }
        return (runs, if across == 1 { columns } else { 1 });
    }
    for row in 0..rows {
        for column in 0..if dense { 1 } else { columns } {
            runs.push(Run { row: row * down, column: column * across, channel: 0 });
        }
    }
    (runs, if dense { columns * channels } else { per_group })
}
