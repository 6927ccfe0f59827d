//! Pictures as the camera or the file coded them, for viewers that decode by themselves.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::pool::Buffer;

/// How the pictures of a stream are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// H.264, whose pictures refer to each other.
    H264,
    /// One JPEG file for each picture.
    Jpeg,
}

/// The coded data of one picture, as it came from the camera or the file.
///
/// A source attaches it to the decoded [`Picture`](crate::Picture), so its presentation time is
/// [`Picture::pts`](crate::Picture::pts). Pictures come in display order, but a viewer must decode them in the order of their
/// numbers: with B frames, the two orders differ.
#[derive(Clone)]
pub struct CodedPicture {
    /// How the data is coded.
    pub codec: Codec,
    /// For H.264, one access unit as an Annex B byte stream: NAL units, each after a start code. For JPEG, the whole file.
    pub data: Buffer,
    /// For H.264, the parameter sets that the picture needs, as Annex B: its sequence parameter set, and then the picture
    /// parameter sets that refer to it. `data` may hold them, too. Empty for JPEG. Pictures with the same sets share them.
    pub parameter_sets: Arc<[u8]>,
    /// True if a viewer may begin with this picture, because it and those after it need no earlier one. With
    /// [`CodedPicture::parameter_sets`], a decoder then has all that it needs.
    pub key: bool,
    /// The number of the stream in this process. It changes with each connection and each repetition of a file. A picture
    /// never needs one of another stream.
    pub stream: u64,
    /// The place of the picture in decoding order, from 0. It rises by 1 from picture to picture of a stream. A gap means that
    /// a picture is missing.
    pub number: u64,
    /// The width in pixels, before the picture is turned.
    pub width: u32,
    /// The height in pixels, before the picture is turned.
    pub height: u32,
    /// The degrees by which a viewer must turn the picture, clockwise: 0, 90, 180 or 270. [`Picture::image`](crate::Picture::image)
    /// is turned already.
    pub rotation: u16,
}

/// Prints sizes only: the data may show a face.
impl fmt::Debug for CodedPicture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodedPicture")
            .field("codec", &self.codec)
            .field("data", &self.data)
            .field("key", &self.key)
            .field("stream", &self.stream)
            .field("number", &self.number)
            .field("width", &self.width)
            .field("height", &self.height)
            .field("rotation", &self.rotation)
            .finish_non_exhaustive()
    }
}

/// Says whether anybody wants coded pictures. A clone is the same demand.
///
/// The reader of a source creates it and passes it on with [`FrameSource::offer_coded`](crate::FrameSource::offer_coded). The source
/// checks it for each picture, which costs one atomic read.
///
/// ```
/// use passerby_types::CodedDemand;
///
/// let demand = CodedDemand::default();
/// let seen_by_source = demand.clone();
/// let request = demand.request();
/// assert!(seen_by_source.is_wanted());
/// drop(request);
/// assert!(!seen_by_source.is_wanted());
/// ```
#[derive(Clone, Debug, Default)]
pub struct CodedDemand(Arc<AtomicUsize>);

impl CodedDemand {
    /// Asks for coded pictures until the request is dropped.
    #[must_use]
    pub fn request(&self) -> CodedRequest {
        self.0.fetch_add(1, Ordering::Relaxed);
        CodedRequest(self.clone())
    }

