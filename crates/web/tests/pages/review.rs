//! `/review`: the questions, side by side, and what is said after an answer.

use http::StatusCode;
use serde_json::json;

use crate::world::{Reply, World};

impl World {
    /// Ada of Northwind, whose address a contact of Southwind has already; the
    /// question's id and the contact's.
    async fn asked(&self) -> (String, String) {
        let connection = self.connect().await;
        let mut accounts = Vec::new();
        for name in ["Northwind", "Southwind"] {
            accounts.push(self.made("/api/v1/accounts", json!({ "name": name })).await);
        }
        let contact = json!({
            "first_name": "Adele", "username": "adele", "email": "ada@contoso.com",
            "account_id": accounts[1],
        });
        let contact = self.made("/api/v1/contacts", contact).await;
        let (group, ada) = (
            self.add_group("Clients").await,
            self.add_person("ada").await,
        );
        self.add_member(group, ada).await;
        let rule = json!({
            "order": 1, "tenant_id": self.tenant, "group_id": group, "kind": "contact",
            "account_id": accounts[0], "security_roles": ["External User"], "name": "Portal users",
        });
        let saved = self.post("/api/v1/mapping-rules", rule).await;
        saved.is(StatusCode::CREATED);
        self.sync(&connection).await;
        let items = self.get("/api/v1/review-items?status=open").await;
        (items.each("id")[0].to_owned(), contact)
    }
}

#[track_caller]
fn says(page: &Reply, what: &[&str]) {
    for text in what {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
}

#[tokio::test]
async fn a_question_shows_both_sides_where_it_is_from_and_what_each_answer_does() {
    let world = World::new().await;
    let (item, contact) = world.asked().await;
    let root = world.root().await;
    let page = world.page(&root, "/review").await;
    page.is(StatusCode::OK);
    says(
        &page,
        &[
            "belongs to another account",
            "Contoso</a>",
            "Portal users</a>",
            "In the directory",
            "Adele",
            "Northwind",
            "Southwind",
            "adele",
            "to nobody",
            "becomes this person&#39;s record",
            "A new contact is made for",
            "gets no record and no access here",
            &format!("/crm/contacts/{contact}"),
        ],
    );
    // A link to nobody: said beside the question, which stays.
    let at = format!("/review/{item}");
    let refused = world.form(&root, &at, "answer=link").await;
    refused.is(StatusCode::UNPROCESSABLE_ENTITY);
    says(
        &refused,
        &[
            "No record is chosen",
            "role=\"alert\"",
            "Choose the record",
            "Adele",
        ],
    );
    let answered = world.page(&root, "/review?status=answered").await;
    says(&answered, &["Nothing was answered yet"]);
}

#[tokio::test]
async fn ignoring_is_confirmed_and_found_again_under_the_answered() {
    let world = World::new().await;
    let (item, _) = world.asked().await;
    let root = world.root().await;
    let at = format!("/review/{item}");
    let done = world.form(&root, &at, "answer=ignore").await;
    let page = world.page(&root, done.header("location").unwrap()).await;
    says(
        &page,
        &[
            "is ignored",
            "role=\"status\"",
            "Nothing waits for an answer",
        ],
    );
    let answered = world.page(&root, "/review?status=answered").await;
    says(
        &answered,
        &["Ignored: no record, no access. Answered by root", "Adele"],
    );
    assert!(!answered.text.contains("name=\"answer\""));
    // Somebody else was first.
    let late = world.form(&root, &at, "answer=create").await;
    late.is(StatusCode::PRECONDITION_FAILED);
    says(&late, &["role=\"alert\"", "under Answered"]);
}

#[tokio::test]
async fn a_link_leads_to_the_run_that_makes_it() {
    let world = World::new().await;
    let (item, contact) = world.asked().await;
    let root = world.root().await;
    let form = format!("answer=link&record_id={contact}");
    let done = world.form(&root, &format!("/review/{item}"), &form).await;
    let run = done.header("location").unwrap();
    let run = json!(run.strip_prefix("/runs/").unwrap());
    world.finished(&run).await;
    let answered = world.page(&root, "/review?status=answered").await;
    says(&answered, &["Linked to ada Tester."]);
}

#[tokio::test]
async fn what_an_answer_would_do_is_planned_first_and_answers_nothing() {
    let world = World::new().await;
    let (item, contact) = world.asked().await;
    let root = world.root().await;
    let at = format!("/review/{item}");
    let link = format!("preview=link&record_id={contact}");
    for (form, words) in [
        (link.as_str(), ["adopted", "Northwind"]),
        ("preview=create", ["created", "ada@contoso.com"]),
    ] {
        let shown = world.form(&root, &at, form).await;
        let plan = world.page(&root, shown.header("location").unwrap()).await;
        plan.is(StatusCode::OK);
        says(&plan, &words);
    }
    let path = format!("/api/v1/review-items/{item}");
    let planned = json!({ "answer": "create" });
    let planned = world
        .post(&format!("{path}/resolve?plan_only=true"), planned)
        .await;
    assert_eq!(planned.is(StatusCode::OK).body["counts"]["create"], 1);
    let nobody = json!({ "answer": "link", "record_id": item });
    let refused = world
        .post(&format!("{path}/resolve?plan_only=true"), nobody)
        .await;
    refused.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
    assert_eq!(
        world.get(&path).await.body["status"],
        "open",
        "nothing is answered"
    );
    let one = world.get(&format!("/api/v1/contacts/{contact}")).await;
    assert_eq!(one.body["username"], "adele");
}
