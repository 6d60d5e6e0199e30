//! The emulator in its own process, and a generated tenant in it.

use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use uuid::Uuid;

/// The application of the benchmark.
pub(crate) const APPLICATION: Uuid = Uuid::from_u128(0xa99);
/// Its secret.
pub(crate) const SECRET: &str = "benchmark";

/// A running emulator; it ends with this value.
pub(crate) struct Emulator {
    _child: Child,
    base: String,
    http: reqwest::Client,
    made: AtomicU64,
}

/// A tenant with people in groups.
pub(crate) struct World {
    /// The emulator's address.
    pub(crate) base: String,
    /// The tenant.
    pub(crate) tenant: Uuid,
    /// Its groups.
    pub(crate) groups: Vec<Uuid>,
    /// How many people.
    pub(crate) people: u64,
    http: reqwest::Client,
}

impl Emulator {
    /// Starts the binary beside this one.
    #[allow(clippy::disallowed_methods)] // the benchmark's own client
    pub(crate) async fn start() -> Result<Self> {
        let path = std::env::current_exe()?.with_file_name("graph-emulator");
        let mut child = Command::new(&path)
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} (build it with the same profile)", path.display()))?;
        let stdout = child.stdout.take().context("the emulator has no output")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        let line: Value = serde_json::from_str(&line.context("the emulator said nothing")?)?;
        let base = line["base_url"].as_str().context("no base_url")?.to_owned();
        Ok(Self {
            _child: child,
            base,
            http: reqwest::Client::new(),
            made: AtomicU64::new(0),
        })
    }

    /// Makes a tenant with people, each in one of the groups.
    pub(crate) async fn tenant(&self, people: u64, groups: u64) -> Result<World> {
        self.generated(people, groups, people.div_ceil(groups))
            .await
    }

    /// Makes a tenant with people and groups of so many of them.
    pub(crate) async fn generated(&self, people: u64, groups: u64, each: u64) -> Result<World> {
        let world = self.made(people, groups, each).await?;
        self.register(&[world.tenant]).await?;
        Ok(world)
    }

    /// Makes many tenants of one group each; the application is known in all.
    pub(crate) async fn tenants(&self, count: u64, people: u64) -> Result<Vec<World>> {
        let mut worlds = Vec::new();
        for _ in 0..count {
            worlds.push(self.made(people, 1, people).await?);
        }
        let tenants: Vec<Uuid> = worlds.iter().map(|world| world.tenant).collect();
        self.register(&tenants).await?;
        Ok(worlds)
    }

    async fn register(&self, tenants: &[Uuid]) -> Result<()> {
        let app = json!({
            "app_id": APPLICATION, "secret": SECRET, "redirect_uris": [], "tenants": tenants,
            "delegated": [],
            "application": [
                "Directory.Read.All", "Group.Read.All", "User.Read.All", "User.ReadWrite.All",
            ],
        });
        self.control("apps", app).await?;
        Ok(())
    }

    async fn made(&self, people: u64, groups: u64, each: u64) -> Result<World> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let name = format!("contoso{number}");
        let made = self
            .control(
                "tenants",
                json!({
                    "domain": format!("{name}.onmicrosoft.com"), "display_name": "Contoso",
                    "verified_domains": [format!("{name}.com")],
                }),
            )
            .await?;
        let tenant: Uuid = made["tenant_id"]
            .as_str()
            .context("no tenant_id")?
            .parse()?;
        let patch = self
            .http
            .patch(format!("{}/emulator/v1/switches", self.base));
        patch
            .json(&json!({"throttling": false}))
            .send()
            .await?
            .error_for_status()?;
        let generate = json!({
            "people": people, "groups": groups, "seed": number + 1,
            "members_per_group": each,
        });
        let made = self
            .control(&format!("tenants/{tenant}/generate"), generate)
            .await?;
        let groups: Vec<Uuid> = serde_json::from_value(made["group_ids"].clone())?;
        Ok(World {
            base: self.base.clone(),
            tenant,
            groups,
            people,
            http: self.http.clone(),
        })
    }

    /// How many requests the emulator has answered since they were forgotten.
    pub(crate) async fn requests(&self) -> Result<u64> {
        let url = format!("{}/emulator/v1/requests", self.base);
        let answer: Value = self.http.get(url).send().await?.json().await?;
        let items = answer["items"].as_array();
        Ok(items.context("no requests")?.len() as u64)
    }

    /// Makes every request to Graph take so long.
    pub(crate) async fn answer_after(&self, milliseconds: u64) -> Result<()> {
        let url = format!("{}/emulator/v1/faults", self.base);
        self.http.delete(url).send().await?.error_for_status()?;
        if milliseconds > 0 {
            let delay = milliseconds as f64 / 1_000.0;
            let fault = json!({
                "match": { "path": "/v1.0/**" }, "effect": { "delay": delay }, "times": 1_000_000_000,
            });
            self.control("faults", fault).await?;
        }
        Ok(())
    }

    /// Empties the emulator's log of requests.
    pub(crate) async fn forget_requests(&self) -> Result<()> {
        let url = format!("{}/emulator/v1/requests", self.base);
        self.http.delete(url).send().await?.error_for_status()?;
        Ok(())
    }

    async fn control(&self, path: &str, body: Value) -> Result<Value> {
        let url = format!("{}/emulator/v1/{path}", self.base);
        let answer = self.http.post(url).json(&body).send().await?;
        if !answer.status().is_success() {
            bail!("{path}: {} {}", answer.status(), answer.text().await?);
        }
        Ok(answer.json().await?)
    }
}

impl World {
    /// Some people's ids, for single changes.
    pub(crate) async fn some_people(&self, token: &str, count: u32) -> Result<Vec<Uuid>> {
        let url = format!(
            "{}/v1.0/users?$select=id&$top={}",
            self.base,
            count.min(999)
        );
        let page: Value = self
            .http
            .get(url)
            .bearer_auth(token)
            .send()
            .await?
            .json()
            .await?;
        let items = page["value"].as_array().context("no people")?;
        let ids = items
            .iter()
            .filter_map(|item| item["id"].as_str()?.parse().ok());
        Ok(ids.collect())
    }

    /// A token that may write, as any administrator's program would get it.
    pub(crate) async fn token(&self) -> Result<String> {
        let url = format!("{}/{}/oauth2/v2.0/token", self.base, self.tenant);
        let scope = format!("{}/.default", self.base);
        let id = APPLICATION.to_string();
        let form = [
            ("client_id", id.as_str()),
            ("client_secret", SECRET),
            ("grant_type", "client_credentials"),
            ("scope", scope.as_str()),
        ];
        let answer: Value = self.http.post(url).form(&form).send().await?.json().await?;
        Ok(answer["access_token"]
            .as_str()
            .context("no token")?
            .to_owned())
    }

    /// Changes one person's job title through Graph.
    pub(crate) async fn change(&self, token: &str, person: Uuid, title: &str) -> Result<()> {
        let url = format!("{}/v1.0/users/{person}", self.base);
        let patch = self
            .http
            .patch(url)
            .bearer_auth(token)
            .json(&json!({"jobTitle": title}));
        patch.send().await?.error_for_status()?;
        Ok(())
    }
}
