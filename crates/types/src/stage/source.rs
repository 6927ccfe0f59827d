//! Where pictures come from.

use std::fmt;
use std::iter::FusedIterator;

use crate::cancel::CancelHandle;
use crate::error::SourceError;
use crate::frame::{Codec, CodedDemand, Picture};

/// Describes a source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceInfo {
    /// The camera's name: the file's name, or the address without credentials.
    pub name: String,
    /// True for a camera, which delivers frames at its own pace and does not wait for a slow reader. False for a file, of
    /// which the pipeline must not lose a frame.
    pub live: bool,
    /// The frames per second that the stream announces, if it does. Only a hint: time stamps decide.
    pub frame_rate: Option<f64>,
    /// The number of frames that the stream announces, if it does. Only a hint.
    pub frames: Option<u64>,
    /// The format of the pictures for people, for example `H.264`, `PNG` or `NV12`, if the source knows it. Sources may have
    /// different names for one format.
    pub format: Option<String>,
    /// The codec of the pictures, if the source can give them to viewers as they came ([`FrameSource::offer_coded`]). `None` if it
    /// cannot. A camera that is not connected yet may not know it.
    pub codec: Option<Codec>,
}

impl SourceInfo {
    /// Returns true if the source is a photograph: it is not live and announces a single picture.
    #[must_use]
    pub fn is_photograph(&self) -> bool {
        !self.live && self.frames == Some(1)
    }
}

/// A camera, a file, or anything else that delivers one picture after another.
///
/// ```
/// use passerby_types::{ColorSpace, FrameSource, Image, Picture, PixelLayout, SourceError, SourceInfo};
///
/// /// Delivers black pictures.
/// struct Black {
///     left: u32,
///     info: SourceInfo,
/// }
///
/// impl FrameSource for Black {
///     fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
///         if self.left == 0 {
///             return Ok(None);
///         }
///         self.left -= 1;
///         let image = Image::from_vec(PixelLayout::Gray8, 4, 2, ColorSpace::JPEG, vec![0; 8]);
///         Ok(image.ok().map(|image| Picture::new(image, None)))
///     }
///
///     fn info(&self) -> &SourceInfo {
///         &self.info
///     }
/// }
///
/// let mut source = Black { left: 3, info: SourceInfo::default() };
/// let mut count = 0;
/// for picture in source.pictures() {
///     assert_eq!(picture?.image.width(), 4);
///     count += 1;
/// }
/// assert_eq!(count, 3);
/// # Ok::<(), passerby_types::SourceError>(())
/// ```
pub trait FrameSource: Send {
    /// Returns the next picture in display order, or `Ok(None)` at the end. After the end, every call returns `Ok(None)`.
    ///
    /// # Errors
    /// [`SourceError::class`] says how to go on. `Skip`: one or more frames were lost; ask for the next picture. `Reset`: the
    /// connection broke; ask for the next picture. A source that reconnects then waits until it can go on; any other returns
    /// `Ok(None)` from then on. `Fatal`: the source cannot go on; every later call returns `Ok(None)`.
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError>;

    /// Returns the description of the source.
    fn info(&self) -> &SourceInfo;

    /// Returns a handle that ends the source from another thread, or `None` if the source has none.
    ///
    /// A source that may wait long for a picture should have one. Without it, the pipeline must wait for the next picture when
    /// it stops, or leave the thread behind.
    fn cancel_handle(&self) -> Option<CancelHandle> {
        None
    }

    /// Lets the source attach coded data to its pictures ([`Picture::coded`]) while `demand` is wanted, and only then. The caller
    /// must call this before the first picture.
    ///
    /// A source that passes on the pictures of another one must pass the demand on, too, and keep the coded data with its picture. If it
    /// turns pictures, it must add that to [`CodedPicture::rotation`](crate::CodedPicture::rotation), and if it changes them in
    /// another way, it must remove the coded data. A demand must not change a source's pictures or its speed. By default, a source
    /// has no coded data.
    fn offer_coded(&mut self, demand: &CodedDemand) {
        let _ = demand;
    }

