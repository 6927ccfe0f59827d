//! Which instructions the kernels use.

use std::fmt;
use std::sync::OnceLock;

/// The environment variable that [`Isa::preferred`] obeys.
const VARIABLE: &str = "PASSERBY_CNN_ISA";

/// The vector instructions that a plan's kernels use. A value exists only where the processor has them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Isa(pub(crate) Kind);

/// See [`Isa`]. Private, so that only [`Isa::available`] makes one: the kernels' safety rests on it.
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
    /// Plain Rust, for every processor: the twin that the others are tested against.
    Portable,
}

impl Isa {
    /// Plain Rust, on every processor.
    pub const PORTABLE: Self = Self(Kind::Portable);

    /// All that this processor has, the fastest first; [`Isa::PORTABLE`] is always the last.
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
            // Miri does not know all of its instructions; nor any of the others, which it says are not there.
            #[cfg(all(target_arch = "aarch64", not(miri)))]
            found.push(Self(Kind::Neon));
            found.push(Self::PORTABLE);
            found
        })
    }

    /// The one called `name` (`avx512`, `avx2`, `neon`, `portable`), where this processor has it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::available().iter().copied().find(|isa| isa.name() == name)
    }

    /// The fastest that this processor has, or the one that the environment variable `PASSERBY_CNN_ISA` names. A
    /// name that this processor has not is passed over. Read once a process.
    #[must_use]
    pub fn preferred() -> Self {
        static PREFERRED: OnceLock<Isa> = OnceLock::new();
        *PREFERRED.get_or_init(|| {
            let asked = std::env::var(VARIABLE).ok().and_then(|name| Self::named(&name));
            asked.unwrap_or(Self::available()[0])
        })
    }

    /// `avx512`, `avx2`, `neon` or `portable`.
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

    /// Whether bytes multiply faster than f32, so that [`Plan::quantized`](crate::Plan::quantized) makes use of its ranges:
    /// all do but `portable`.
    #[must_use]
    pub fn multiplies_bytes(self) -> bool {
        self != Self::PORTABLE
    }

    /// How many f32 a vector holds.
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

    /// How many f32 a vector of half the size holds, where there is one.
    pub(crate) fn half(self) -> Option<usize> {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => Some(8),
            _ => None,
        }
    }

    /// How many vector registers there are.
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
