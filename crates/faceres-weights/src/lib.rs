//! The weights of HSE faceres, a network that estimates age and gender from a face.
//!
//! This crate is data alone. `passerby-demographics` runs the network, as a part of its `AgeGender`. It is a crate of its own because
//! the weights of all networks for age and gender together are too large for one package.
//!
//! The network is a MobileNet (A. Savchenko, "Efficient facial representations for age, gender and identity recognition in
//! organizing photo albums using multi-output ConvNet", PeerJ Computer Science 5, 2019; HSE_FaceRec_tf, Apache-2.0), stored in half precision. Its input is `[batch, 3, 224, 224]`. Its outputs are the probabilities of the
//! ages 1 to 100, `[batch, 100]`, and the probability of male, `[batch, 1]`.

/// The network as an ONNX file.
pub static ONNX: &[u8] = include_bytes!("../models/faceres_fp16.onnx");

/// The operators of the network as a graph file of `passerby-cnn`, for programs without tract. The weights stay in [`ONNX`].
pub static GRAPH: &[u8] = include_bytes!("../models/faceres.graph");
