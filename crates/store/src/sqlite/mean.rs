//! The attributes of a person in SQL.

/// The columns of [`Attributes::weighted_mean`](passerby_types::Attributes::weighted_mean) over rows with the weight `w`, which is
/// the number of frames in which the face was found, at least 1. Rows whose weight is NULL do not count.
macro_rules! weighted_mean {
    () => {
        "sum(age * w) / sum(w), sum(age_low * w) / sum(w), sum(age_high * w) / sum(w), sum(p_male * w) / sum(w)"
    };
}

pub(super) use weighted_mean;
