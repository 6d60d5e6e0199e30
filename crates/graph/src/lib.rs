//! The connector: reads a tenant through Microsoft Graph.
//!
//! It signs in to the Microsoft identity platform, reads users, groups and
//! their changes, keeps subscriptions alive and understands notifications.
//! It does not know the database, the PSA, mapping rules, or what anybody does
//! with what it reads: everything it returns is its own plain type.
//!
//! Invariants held here, each by a test:
//! - a bearer token is sent only to the scheme, host and port of the configured cloud;
//! - an answer that is cut short, malformed or has neither next page nor end is an
//!   error, never a shorter list;
//! - time, chance and the network come in through [`Environment`].

pub mod aadsts;
pub mod assignments;
pub mod budget;
mod call;
mod certificate_dates;
pub mod check;
mod check_line;
pub mod client;
pub mod cloud;
pub mod cost;
pub mod credential;
mod cure;
pub mod delta;
mod discovery;
pub mod environment;
pub mod error;
pub mod field;
mod fingerprint;
mod graph_code;
pub mod groups;
mod hashed;
pub mod id_token;
pub mod identity;
mod keys;
pub mod link;
pub mod notification;
pub mod oauth;
pub mod organization;
mod page;
pub mod permission;
pub mod person;
pub mod reqwest_transport;
pub mod retry;
pub mod router_transport;
pub mod selection;
mod send;
pub mod subscription;
pub mod token;
mod token_endpoint;
pub mod transport;
pub mod upn;
pub mod users;
mod watched;
mod wire;
mod wire_group;
mod wire_user;

#[cfg(test)]
mod scripted;

pub use assignments::{AppAssignment, AppAssignments, PrincipalType, ServicePrincipal};
pub use budget::ApplicationBudgets;
pub use check::CheckOptions;
pub use check_line::{CheckLine, CheckOutcome, CheckSubject};
pub use client::{ClientOptions, GraphClient};
pub use cloud::{Cloud, CloudError, CloudName};
pub use cost::Cost;
pub use credential::{ClientCertificate, Credential, CredentialError};
pub use delta::{
    DeltaStart, GroupChange, GroupDeltaPage, GroupDeltaQuery, MemberChange, Next, UserDeltaPage,
};
pub use environment::{
    Clock, Entropy, Environment, OsEntropy, SeededEntropy, SystemClock, TokioClock,
};
pub use error::{GraphError, Kind};
pub use field::Field;
pub use groups::{DirectoryGroup, GroupRefPage, MemberKind, MemberPage, MemberRef, MemberRefPage};
pub use id_token::IdClaims;
pub use identity::{Application, IdentityPlatform, Redeemed, Redemption, Tokens, callback_error};
pub use link::{Link, PageGuard};
pub use notification::{
    ChangeKind, Lifecycle, LifecycleEvent, Notification, NotificationBatch, ResourceKind,
};
pub use oauth::{Authority, AuthorizeOptions, AuthorizeRequest, Prompt};
pub use organization::{Organization, VerifiedDomain};
pub use permission::{Permission, Scopes};
pub use person::{DirectoryUser, Identity, Reason, UserChange};
pub use reqwest_transport::{ReqwestTransport, TransportOptions};
pub use retry::RetryPolicy;
pub use router_transport::RouterTransport;
pub use selection::Selection;
pub use subscription::{
    Creation, OnConflict, Subscription, SubscriptionRequest, SubscriptionResource,
};
pub use token::{TokenSource, TokenVault, VaultError};
pub use transport::{Answer, Transport, TransportError, TransportFailure, post_json};
pub use upn::decode_external_upn;
pub use users::{DeletedUser, UserPage};
pub use watched::Watched;
