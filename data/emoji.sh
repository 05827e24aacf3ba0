#!/usr/bin/env bash
# Fetches the emoji of Google (Noto, Apache-2.0) and of Twitter (Twemoji, CC-BY-4.0) from the npm packages
# emoji-datasource-google and emoji-datasource-twitter 16.0.0 (60 MB each) as pairs of 64x64: trainA and testA are Google's,
# trainB and testB Twitter's, under equal names.
#
#   data/emoji.sh            into $GANNET_DATA, else into the user's cache folder
#   data/emoji.sh FOLDER     into FOLDER
#
# A tenth is held out, by the first code point, so that skin tones of one emoji fall on one side. Needs npm and tar. May be
# run again: what is there is replaced.
set -euo pipefail

case "$(uname -s)" in
    Darwin) cache="$HOME/Library/Caches" ;;
    *) cache="${XDG_CACHE_HOME:-$HOME/.cache}" ;;
esac
target="${1:-${GANNET_DATA:-$cache/gannet}}/emoji"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
for vendor in google twitter; do
    package="emoji-datasource-$vendor"
    (cd "$work" && npm pack --silent "$package@16.0.0" >/dev/null)
    tar -xzf "$work/$package-16.0.0.tgz" -C "$work" "package/img/$vendor/64"
done
mkdir "$work/emoji" && (cd "$work/emoji" && mkdir trainA trainB testA testB)
cd "$work/package/img"
for picture in google/64/*.png; do
    name="$(basename "$picture")"
    [ -f "twitter/64/$name" ] || continue
    base="${name%.png}"
    part=train
    [ $((16#${base%%-*} % 10)) -eq 7 ] && part=test
    mv "google/64/$name" "$work/emoji/${part}A/$name"
    mv "twitter/64/$name" "$work/emoji/${part}B/$name"
done
mkdir -p "$(dirname "$target")"
rm -rf "$target"
mv "$work/emoji" "$target"
for part in train test; do
    echo "$(find "$target/${part}A" -name '*.png' | wc -l) pairs in $target/${part}A and ${part}B"
done
