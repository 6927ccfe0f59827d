#!/usr/bin/env bash
# Makes the small videos of this folder from ffmpeg's own test pattern. Needs ffmpeg 5 or later with libx264.
# With a folder of clips as argument it also writes golden/*.txt: for each frame that ffmpeg decodes, its time stamp in
# microseconds and the Adler-32 checksum of its I420 planes, upright, in display order.
set -eu
cd "$(dirname "$0")"
F="ffmpeg -nostdin -v error -y"
S="-f lavfi -i testsrc2=size=64x48:rate=10:duration=1"
X="-c:v libx264 -preset slow -pix_fmt yuv420p -bsf:v filter_units=remove_types=6 -fflags +bitexact -flags:v +bitexact -map_metadata -1"
# 10 frames of 64x42 cropped out of 64x48, B-frames that are references, two groups of pictures, index first.
$F $S -vf crop=64:42 $X -x264-params bframes=3:b-pyramid=normal:b-adapt=0:ref=3:keyint=5:min-keyint=5 -movflags +faststart tiny.mp4
$F -i tiny.mp4 -c copy -fflags +bitexact -movflags frag_keyframe+empty_moov+default_base_moof tiny_fragmented.mp4
$F -i tiny.mp4 -c copy -fflags +bitexact -movflags frag_keyframe+empty_moov tiny_fragmented_base.mp4
$F -i tiny.mp4 -c copy -fflags +bitexact -bsf:v h264_mp4toannexb -f h264 tiny.264
# Three groups of pictures, the later two begun by I pictures that are no IDR pictures.
$F -f lavfi -i testsrc2=size=64x48:rate=10:duration=1.5 $X -x264-params open-gop=1:bframes=1:b-adapt=0:keyint=5:min-keyint=5:scenecut=0 -f h264 tiny_open.264
# CAVLC, no B-frames, two slices a picture, BT.709 with full range.
$F $S -vf "scale=out_color_matrix=bt709:out_range=full" $X -profile:v baseline -color_range pc -colorspace bt709 -color_primaries bt709 -color_trc bt709 -x264-params slices=2:keyint=10 tiny_bt709_full.mp4
# Sound only, and the same with a picture track of another codec.
$F -f lavfi -i sine=d=0.2 -c:a aac -fflags +bitexact tiny_audio.mp4
$F $S $X -c:v mpeg4 -bsf:v null -frames:v 2 tiny_mpeg4.mp4

# A picture, a tiny one, and a tiny one that moves.
$F -f lavfi -i testsrc2=size=640x480 -frames:v 1 -q:v 5 -fflags +bitexact pattern.jpg
$F $S -frames:v 1 -q:v 5 -fflags +bitexact tiny.jpg
$F $S -frames:v 5 -fflags +bitexact tiny.gif

# Three raw pictures at 0, 0.1 and 0.35 s, as the ffmpeg source gets them.
$F -f lavfi -i color=red:s=2x2:r=20,format=yuv420p -filter_complex "[0:v]select='eq(n\,0)+eq(n\,2)+eq(n\,7)'[a]" \
  -map '[a]' -frames:v 3 -vsync passthrough -enc_time_base -1 -c:v rawvideo -f nut -write_index 0 -fflags +bitexact small.nut

# The certificates of a camera and of another one, which they sign themselves, and the first one's key.
for n in camera other; do
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout $n.key -out $n.pem -days 36500 -subj /CN=camera \
    -addext "subjectAltName=DNS:camera,IP:127.0.0.1" -addext "basicConstraints=critical,CA:FALSE"
done
rm other.key

golden() { # file, name, more options
  $F -i "$1" -map 0:v -vsync passthrough -enc_time_base -1 ${3:-} -c:v rawvideo -f framecrc - |
    awk -F', *' '/^#tb/ {split($0, t, "[ /]"); a = t[3]; b = t[4]} !/^#/ {printf "%.0f %s\n", $3 * a * 1000000 / b, $6}' > "golden/$2.txt"
}
mkdir -p golden
for f in tiny*.mp4; do case $f in tiny_audio* | tiny_mpeg4*) ;; *) golden $f ${f%.mp4} ;; esac; done
if [ $# -gt 0 ]; then
  for f in "$1"/*.mp4; do n=$(basename "$f" .mp4); golden "$f" "$n" "-frames:v 500"; done
fi