    /// Returns true if there is a request.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// A request for coded pictures. Dropping it ends the request. [`CodedDemand::request`] returns one.
#[derive(Debug)]
pub struct CodedRequest(CodedDemand);

impl Drop for CodedRequest {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The number of the next stream.
static NEXT_STREAM: AtomicU64 = AtomicU64::new(0);

/// The offer of a source's coded pictures: a source keeps one for each stream, and makes its coded pictures with it.
///
/// ```
/// use std::sync::Arc;
///
/// use passerby_types::{Buffer, CodedDemand, CodedOffer};
///
/// let mut offer = CodedOffer::default();
/// let file = || Buffer::from(vec![0xFF, 0xD8, 0xFF, 0xD9]);
/// assert!(offer.jpeg(file, 640, 360).is_none(), "no viewer, no copy");
///
/// let demand = CodedDemand::default();
/// offer.set_demand(&demand);
/// let _viewer = demand.request();
/// let coded = offer.jpeg(file, 640, 360).expect("wanted");
/// assert_eq!((coded.number, coded.key, coded.data.len()), (0, true, 4));
/// ```
#[derive(Debug)]
pub struct CodedOffer {
    demand: CodedDemand,
    stream: u64,
    next: u64,
}

impl Default for CodedOffer {
    /// Begins a new stream without a demand.
    fn default() -> Self {
        let stream = NEXT_STREAM.fetch_add(1, Ordering::Relaxed);
        Self { demand: CodedDemand::default(), stream, next: 0 }
    }
}

impl CodedOffer {
    /// Sets the demand that decides whether coded pictures are made.
    pub fn set_demand(&mut self, demand: &CodedDemand) {
        self.demand = demand.clone();
    }

    /// Returns true if coded pictures are wanted.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.demand.is_wanted()
    }

    /// Returns the coded picture of a JPEG file that is `width` by `height` pixels large. Returns `None`, and does not call `data`,
    /// if nobody wants it.
    pub fn jpeg(
        &mut self,
        data: impl FnOnce() -> Buffer,
        width: u32,
        height: u32,
    ) -> Option<Arc<CodedPicture>> {
        if !self.is_wanted() {
            return None;
        }
        let picture = self.picture(Codec::Jpeg, data(), Arc::default(), true);
        Some(Arc::new(CodedPicture { width, height, ..picture }))
    }

    /// Returns the next coded picture of an H.264 stream, with [`CodedPicture`]'s meaning of the arguments. Returns `None`, and does
    /// not call `data`, if nobody wants it. The size is 0 by 0 until the source sets it.
    pub fn h264(
        &mut self,
        data: impl FnOnce() -> Buffer,
        parameter_sets: &Arc<[u8]>,
        key: bool,
    ) -> Option<Arc<CodedPicture>> {
        if !self.is_wanted() {
            return None;
        }
        Some(Arc::new(self.picture(Codec::H264, data(), Arc::clone(parameter_sets), key)))
    }

    fn picture(&mut self, codec: Codec, data: Buffer, parameter_sets: Arc<[u8]>, key: bool) -> CodedPicture {
        let number = self.next;
        self.next += 1;
        let stream = self.stream;
        CodedPicture { codec, data, parameter_sets, key, stream, number, width: 0, height: 0, rotation: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer() -> (CodedOffer, CodedDemand) {
        let mut offer = CodedOffer::default();
        let demand = CodedDemand::default();
        offer.set_demand(&demand);
        (offer, demand)
    }

    #[test]
    fn pictures_without_a_request_cost_no_number() {
        let (mut offer, demand) = offer();
        let sets: Arc<[u8]> = Arc::default();
        assert!(offer.h264(|| unreachable!("nobody wants it"), &sets, true).is_none());
        let first = demand.request();
        let second = demand.request();
        drop(first);
        let number =
            |offer: &mut CodedOffer| offer.h264(Buffer::default, &sets, false).map(|coded| coded.number);
        assert_eq!([number(&mut offer), number(&mut offer)], [Some(0), Some(1)]);
        drop(second);
        assert_eq!(number(&mut offer), None);
    }

    #[test]
    fn each_offer_is_a_stream_of_its_own() {
        let (mut first, demand) = offer();
        let (mut second, _) = offer();
        second.set_demand(&demand);
        let _request = demand.request();
        let stream = |offer: &mut CodedOffer| offer.jpeg(Buffer::default, 1, 1).map(|coded| coded.stream);
        assert_ne!(stream(&mut first), stream(&mut second));
        assert_eq!(stream(&mut first), stream(&mut first));
    }

    #[test]
    fn a_debug_output_shows_no_pixels() {
        let (mut offer, demand) = offer();
        let _request = demand.request();
        let text = format!("{:?}", offer.jpeg(|| vec![171, 205].into(), 1, 1));
        assert!(text.contains("Buffer(2 bytes)") && !text.contains("171"), "{text}");
    }
}
