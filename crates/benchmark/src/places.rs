//! Databases for one measurement, gone afterwards.

use std::cell::RefCell;

use anyhow::Result;
use store::{Db, Options};

use crate::measure::Place;

/// Where databases are made.
pub(crate) struct Places {
    folder: tempfile::TempDir,
    server: Option<String>,
    made: RefCell<Vec<String>>,
}

impl Places {
    /// SQLite files, or databases of a PostgreSQL server.
    pub(crate) fn new(server: Option<String>) -> Result<Self> {
        Ok(Self {
            folder: tempfile::tempdir()?,
            server,
            made: RefCell::default(),
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.server {
            Some(_) => "postgres",
            None => "sqlite",
        }
    }

    /// An empty database.
    pub(crate) async fn make(&self, purpose: &str) -> Result<Place> {
        let Some(server) = &self.server else {
            return Ok(Place::file(
                self.folder.path().join(format!("{purpose}.db")),
            ));
        };
        let name = format!("rollcall_benchmark_{}_{purpose}", std::process::id());
        let admin = Db::open(&Options::new(server)).await?;
        for text in [
            format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            format!("CREATE DATABASE {name}"),
        ] {
            admin.source().rows(text, Vec::new()).await?;
        }
        admin.close().await;
        let mut url = url::Url::parse(server)?;
        url.set_path(&name);
        self.made.borrow_mut().push(name);
        Ok(Place::server(url.into()))
    }

    /// Drops what was made on the server; files go by themselves.
    pub(crate) async fn drop_all(&self) -> Result<()> {
        let Some(server) = &self.server else {
            return Ok(());
        };
        let admin = Db::open(&Options::new(server)).await?;
        let made: Vec<String> = self.made.borrow_mut().drain(..).collect();
        for name in made {
            let text = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            admin.source().rows(text, Vec::new()).await?;
        }
        admin.close().await;
        Ok(())
    }
}
