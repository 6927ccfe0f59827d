//! The tests of the engines, in one program.

#[cfg(feature = "tract")]
mod backend;
#[cfg(feature = "tract")]
mod device;
mod graph_file;
#[cfg(feature = "tract")]
mod model;
#[cfg(all(feature = "ndarray", feature = "tract"))]
mod ndarray;
#[cfg(feature = "tract")]
mod support;
