//! The page before something is removed for good: what happens, and a button.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::frame::{Frame, go, page, sentence};
use crate::error::{Problem, Result};

/// The question.
#[derive(Template)]
#[template(path = "confirm.html")]
pub(crate) struct Confirm {
    pub(crate) frame: Frame,
    /// The list it is removed from: title and address.
    pub(crate) list: (&'static str, &'static str),
    /// Where Cancel leads.
    pub(crate) back: String,
    pub(crate) action: String,
    pub(crate) version: Option<i64>,
    pub(crate) says: Vec<String>,
    pub(crate) button: &'static str,
    /// It cannot be removed as things are: no button.
    pub(crate) is_refused: bool,
    pub(crate) failure: Option<(String, Option<String>)>,
}

impl Confirm {
    /// After it was done: to the list; refused: the question again, with why.
    pub(crate) fn done(mut self, done: Result<StatusCode>) -> Result<Response> {
        let problem = match done {
            Ok(_) => return Ok(go(self.list.1)),
            Err(problem) => problem,
        };
        let mendable = [StatusCode::CONFLICT, StatusCode::PRECONDITION_FAILED];
        if !mendable.contains(&problem.status()) {
            return Err(problem);
        }
        self.failure = Some(words(&problem));
        Ok((problem.status(), page(&self)?).into_response())
    }
}

fn words(problem: &Problem) -> (String, Option<String>) {
    let cure = match problem.status() {
        StatusCode::PRECONDITION_FAILED => {
            Some("This is how it is now. Look at it, then press again.".to_owned())
        }
        _ => problem.cure_text().map(str::to_owned),
    };
    (sentence(problem.detail()), cure)
}
