//! The recipes, embedded: settings that gave a reported result.

macro_rules! recipes {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../recipes/", $name, ".toml"))),)+]
    };
}

/// Names and texts.
pub(crate) const RECIPES: &[(&str, &str)] = recipes![
    "brain-pix2pix",
    "emoji-cut",
    "emoji-cyclegan",
    "emoji-pix2pix",
    "emoji-style",
    "fashion-mnist-acgan",
    "fashion-mnist-began",
    "fashion-mnist-biggan",
    "fashion-mnist-cgan",
    "fashion-mnist-custom",
    "fashion-mnist-dcgan",
    "fashion-mnist-dragan",
    "fashion-mnist-hinge",
    "fashion-mnist-infogan",
    "fashion-mnist-inpaint",
    "fashion-mnist-lsgan",
    "fashion-mnist-projection",
    "fashion-mnist-sagan",
    "fashion-mnist-sngan",
    "fashion-mnist-wgan",
    "garment-edges-cyclegan",
    "garment-edges-pix2pix",
    "grid-r3gan",
    "openmoji-pix2pix",
    "openmoji-style",
    "photographs-esrgan",
    "photographs-inpaint",
    "photographs-srgan",
    "ring-r3gan",
    "stacked-mnist-dcgan",
    "stacked-mnist-r3gan",
    "stacked-mnist-wgan-gp",
    "two-clusters-vanilla",
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::RECIPES;

    #[test]
    fn every_recipe_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert_eq!(RECIPES.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
    }
}
