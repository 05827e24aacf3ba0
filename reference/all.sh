#!/bin/sh
# Rewrites every golden file; `git diff --stat` then shows whether any value moved.
set -e
cd "$(dirname "$0")"
for script in dcgan adam batch_norm losses layers upscalers penalties augment resize metrics import layouts inception efficientnet translators cut enlarging inpaint; do
    python "$script.py"
done
