//! Memory that vectors like: aligned to cache lines.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use bytemuck::{Pod, Zeroable};

/// One cache line.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

/// Bytes in a cache line of the processors that matter here.
pub(crate) const LINE: usize = 64;

/// A slice of numbers of fixed length that begins at a cache line.
#[derive(Clone, Debug)]
pub(crate) struct Lines<T> {
    lines: Box<[Line]>,
    len: usize,
    kind: PhantomData<T>,
}

impl<T: Pod> Lines<T> {
    /// `len` zeros.
    pub(crate) fn zeroed(len: usize) -> Self {
        let count = (len * size_of::<T>()).div_ceil(LINE);
        Self { lines: vec![Line::zeroed(); count].into(), len, kind: PhantomData }
    }
}

impl<T: Pod> Default for Lines<T> {
    /// No numbers.
    fn default() -> Self {
        Self::zeroed(0)
    }
}

impl<T: Pod> Deref for Lines<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }
}

impl<T: Pod> DerefMut for Lines<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}
