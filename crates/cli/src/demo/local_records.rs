//! What a PSA has before it is ever connected: accounts, some employees and
//! contacts, tickets and invoices that refer to them. Their addresses are those
//! of people in the directories, so the first sync adopts them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::api::{Api, text};
use super::world::World;

/// Employees: first name, last name, job title, security role.
const EMPLOYEES: &[(&str, &str, &str, &str)] = &[
    ("Ada", "Lindgren", "Managing Director", "Administrator"),
    ("Priya", "Raman", "Accounts", "Finance Manager"),
    ("Ingrid", "Solberg", "Engineer", "User"),
    ("Sofia", "Costa", "Engineer", "User"),
];

/// Contacts: the account's domain, first name, last name, what they wrote about.
const CONTACTS: &[(&str, &str, &str, &str)] = &[
    (
        "lakesidedental.example",
        "Anna",
        "Lind",
        "X-ray workstation freezes",
    ),
    (
        "lakesidedental.example",
        "Hugh",
        "Sterling",
        "Cannot print labels",
    ),
    (
        "lakesidedental.example",
        "Ivy",
        "Chambers",
        "New mailbox for reception",
    ),
    (
        "brandtlogistics.example",
        "Karl",
        "Brandt",
        "Scanner in gate 4 offline",
    ),
    (
        "brandtlogistics.example",
        "Rolf",
        "Stein",
        "VPN drops every hour",
    ),
    (
        "brandtlogistics.example",
        "Sven",
        "Adler",
        "Laptop for the night dispatcher",
    ),
    (
        "orchardschools.example",
        "Abel",
        "Wood",
        "Projector in room 12",
    ),
    (
        "orchardschools.example",
        "Dora",
        "Hill",
        "Reset of the pupils' passwords",
    ),
    (
        "orchardschools.example",
        "Edith",
        "Brook",
        "Wi-Fi in the gym",
    ),
    (
        "meridianlegal.example",
        "Adele",
        "Roche",
        "Retention of closed matters",
    ),
    (
        "meridianlegal.example",
        "Dorian",
        "Wolfe",
        "Shared calendar is empty",
    ),
    (
        "meridianlegal.example",
        "Esme",
        "Calder",
        "Dictation software licence",
    ),
];

/// A contact that is filed under the wrong account: a question for a person.
const MISFILED: (&str, &str, &str, &str) = (
    "meridianlegal.example",
    "Willi",
    "Arndt",
    "willi.arndt@brandtlogistics.example",
);

/// Makes them; gives the accounts' ids by tenant id.
pub(super) async fn make(api: &Api, world: &World) -> Result<BTreeMap<String, String>> {
    let mut accounts = BTreeMap::new();
    let mut by_domain = BTreeMap::new();
    for tenant in world.tenants.iter().filter(|tenant| !tenant.is_msp) {
        let made = api
            .post("/accounts", &json!({ "name": tenant.name }))
            .await?;
        let id = text(&made, "id")?.to_owned();
        by_domain.insert(tenant.domain.as_str(), id.clone());
        accounts.insert(tenant.id.clone(), id);
    }
    let msp = world.tenants.first().context("the world has no tenant")?;
    let employees = employees(api, &msp.domain).await?;
    let director = employees.first().context("there is no employee")?;
    api.put(
        "/employee-defaults",
        &json!({
            "department": "Operations", "location": "Harbour House", "manager_id": director,
            "job_title": "Employee", "employment_type": "Full Time", "security_role": "User",
            "employee_role": "Technician",
        }),
    )
    .await?;
    let engineer = employees.get(2).context("there is no engineer")?;
    for (number, (domain, first, last, subject)) in CONTACTS.iter().enumerate() {
        let account = &by_domain[domain];
        let email = address(first, last, domain);
        let contact = contact(api, account, first, last, &email).await?;
        let ticket = json!({
            "title": subject, "contact_id": contact, "account_id": account, "assignee_id": engineer,
        });
        api.post("/tickets", &ticket).await?;
        let invoice = json!({
            "number": format!("INV-{}", 1001 + number), "account_id": account,
            "contact_id": contact, "amount": format!("{}.50", 120 + 35 * number),
            "currency": "GBP", "status": if number % 3 == 0 { "paid" } else { "sent" },
        });
        api.post("/invoices", &invoice).await?;
    }
    let (domain, first, last, email) = MISFILED;
    contact(api, &by_domain[domain], first, last, email).await?;
    Ok(accounts)
}

fn address(first: &str, last: &str, domain: &str) -> String {
    format!("{first}.{last}@{domain}").to_lowercase()
}

fn id(value: &Value) -> Result<String> {
    Ok(text(value, "id")?.to_owned())
}

async fn employees(api: &Api, domain: &str) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for (first, last, title, role) in EMPLOYEES {
        let employee = json!({
            "first_name": first, "last_name": last, "job_title": title,
            "username": format!("{first}{last}").to_lowercase(),
            "email": address(first, last, domain), "department": "Operations",
            "location": "Harbour House", "employment_type": "Full Time",
            "security_roles": [role], "employee_roles": ["Technician"],
        });
        ids.push(id(&api.post("/employees", &employee).await?)?);
    }
    Ok(ids)
}

async fn contact(api: &Api, account: &str, first: &str, last: &str, email: &str) -> Result<String> {
    let contact = json!({
        "account_id": account, "first_name": first, "last_name": last, "email": email,
    });
    id(&api.post("/contacts", &contact).await?)
}
