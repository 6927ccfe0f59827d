//! Memory aligned to cache lines, for vector instructions.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use bytemuck::{Pod, Zeroable};

/// One cache line.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; CACHE_LINE_BYTES]);

/// The size of a cache line on the supported processors.
pub(crate) const CACHE_LINE_BYTES: usize = 64;

/// A list of fixed length whose memory begins at a cache line.
#[derive(Clone, Debug)]
pub(crate) struct AlignedVec<T> {
    lines: Box<[Line]>,
    len: usize,
    kind: PhantomData<T>,
}

impl<T: Pod> AlignedVec<T> {
    /// Returns a list of `len` zeros.
    pub(crate) fn zeroed(len: usize) -> Self {
        let count = (len * size_of::<T>()).div_ceil(CACHE_LINE_BYTES);
        Self { lines: vec![Line::zeroed(); count].into(), len, kind: PhantomData }
    }
}

impl<T: Pod> Default for AlignedVec<T> {
    /// Returns an empty list.
    fn default() -> Self {
        Self::zeroed(0)
    }
}

impl<T: Pod> Deref for AlignedVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }
}

impl<T: Pod> DerefMut for AlignedVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}
