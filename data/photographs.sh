#!/usr/bin/env bash
# Fetches 15 photographs of 1 to 16 megapixels from Debian's package lomiri-wallpapers-16.04 (CC0, CC-BY and CC-BY-SA).
#
#   data/photographs.sh            into $GANNET_DATA/photographs, else into the user's cache folder
#   data/photographs.sh FOLDER     into FOLDER
#
# Needs apt-get and dpkg-deb, and nothing is installed. May be run again: what is there is replaced.
set -euo pipefail

case "$(uname -s)" in
    Darwin) cache="$HOME/Library/Caches" ;;
    *) cache="${XDG_CACHE_HOME:-$HOME/.cache}" ;;
esac
target="${1:-${GANNET_DATA:-$cache/gannet}/photographs}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
(cd "$work" && apt-get download lomiri-wallpapers-16.04 >/dev/null 2>&1 && dpkg-deb -x lomiri-wallpapers-16.04_*.deb .)
mkdir -p "$target"
for photograph in "$work"/usr/share/backgrounds/*.jpg; do
    name="$(basename "$photograph")"
    # Copied beside the goal and renamed, so that an interruption leaves no half file.
    cp "$photograph" "$target/.$name.part"
    mv "$target/.$name.part" "$target/$name"
done
cp "$work"/usr/share/doc/lomiri-wallpapers-16.04/copyright "$target/COPYRIGHT"
echo "$(ls "$target" | grep -c jpg) photographs in $target"
