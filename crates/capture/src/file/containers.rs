//! The containers that FFmpeg may read.

/// The containers that are read, by the names of FFmpeg's demuxers.
///
/// A container is on the list if the file alone holds the whole video. Playlists (`hls`, `dash`, `concat`, `imf`), scripts,
/// devices, filters, patterns of pictures and session descriptions would open other files, or the network.
pub(crate) const CONTAINERS: &str = "mov,matroska,avi,mpegts,mpeg,mpegvideo,m4v,flv,ivf,obu,av1,h264,hevc,vvc,asf,ogg,mxf,nut,dv,rm,\
                                     wtv,gxf,vc1,vc1test,h263,h261,yuv4mpegpipe,dhav";
