#!/usr/bin/env bash
# Fetches 15 photographs of 1 to 16 megapixels from Debian's package lomiri-wallpapers-16.04 (CC0, CC-BY and CC-BY-SA).
#
#   data/photographs.sh            into $GANNET_DATA/photographs, else into the user's cache folder
#   data/photographs.sh FOLDER     into FOLDER
#
# Beside it, FOLDER-small and FOLDER-small-test hold them as PNG of at most 640 pixels to a side, which have details in every
# pixel: for networks that enlarge, three kept apart to test them. By sharp 0.34.5 from npm.
#
# Needs apt-get, dpkg-deb, node and npm, and nothing is installed. May be run again: what is there is replaced.
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
target="$(cd "$target" && pwd)"
for photograph in "$work"/usr/share/backgrounds/*.jpg; do
    name="$(basename "$photograph")"
    # Copied beside the goal and renamed, so that an interruption leaves no half file.
    cp "$photograph" "$target/.$name.part"
    mv "$target/.$name.part" "$target/$name"
done
(cd "$work" && npm install --silent --no-audit --no-fund sharp@0.34.5 >/dev/null)
cat >"$work/shrink.js" <<'SCRIPT'
const fs = require("node:fs");
const sharp = require("sharp");
const [, , from, small, test] = process.argv;
for (const folder of [small, test]) fs.mkdirSync(folder, { recursive: true });
const names = fs.readdirSync(from).filter((name) => /^[^.].*jpg$/.test(name)).sort();
(async () => {
  for (const [i, name] of names.entries()) {
    const photograph = sharp(`${from}/${name}`).rotate().resize(640, 640, { fit: "inside" });
    await photograph.png().toFile(`${i % 5 === 4 ? test : small}/${name.replace(/jpg$/, "png")}`);
  }
})();
SCRIPT
(cd "$work" && node shrink.js "$target" "$work/small" "$work/test")
rm -rf "$target-small" "$target-small-test"
mv "$work/small" "$target-small"
mv "$work/test" "$target-small-test"
cp "$work"/usr/share/doc/lomiri-wallpapers-16.04/copyright "$target/COPYRIGHT"
echo "$(ls "$target" | grep -c jpg) photographs in $target, smaller ones in $target-small and $target-small-test"
