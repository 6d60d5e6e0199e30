//! How a failure is told on standard error, and which exit code it gives.

use std::process::ExitCode;

use engine::{Class, EngineError};
use serde_json::{Value, json};

use crate::output::{self, Output};

/// A failure of the command line itself.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Told {
    message: String,
    cure: Option<String>,
    is_wrong_use: bool,
}

/// Something the caller did wrong: exit code 2.
pub(crate) fn wrong_use(message: impl Into<String>) -> anyhow::Error {
    told(message.into(), None, true)
}

/// Something the caller did wrong, and how to do it right: exit code 2.
pub(crate) fn wrong_use_curable(
    message: impl Into<String>,
    cure: impl Into<String>,
) -> anyhow::Error {
    told(message.into(), Some(cure.into()), true)
}

/// Something that failed, and how to mend it: exit code 1.
pub(crate) fn curable(message: impl Into<String>, cure: impl Into<String>) -> anyhow::Error {
    told(message.into(), Some(cure.into()), false)
}

fn told(message: String, cure: Option<String>, is_wrong_use: bool) -> anyhow::Error {
    Told {
        message,
        cure,
        is_wrong_use,
    }
    .into()
}

fn told_in(error: &anyhow::Error) -> Option<&Told> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

fn engine_in(error: &anyhow::Error) -> Option<&EngineError> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

fn is_wrong_use(error: &anyhow::Error) -> bool {
    told_in(error).is_some_and(|told| told.is_wrong_use)
        || engine_in(error).is_some_and(|error| error.class == Class::Invalid)
}

fn cure(error: &anyhow::Error) -> Option<&str> {
    let told = told_in(error).and_then(|told| told.cure.as_deref());
    told.or_else(|| engine_in(error).and_then(|error| error.cure.as_deref()))
}

/// The causes of an error, each said once.
fn sentences(error: &anyhow::Error) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if !said.iter().any(|earlier| earlier.contains(&text)) {
            said.push(text);
        }
    }
    said
}

fn as_json(error: &anyhow::Error) -> Value {
    let engine = engine_in(error);
    let ours = if is_wrong_use(error) {
        "wrong_use"
    } else {
        "failed"
    };
    json!({ "error": {
        "code": engine.map_or(ours, |error| error.code),
        "message": sentences(error).join(": "),
        "cure": cure(error),
        "detail": engine.and_then(|error| error.detail.as_ref()),
    } })
}

/// Tells it and gives the exit code.
pub(crate) fn report(error: &anyhow::Error, output: Output) -> ExitCode {
    if output.is_json() {
        output::note(&as_json(error).to_string());
    } else {
        let mut text = format!("error: {}", sentences(error).join("\n  because: "));
        if let Some(cure) = cure(error) {
            text.push_str("\n  cure: ");
            text.push_str(cure);
        }
        output::note(&text);
    }
    ExitCode::from(if is_wrong_use(error) { 2 } else { 1 })
}
