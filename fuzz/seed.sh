#!/usr/bin/env bash
# Fills fuzz/corpus from the repository's test data and, where it is there, the shared folder of bad files.
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
take images 70000 "${pictures[@]}"
take open 70000 "${videos[@]}" "${pictures[@]}" "$bad"/*
for target in corpus/*; do echo "$target: $(find "$target" -type f | wc -l) files"; done
