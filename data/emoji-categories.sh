#!/usr/bin/env bash
# Fetches the emoji of Google (Noto, Apache-2.0) and of Twitter (Twemoji, CC-BY-4.0) from the npm packages
# emoji-datasource-google and emoji-datasource-twitter 16.0.0 (60 MB each), at 64x64, with a sub-folder for each of the
# sub-categories of Unicode (animal-bird, food-fruit, country-flag ...): labelled pictures in colour.
#
#   data/emoji-categories.sh            into $GANNET_DATA, else into the user's cache folder
#   data/emoji-categories.sh FOLDER     into FOLDER
#
# Skin tones are left out, being all but the same picture, and so are the patches that stand for them. Files are named by
# code point first, so that the two drawings of one emoji stand next to each other. Needs npm, node and tar. May be run again:
# what is there is replaced.
set -euo pipefail

case "$(uname -s)" in
    Darwin) cache="$HOME/Library/Caches" ;;
    *) cache="${XDG_CACHE_HOME:-$HOME/.cache}" ;;
esac
target="${1:-${GANNET_DATA:-$cache/gannet}}/emoji-categories"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
for vendor in google twitter; do
    package="emoji-datasource-$vendor"
    (cd "$work" && npm pack --silent "$package@16.0.0" >/dev/null)
    tar -xzf "$work/$package-16.0.0.tgz" -C "$work" "package/img/$vendor/64" package/emoji.json
done
node - "$work/package" "$work/emoji" <<'SCRIPT'
const fs = require('fs');
const [, , from, to] = process.argv;
for (const { category, subcategory, image } of JSON.parse(fs.readFileSync(`${from}/emoji.json`))) {
    if (category === 'Component') continue;
    const folder = `${to}/${subcategory.toLowerCase().replace(/[^a-z]+/g, '-')}`;
    fs.mkdirSync(folder, { recursive: true });
    for (const vendor of ['google', 'twitter']) {
        const picture = `${from}/img/${vendor}/64/${image}`;
        if (fs.existsSync(picture)) fs.copyFileSync(picture, `${folder}/${image.replace('.png', '')}-${vendor}.png`);
    }
}
SCRIPT
mkdir -p "$(dirname "$target")"
rm -rf "$target"
mv "$work/emoji" "$target"
echo "$(find "$target" -name '*.png' | wc -l) pictures of $(find "$target" -mindepth 1 -type d | wc -l) categories in $target"
