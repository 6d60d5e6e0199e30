//! A progress bar on a terminal, silence elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar of `length` steps; a spinner when there is no length.
pub(crate) fn bar(length: Option<u64>) -> ProgressBar {
    // stderr() draws nothing when it is no terminal.
    let target = ProgressDrawTarget::stderr();
    let bar = ProgressBar::with_draw_target(length, target);
    let template = match length {
        Some(_) => "{spinner} [{elapsed_precise}] {wide_bar} {pos}/{len} {msg}",
        None => "{spinner} [{elapsed_precise}] {msg}",
    };
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
