//! Several small tenants in one emulator, whose people get new titles.

use std::collections::BTreeMap;
use std::sync::Mutex;

use http::Method;
use serde_json::{Value, json};

use crate::directory::{Microsoft, applications};

/// People in each tenant, all in its one group.
pub(crate) const PEOPLE: usize = 3;

/// One tenant.
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) domain: String,
    /// The group all are in.
    pub(crate) group: String,
    token: String,
    people: BTreeMap<String, String>,
}

/// Them all.
pub(crate) struct Tenants {
    pub(crate) microsoft: Microsoft,
    pub(crate) all: Vec<Tenant>,
    /// By email: the title, and how often it changed.
    titles: Mutex<BTreeMap<String, (String, u64)>>,
}

impl Tenants {
    pub(crate) async fn new(count: usize) -> Self {
        let names: Vec<(String, String)> = (1..=count)
            .map(|n| {
                let id = format!("5b1d2c40-1a6e-4d0f-9a33-0f1c9d1e{n:04}");
                (id, format!("tenant{n}.example"))
            })
            .collect();
        let tenants: Vec<Value> = names
            .iter()
            .map(|(id, domain)| scenario(id, domain))
            .collect();
        let ids: Vec<&str> = names.iter().map(|(id, _)| id.as_str()).collect();
        let scenario = json!({ "tenants": tenants, "apps": applications(&ids) });
        let microsoft = Microsoft::new(&scenario).await;
        let (mut all, mut titles) = (Vec::new(), BTreeMap::new());
        for (id, domain) in names {
            let mut people = microsoft.ids(&id).await;
            let group = people.remove("Staff").unwrap();
            people.retain(|name, _| name.ends_with(&domain));
            for name in people.keys() {
                titles.insert(name.clone(), ("Engineer".to_owned(), 0));
            }
            let token = microsoft.token(&id).await;
            all.push(Tenant {
                id,
                domain,
                group,
                token,
                people,
            });
        }
        Self {
            microsoft,
            all,
            titles: Mutex::new(titles),
        }
    }

    pub(crate) fn titles(&self) -> BTreeMap<String, (String, u64)> {
        self.titles.lock().unwrap().clone()
    }

    /// The first person of each of these tenants gets a title.
    pub(crate) async fn promote(&self, tenants: &[usize], title: &str) {
        self.entitle(tenants, 1, title).await;
    }

    /// One person of each of these tenants, counted from 1, gets a title.
    pub(crate) async fn entitle(&self, tenants: &[usize], person: usize, title: &str) {
        for tenant in tenants {
            let tenant = &self.all[*tenant];
            let (name, id) = tenant.people.iter().nth(person - 1).unwrap();
            let path = format!("users/{id}");
            let change = json!({ "jobTitle": title });
            self.microsoft
                .graph(&tenant.token, Method::PATCH, &path, change)
                .await;
            let mut titles = self.titles.lock().unwrap();
            let (now, changes) = titles.get_mut(name).unwrap();
            *now = title.to_owned();
            *changes += 1;
        }
    }

    /// The next answer about a tenant's people is late; waits until somebody
    /// waits for it.
    pub(crate) async fn keep_somebody_waiting(&self, tenant: usize, seconds: u32) {
        let fault = json!({
            "match": { "path": "/v1.0/users/delta*", "tenant": self.all[tenant].id },
            "effect": { "delay": f64::from(seconds) },
        });
        let fault = self.microsoft.control("faults", Some(&fault)).await;
        for _ in 0..200 {
            let faults = self.microsoft.control("faults", None).await;
            let all = faults["items"].as_array().unwrap();
            let planned = all.iter().find(|one| one["id"] == fault["id"]).unwrap();
            if planned["fired"] != 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        panic!("nobody asks about tenant {tenant}");
    }
}

fn scenario(id: &str, domain: &str) -> Value {
    let upn = |n: usize| format!("p{n}@{domain}");
    let people: Vec<Value> = (1..=PEOPLE)
        .map(|n| {
            json!({
                "displayName": format!("Person {n}"), "givenName": "Person",
                "surname": format!("Number {n}"), "userType": "Member",
                "userPrincipalName": upn(n), "mail": upn(n), "jobTitle": "Engineer",
            })
        })
        .collect();
    let members: Vec<String> = (1..=PEOPLE).map(upn).collect();
    let label = domain.split('.').next().unwrap();
    json!({
        "domain": format!("{label}.onmicrosoft.com"), "tenant_id": id,
        "display_name": label, "verified_domains": [domain],
        "people": people,
        "groups": [{ "displayName": "Staff", "members": members }],
    })
}
