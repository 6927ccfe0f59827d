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
