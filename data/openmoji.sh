#!/usr/bin/env bash
# Fetches the drawings of OpenMoji (CC-BY-SA-4.0) from the npm package openmoji 17.0.0 as pairs: trainA and testA hold line
# art, trainB and testB the same in colour, under equal names, drawn at 128x128 by @resvg/resvg-js 2.6.2.
#
#   data/openmoji.sh            into $GANNET_DATA, else into the user's cache folder
#   data/openmoji.sh FOLDER     into FOLDER
#
# A tenth is held out, by the first code point, so that skin tones of one emoji fall on one side. Needs npm, node and tar. May
# be run again: what is there is replaced.
set -euo pipefail

case "$(uname -s)" in
    Darwin) cache="$HOME/Library/Caches" ;;
    *) cache="${XDG_CACHE_HOME:-$HOME/.cache}" ;;
esac
target="${1:-${GANNET_DATA:-$cache/gannet}}/openmoji"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent openmoji@17.0.0 >/dev/null
tar -xzf openmoji-17.0.0.tgz package/black/svg package/color/svg
npm install --silent --no-audit --no-fund @resvg/resvg-js@2.6.2 >/dev/null
cat >draw.js <<'SCRIPT'
const fs = require("node:fs");
const { Resvg } = require("@resvg/resvg-js");
for (const folder of ["trainA", "trainB", "testA", "testB"]) fs.mkdirSync(`openmoji/${folder}`, { recursive: true });
const sides = { A: "package/black/svg", B: "package/color/svg" };
for (const name of fs.readdirSync(sides.A)) {
  if (!name.endsWith(".svg") || !fs.existsSync(`${sides.B}/${name}`)) continue;
  const part = parseInt(name.split(/[-.]/)[0], 16) % 10 === 7 ? "test" : "train";
  for (const [side, folder] of Object.entries(sides)) {
    const svg = fs.readFileSync(`${folder}/${name}`, "utf8");
    const options = { fitTo: { mode: "width", value: 128 }, background: "white", font: { loadSystemFonts: false } };
    const picture = new Resvg(svg, options).render().asPng();
    fs.writeFileSync(`openmoji/${part}${side}/${name.replace(/svg$/, "png")}`, picture);
  }
}
SCRIPT
node draw.js
mkdir -p "$(dirname "$target")"
rm -rf "$target"
mv openmoji "$target"
for part in train test; do
    echo "$(find "$target/${part}A" -name '*.png' | wc -l) pairs in $target/${part}A and ${part}B"
done
