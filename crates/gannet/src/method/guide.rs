//! The registry as a page for whoever has to choose.

use std::fmt::Write;

use super::METHODS;

const INTRODUCTION: &str = "\
# Which method?

This page is written by `gannet list methods --markdown`.

- Unlabelled images and little time: `dcgan`. If it collapses, or every kind of sample matters: `r3gan`.
- Labelled images: `acgan` where each sample has to be unmistakable, else `projection`.
- Points in the plane, or to learn how the game goes: `r3gan` beside `vanilla`.
- To look for structure without labels: `infogan`.
- To turn pictures into others: `pix2pix` with pairs, `cut` without, `cyclegan` for both ways; `style` takes what there is.
- To enlarge pictures: `esrgan`; to fill holes in them: `inpaint`.

The pictures of points show eight Gaussians (grey), what a generator makes of them (orange) after the same 300,000 points
in batches of 128, and what the critic thinks of each place: green for real, violet for fake. They were made by `gannet
train --method NAME --data ring --kimg 300 --batch 128`, with the method's own settings: some need far longer, and smooth
critics do not resolve clusters this small. The sheet of `dcgan` is that of its recipe.
";

const RULES: &str = "
## Rules to combine

`custom` and every method of its family (all but `acgan`, `infogan`, `began`, and those that change pictures) take these
settings with `--set method.KEY=VALUE`; `--dry-run` lists them with their values.

| setting | values |
|---|---|
| `loss` | `minimax`, `non-saturating`, `least-squares`, `hinge`, `wasserstein`, `relativistic`, `relativistic-average` |
| `penalty`, `gamma`, `penalty_every` | `none`, `r1`, `r2`, `r1-r2`, `one-centred`, `dragan`; its weight; every so many critic moves |
| `clip`, `lecam`, `consistency` | bound of the critic's weights; weights of the LeCam and consistency penalties |
| `n_critic`, `moves` | critic moves for each generator move; `alternating` or `simultaneous` |
| `label_smoothing`, `instance_noise`, `instance_noise_schedule` | one-sided smoothing; noise on all the critic sees, and its course |
| `feature_matching`, `pack` | weight of matching mean features; samples judged together |
| `condition` (`--cond`) | `none`, `concatenation`, `projection` |
| `augment.kind` (`--aug`) | `noaug`, `diffaug`, `ada`, `fixed` |
| `net.family` | `mlp`, `dcgan`, `resnet`, `r3gan` |
| `net.critic_norm` of `mlp` and `dcgan` | `none`, `batch`, `layer`, `instance`, `spectral`; gradient penalties refuse `batch` |
| `net.critic_gain` of `mlp` | how large the critic's first weights are: about 1.4 with a gradient penalty, 0 (small) without |
| `generator.*`, `critic.*` | `optimizer`, `learning_rate`, `beta_1`, `beta_2`, `schedule`, `warmup_images`, `gradient_clip` |

Two time scales are two values of `learning_rate`.
";

/// The page in Markdown; `has_picture` says of which methods there is one in `docs/images/methods`.
pub fn guide(has_picture: impl Fn(&str) -> bool) -> String {
    let mut page = INTRODUCTION.to_owned();
    for entry in METHODS {
        // Writing to a string cannot fail.
        let _ = write!(
            page,
            "\n## {name}\n\n{summary}.\n\n{advice}\n\nPaper: {paper}.\n",
            name = entry.name,
            summary = capitalized(entry.summary),
            advice = entry.advice,
            paper = entry.paper
        );
        if has_picture(entry.name) {
            let _ = write!(page, "\n<img src=\"../images/methods/{0}.png\" width=\"256\" alt=\"{0}\">\n", entry.name);
        }
    }
    page + RULES
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
