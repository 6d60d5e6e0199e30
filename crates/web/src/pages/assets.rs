//! The style sheet, the script and the icon, under names that change with their content
//! and may be kept for ever.

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use rust_embed::Embed;

use crate::error::{Problem, Result};

#[derive(Embed)]
#[folder = "assets/"]
struct Assets;

fn tag(file: &rust_embed::EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    hash.iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Where a file is served.
pub(crate) fn address(name: &str) -> String {
    match (Assets::get(name), name.rsplit_once('.')) {
        (Some(file), Some((stem, ending))) => format!("/assets/{stem}.{}.{ending}", tag(&file)),
        _ => format!("/assets/{name}"),
    }
}

/// Serves a file under its address only.
pub(crate) async fn show(Path(name): Path<String>) -> Result<Response> {
    let found = Assets::iter().find(|known| address(known) == format!("/assets/{name}"));
    let file = found.and_then(|known| Assets::get(&known));
    let file = file.ok_or_else(|| Problem::not_found("file"))?;
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let headers = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, file.data.into_owned()).into_response())
}
