//! The instruction sets of the kernels.

use std::fmt;
use std::sync::OnceLock;

/// The environment variable that [`Isa::preferred`] reads.
const ISA_VARIABLE: &str = "PASSERBY_CNN_ISA";

/// The vector instructions that the kernels of a plan use. A value exists only if the processor has the instructions.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Isa(pub(crate) Kind);

/// The instruction set of an [`Isa`]. It is private, so that only [`Isa::available`] creates one. The safety of the
/// kernels depends on this.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// AVX-512 F, BW, DQ, VL and VNNI, with AVX2, FMA and F16C: Intel since Cascade Lake, AMD since Zen 4.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2, FMA and F16C.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Advanced SIMD, which every 64-bit ARM processor has.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// Plain Rust for every processor. Tests compare the other sets with it.
    Portable,
}

impl Isa {
    /// Plain Rust, for every processor.
    pub const PORTABLE: Self = Self(Kind::Portable);

    /// Returns all instruction sets of this processor, the fastest first. [`Isa::PORTABLE`] is always the last.
    ///
    /// ```
    /// use passerby_cnn::Isa;
    ///
    /// assert_eq!(Isa::available().last(), Some(&Isa::PORTABLE));
    /// ```
    #[must_use]
    pub fn available() -> &'static [Self] {
        static FOUND: OnceLock<Vec<Isa>> = OnceLock::new();
        FOUND.get_or_init(|| {
            let mut found = Vec::new();
            #[cfg(target_arch = "x86_64")]
            {
                let avx2 = is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("f16c");
                if avx2
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
                {
                    found.push(Self(Kind::Avx512));
                }
                if avx2 {
                    found.push(Self(Kind::Avx2));
                }
            }
            // Miri does not implement all of these instructions. It reports those of x86-64 as missing.
            #[cfg(all(target_arch = "aarch64", not(miri)))]
            found.push(Self(Kind::Neon));
            found.push(Self::PORTABLE);
            found
        })
    }

    /// Returns the instruction set called `name` (`avx512`, `avx2`, `neon` or `portable`), or `None` if this processor
    /// does not have it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::available().iter().copied().find(|isa| isa.name() == name)
    }

    /// Returns the fastest instruction set of this processor, or the one that the environment variable
    /// `PASSERBY_CNN_ISA` names. If the processor does not have that one, the variable is ignored. A process reads the
    /// variable once.
    #[must_use]
    pub fn preferred() -> Self {
        static PREFERRED: OnceLock<Isa> = OnceLock::new();
        *PREFERRED.get_or_init(|| {
            let asked = std::env::var(ISA_VARIABLE).ok().and_then(|name| Self::named(&name));
            asked.unwrap_or(Self::available()[0])
        })
    }

    /// Returns `avx512`, `avx2`, `neon` or `portable`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
            Kind::Portable => "portable",
        }
    }

    /// Returns true if bytes multiply faster than f32, so that [`Plan::quantized`](crate::Plan::quantized) uses its
    /// ranges. This holds for every set except `portable`.
    #[must_use]
    pub fn multiplies_bytes(self) -> bool {
        self != Self::PORTABLE
    }

    /// Returns the number of f32 in a vector.
    pub(crate) fn lanes(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => 16,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => 8,
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => 4,
            Kind::Portable => 8,
        }
    }

    /// Returns the number of f32 in a vector of half the size, or `None` if the set lacks such a vector.
    pub(crate) fn half_lanes(self) -> Option<usize> {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => Some(8),
            _ => None,
        }
    }

    /// Returns the number of vector registers.
    pub(crate) fn registers(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => 32,
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => 32,
            _ => 16,
        }
    }
}

impl fmt::Debug for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
