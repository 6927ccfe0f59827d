//! What can be seen in a whole picture at a small cost: its brightness in a grid, and whether it shows another scene than the
//! picture before.

pub(crate) mod luma_grid;
pub(crate) mod scene_watch;
