#!/usr/bin/env bash
# Fills fuzz/corpus from the test data of the repository and, if it exists, the shared folder of bad files.
set -euo pipefail
cd "$(dirname "$0")"
shared=${PASSERBY_SHARED:-../../shared}
take() { # TARGET LARGEST PATTERN...
    local target=$1 largest=$2 file
    shift 2
    mkdir -p "corpus/$target"
    for file in "$@"; do
        if [ -f "$file" ] && [ "$(stat -c %s "$file")" -le "$largest" ]; then
            cp --no-preserve=mode "$file" "corpus/$target/"
        fi
    done
}
data=../crates/capture/tests/data bad=$shared/data/bad
videos=("$data"/*.mp4 "$data"/*.264 "$bad"/*.mp4 "$bad"/*.264)
pictures=("$data"/*.jpg "$data"/*.png "$data"/*.gif "$data"/*.tiff "$data"/*.webp "$data"/*.bmp
    "$bad"/*.jpg "$bad"/*.png "$bad"/*.gif "$bad"/*.tiff "$bad"/*.webp "$bad"/*.bmp)
take mp4 70000 "${videos[@]}"
take nal 70000 "$data"/*.264 "$bad"/*.264
take rtsp 70000 "$data"/*.264 "$bad"/*.264
take jpeg 70000 "$data"/*.jpg "$bad"/*.jpg
take nut 70000 "$data"/*.nut
take images 70000 "${pictures[@]}"
take open 70000 "${videos[@]}" "${pictures[@]}" "$bad"/*
take graph 70000 ../crates/*/models/*.graph
take mot 70000 "$shared"/data/mot/*.txt "$shared"/data/faults/mot-low-scores/*.txt
mkdir -p corpus/mot corpus/edit_list corpus/animations corpus/saved_mjpeg corpus/view_gate
printf '1,-1,10,20,30,40,0.9\n2,-1,10.5,20,30,40,-0.4,1,1,1\n' >corpus/mot/two
# One entry: the whole track; then its second half; then two parts.
printf '\0\0\0\0\0\0\0\1\0\0\3\350\0\0\0\0\0\1\0\0' >corpus/edit_list/whole
printf '\0\0\0\0\0\0\0\1\0\0\1\364\0\0\26\0\0\1\0\0' >corpus/edit_list/half
printf '\0\0\0\0\0\0\0\2\0\0\0\1\0\0\0\1\0\1\0\0\0\0\0\1\0\0\2\0\0\1\0\0' >corpus/edit_list/two
# Behind a byte for the kind, without the mark of the file.
for file in "$bad"/*.webp "$shared"/data/faults/animated-picture/*.webp; do
    if [ -f "$file" ]; then { printf '\0' && tail -c +13 "$file"; } >"corpus/animations/$(basename "$file")"; fi
done
for file in "$data"/*.png "$bad"/*.png; do
    if [ -f "$file" ] && [ "$(stat -c %s "$file")" -le 70000 ]; then
        { printf '\1' && tail -c +9 "$file"; } >"corpus/animations/$(basename "$file")"
    fi
done
for file in "$bad"/*.tiff; do
    if [ -f "$file" ] && [ "$(stat -c %s "$file")" -le 70000 ]; then
        { printf '\2' && tail -c +5 "$file"; } >"corpus/animations/$(basename "$file")"
    fi
done
{ printf '\0' && tail -c +4 "$data/tiny.jpg" && cat "$data/tiny.jpg"; } >corpus/saved_mjpeg/raw
{ printf '\1' && tail -c +3 "$data/tiny.jpg" && printf -- '\r\n--frame\r\n\r\n' && cat "$data/tiny.jpg"; } >corpus/saved_mjpeg/parts
head -c 2400 "$data/pattern.jpg" >corpus/view_gate/picture
take config 70000 ../deploy/passerby.toml
# A camera's stream: a part with its length, a part without a header, and the end.
stream() { # BOUNDARY PICTURE
    printf -- '--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %s\r\n\r\n' "$1" "$(stat -c %s "$2")"
    cat "$2"
    printf -- '\r\n--%s\n\n' "$1"
    cat "$2"
    printf -- '\r\n--%s--\r\n' "$1"
}
mkdir -p corpus/multipart corpus/http
for boundary in bound x; do
    { printf '\001\020' && stream "$boundary" "$data/tiny.jpg"; } >"corpus/multipart/$boundary"
    { printf '\377\000' && stream "$boundary" "$data/tiny.jpg"; } >"corpus/multipart/undeclared-$boundary"
done
head='\020HTTP/1.1 200 OK\r\n'
kind='Content-Type: multipart/x-mixed-replace; boundary="--bound"\r\n'
{ printf "$head$kind\r\n" && stream bound "$data/tiny.jpg"; } >corpus/http/stream
size=$(stat -c %s "$data/tiny.jpg")
{ printf "${head}Content-Type: image/jpeg\r\nContent-Length: $size\r\n\r\n" && cat "$data/tiny.jpg"; } >corpus/http/single
{ printf "${head}${kind}Transfer-Encoding: chunked\r\n\r\n100\r\n" && stream bound "$data/tiny.jpg" | head -c 256 &&
    printf '\r\n5;a=b\r\n\r\n--b\r\n0\r\n\r\n'; } >corpus/http/chunked
printf '\020HTTP/1.0 401 Who\r\nLocation: /video\r\nWWW-Authenticate: Digest realm="a", nonce="b"\r\n\r\n' >corpus/http/login
for target in corpus/*; do echo "$target: $(find "$target" -type f | wc -l) files"; done
