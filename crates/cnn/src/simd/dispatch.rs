//! The macros for writing kernels.

/// Creates the entry of a generic kernel, `fn name(isa, arguments…)`, which dispatches to the instruction set. It is as
/// unsafe as the kernel.
macro_rules! kernel {
    ($(#[$about:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) = $generic:ident) => {
        $(#[$about])*
        /// # Safety
        /// The conditions of the generic kernel must hold. The processor has the instructions, because an `isa` with
        /// them exists.
        #[allow(clippy::too_many_arguments)]
        $vis unsafe fn $name(isa: $crate::isa::Isa, $($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx512($($arg: $ty),*) {
                // SAFETY: guaranteed by the caller.
                unsafe { $generic::<$crate::simd::Avx512>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx2($($arg: $ty),*) {
                // SAFETY: guaranteed by the caller.
                unsafe { $generic::<$crate::simd::Avx2>($($arg),*) }
            }
            // SAFETY: an `Isa` exists only if the processor has its instructions; the caller guarantees the rest.
            unsafe {
                match isa.0 {
                    #[cfg(target_arch = "x86_64")]
                    $crate::isa::Kind::Avx512 => avx512($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::isa::Kind::Avx2 => avx2($($arg),*),
                    #[cfg(target_arch = "aarch64")]
                    $crate::isa::Kind::Neon => $generic::<$crate::simd::Neon>($($arg),*),
                    $crate::isa::Kind::Portable => $generic::<$crate::simd::Portable>($($arg),*),
                }
            }
        }
    };
}
pub(crate) use kernel;

/// Repeats the body with `$i` from 0 to `$n` - 1, where `$n` is a constant of at most 14. If the compiler does not
/// unroll a loop over a register array early enough, it keeps the array in memory. This macro prevents that.
macro_rules! unroll {
    ($i:ident < $n:expr => $body:block) => {
        $crate::simd::dispatch::unroll!(@ $i, $n, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13)
    };
    (@ $i:ident, $n:expr, $body:block, $($at:literal)*) => {
        $(
            if const { $at < $n } {
                const $i: usize = $at;
                $body
            }
        )*
    };
}
pub(crate) use unroll;
