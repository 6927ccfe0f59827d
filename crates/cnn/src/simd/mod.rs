//! One vector of f32, the same for all instruction sets, so that each kernel is written once.
//!
//! A kernel is a generic `unsafe fn` over [`Simd`](vector::Simd), marked `#[inline(always)]`. The macro
//! [`kernel!`](dispatch::kernel) makes the function that callers see. It enters code that is compiled for the
//! instruction set and inlines the generic function there. A vector must not cross a call that is not inlined, which
//! would cost a detour over memory.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod bytes;
pub(crate) mod dispatch;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
pub(crate) mod vector;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
pub(crate) use portable::Portable;
