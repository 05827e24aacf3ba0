#!/usr/bin/env bash
# Fetches the ICBM 152 template of the human brain (2009, average of 152 adults; Montreal Neurological Institute, free for any
# use) from the PyPI package nilearn 0.14.1 and cuts it into pairs of slices: trainA and testA hold T1-weighted magnetic
# resonance, trainB and testB the share of grey matter, under equal names, as grey PNG of 197x233 pixels.
#
#   data/brain.sh            into $GANNET_DATA, else into the user's cache folder
#   data/brain.sh FOLDER     into FOLDER
#
# Horizontal slices, one millimetre apart. Neighbours are all but equal, so that blocks of ten are held out, not single ones,
# and still it is one brain: a demonstration, not a study. Needs pip, python3, node and npm. May be run again: what is there is
# replaced.
set -euo pipefail

case "$(uname -s)" in
    Darwin) cache="$HOME/Library/Caches" ;;
    *) cache="${XDG_CACHE_HOME:-$HOME/.cache}" ;;
esac
target="${1:-${GANNET_DATA:-$cache/gannet}}/brain"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
pip download --quiet --no-deps nilearn==0.14.1
python3 -m zipfile -e nilearn-0.14.1-*.whl nilearn
npm install --silent --no-audit --no-fund sharp@0.34.5 >/dev/null
cat >slice.js <<'SCRIPT'
const fs = require("node:fs");
const zlib = require("node:zlib");
const sharp = require("sharp");
const folder = "nilearn/nilearn/datasets/data";

/** The volume of a NIfTI-1 file as numbers in [0, 1]. */
function volume(name) {
  const file = fs.readdirSync(folder).find((found) => found.startsWith(`mni_icbm152_${name}_`) && found.endsWith(".nii.gz"));
  const bytes = zlib.gunzipSync(fs.readFileSync(`${folder}/${file}`));
  const [x, y, z] = [42, 44, 46].map((at) => bytes.readInt16LE(at));
  const read = {
    2: [1, (at) => bytes.readUInt8(at)], 4: [2, (at) => bytes.readInt16LE(at)], 8: [4, (at) => bytes.readInt32LE(at)],
    16: [4, (at) => bytes.readFloatLE(at)], 64: [8, (at) => bytes.readDoubleLE(at)], 512: [2, (at) => bytes.readUInt16LE(at)],
  }[bytes.readInt16LE(70)];
  if (!read) throw new Error(`${file}: data type ${bytes.readInt16LE(70)}`);
  const [size, number] = read, first = bytes.readFloatLE(108);
  const values = Float32Array.from({ length: x * y * z }, (_, i) => number(first + size * i));
  const most = values.reduce((most, value) => Math.max(most, value), 0);
  return { x, y, z, values: values.map((value) => Math.max(value / most, 0)) };
}

(async () => {
  for (const part of ["trainA", "trainB", "testA", "testB"]) fs.mkdirSync(`brain/${part}`, { recursive: true });
  const sides = { A: volume("t1"), B: volume("gm") };
  for (let level = 20; level < 160; level += 1) {
    const part = Math.floor(level / 10) % 5 === 4 ? "test" : "train";
    for (const [side, { x, y, values }] of Object.entries(sides)) {
      // The front of the head is up.
      const grey = Buffer.from(Array.from({ length: x * y }, (_, i) => 255 * values[level * x * y + (y - 1 - Math.floor(i / x)) * x + (i % x)]));
      const picture = sharp(grey, { raw: { width: x, height: y, channels: 1 } }).toColourspace("b-w");
      await picture.png().toFile(`brain/${part}${side}/${String(level).padStart(3, "0")}.png`);
    }
  }
})();
SCRIPT
node slice.js
mkdir -p "$(dirname "$target")"
rm -rf "$target"
mv brain "$target"
for part in train test; do
    echo "$(find "$target/${part}A" -name '*.png' | wc -l) pairs in $target/${part}A and ${part}B"
done
