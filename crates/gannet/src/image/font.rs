//! The letters of plots, which are built in.

/// Has plots find a font, or says why they have none.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn register_font() -> Result<(), String> {
    use plotters::style::{FontStyle, register_font};
    register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular())
        .map_err(|_| "the font cannot be read".into())
}

/// In a browser, where nothing is plotted, letters would be the page's.
#[cfg(target_arch = "wasm32")]
pub(crate) fn register_font() -> Result<(), String> {
    Err("plots have no letters here".into())
}
