//! OData query options as the directory part of Graph understands them.
//! Source: "Use query parameters to customize responses" and "Advanced query capabilities on directory objects".

pub(crate) mod filter;
mod filter_parse;
mod lexer;
pub(crate) mod options;
pub(crate) mod order;
pub(crate) mod page;
pub(crate) mod search;
pub(crate) mod select;