    /// Returns an iterator over the remaining pictures, in display order.
    ///
    /// An error does not end the iteration. For example, a damaged frame yields an error and the next frame a picture
    /// again. The iteration ends when the source ends, which is soon after a fatal error.
    ///
    /// ```
    /// # use passerby_types::{ColorSpace, Image, Picture, PixelLayout, SourceInfo};
    /// use passerby_types::{ErrorClass, FrameSource, SourceError};
    ///
    /// # struct Flicker { calls: u32, info: SourceInfo }
    /// # impl FrameSource for Flicker {
    /// #     fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
    /// #         self.calls += 1;
    /// #         match self.calls {
    /// #             2 => Err(SourceError::Damaged { input: "door.mp4".into(), frame: 1, what: "no key frame".into() }),
    /// #             4.. => Ok(None),
    /// #             _ => {
    /// #                 let image = Image::from_vec(PixelLayout::Gray8, 4, 2, ColorSpace::JPEG, vec![0; 8]);
    /// #                 Ok(image.ok().map(|image| Picture::new(image, None)))
    /// #             }
    /// #         }
    /// #     }
    /// #     fn info(&self) -> &SourceInfo {
    /// #         &self.info
    /// #     }
    /// # }
    /// let mut source = Flicker { calls: 0, info: SourceInfo::default() }; // any source, its second frame is damaged
    /// let (mut pictures, mut lost) = (0, 0);
    /// for picture in source.pictures() {
    ///     match picture {
    ///         Ok(picture) => pictures += u32::from(picture.image.width() == 4),
    ///         Err(error) if error.class() == ErrorClass::Skip => lost += error.lost().0,
    ///         Err(error) => return Err(error),
    ///     }
    /// }
    /// assert_eq!((pictures, lost), (2, 1));
    /// # Ok::<(), SourceError>(())
    /// ```
    fn pictures(&mut self) -> Pictures<'_, Self>
    where
        Self: Sized,
    {
        Pictures::new(self)
    }
}

impl<S: FrameSource + ?Sized> FrameSource for Box<S> {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        (**self).next_picture()
    }

    fn info(&self) -> &SourceInfo {
        (**self).info()
    }

    fn cancel_handle(&self) -> Option<CancelHandle> {
        (**self).cancel_handle()
    }

    fn offer_coded(&mut self, demand: &CodedDemand) {
        (**self).offer_coded(demand);
    }
}

/// Iterates over the pictures of a [`FrameSource`]: see [`FrameSource::pictures`].
pub struct Pictures<'a, S: ?Sized> {
    source: &'a mut S,
    ended: bool,
}

impl<'a, S: FrameSource + ?Sized> Pictures<'a, S> {
    /// Creates the iterator. Use it for a `&mut dyn FrameSource`, which cannot call [`FrameSource::pictures`].
    pub fn new(source: &'a mut S) -> Self {
        Self { source, ended: false }
    }
}

impl<S: FrameSource + ?Sized> Iterator for Pictures<'_, S> {
    type Item = Result<Picture, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.source.next_picture().transpose();
        self.ended = next.is_none();
        next
    }
}

impl<S: FrameSource + ?Sized> FusedIterator for Pictures<'_, S> {}

impl<S: FrameSource + ?Sized> fmt::Debug for Pictures<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pictures").field("source", self.source.info()).field("ended", &self.ended).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{ColorSpace, Image, PixelLayout};

    /// A source that breaks the contract: it goes on after its end.
    #[derive(Default)]
    struct Restless {
        calls: u64,
        info: SourceInfo,
    }

    impl FrameSource for Restless {
        fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
            self.calls += 1;
            match self.calls {
                2 => Err(SourceError::Damaged { input: "test".into(), frame: 1, what: "damaged".into() }),
                4 => Ok(None),
                _ => {
                    let image = Image::from_vec(PixelLayout::Gray8, 1, 1, ColorSpace::JPEG, vec![0]).unwrap();
                    Ok(Some(Picture::new(image, None)))
                }
            }
        }

        fn info(&self) -> &SourceInfo {
            &self.info
        }
    }

    #[test]
    fn an_error_does_not_end_the_pictures() {
        let mut source = Restless::default();
        let good: Vec<_> = source.pictures().map(|picture| picture.is_ok()).collect();
        assert_eq!(good, [true, false, true]);
    }

    #[test]
    fn pictures_stay_ended() {
        let mut source: Box<dyn FrameSource> = Box::new(Restless::default());
        let mut pictures = source.pictures();
        assert_eq!(pictures.by_ref().count(), 3);
        assert!(pictures.next().is_none());
    }

    #[test]
    fn a_borrowed_trait_object_has_pictures() {
        let mut source = Restless::default();
        let borrowed: &mut dyn FrameSource = &mut source;
        assert_eq!(Pictures::new(borrowed).count(), 3);
    }
}
