//! How other programs locked everybody out, told again: the sixteen threads of
//! wrongful removal. Each ends with nobody having lost anything wrongly.

use engine::{Mode, RuleDraft, SyncRequest};
use http::Method;
use provisioning::ids::{ConnectionId, RecordId};
use provisioning::psa::{ADMINISTRATOR, Kind, Record, Status};
use serde_json::{Value, json};
use store::runs::{RunRow, RunStatus};
use uuid::Uuid;

use crate::database::both;
use crate::world::{World, actor};

struct Office {
    world: World,
    connection: ConnectionId,
    staff: Uuid,
    people: Vec<Uuid>,
}

impl Office {
    async fn of(people: usize) -> Self {
        let names: Vec<String> = (0..people).map(|n| format!("person{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (world, connection, staff, people) = World::staffed(&names).await;
        Self {
            world,
            connection,
            staff,
            people,
        }
    }

    async fn fault(&self, path: &str, effect: Value, times: u64) {
        let fault = json!({ "match": {"path": path}, "effect": effect, "times": times });
        self.world.control(Method::POST, "faults", fault).await;
    }

    async fn calm(&self) {
        self.world
            .control(Method::DELETE, "faults", Value::Null)
            .await;
    }

    async fn sync(&self, mode: Mode) -> RunRow {
        self.world.sync(self.connection, mode).await
    }

    async fn record(&self, number: usize) -> Record {
        let email = format!("person{number}@contoso.com");
        self.world.by_email(&email).await.unwrap()
    }

    /// Who may sign in.
    async fn inside(&self) -> usize {
        let mut inside = 0;
        for number in 0..self.people.len() {
            let record = self.record(number).await;
            inside += usize::from(record.access && record.status == Status::Active);
        }
        inside
    }

    async fn leave(&self, number: usize) {
        self.world
            .remove_member(self.staff, self.people[number])
            .await;
    }

    async fn delete(&self, number: usize) {
        let path = format!("users/{}", self.people[number]);
        self.world.write(Method::DELETE, &path, Value::Null).await;
    }
}

fn by_hand(world: &World, email: &str, role: &str) -> Record {
    let mut record = Record::blank(RecordId(world.engine.new_id()), Kind::Employee);
    record.first_name = Some("Lo".to_owned());
    record.last_name = Some("Cal".to_owned());
    record.email = Some(email.to_owned());
    record.username = email.split('@').next().map(str::to_owned);
    record.security_roles = vec![role.to_owned()];
    record.access = true;
    record
}

both! {
async fn switching_a_sync_on_removes_nobody_who_was_there_before() {
    let world = World::new().await;
    let mine = world.record(by_hand(&world, "mine@elsewhere.example", "User")).await;
    let staff = world.add_group("staff").await;
    world.add_member(staff, world.add_person("amy").await).await;
    let connection = world.connect().await;
    world.rule(world.employees(staff, 1)).await;
    world.sync_and_approve(connection).await;
    world.sync(connection, Mode::Full).await;
    let mine = world.by_id(mine).await;
    assert_eq!((mine.status, mine.access, mine.version), (Status::Active, true, 1));
}
}

both! {
async fn reading_everything_again_makes_nobody_anew() {
    let office = Office::of(3).await;
    let before = office.record(0).await;
    for _ in 0..3 {
        let run = office.sync(Mode::Full).await;
        assert_eq!((run.status, run.counts.total()), (RunStatus::Done, 0));
    }
    assert_eq!(office.record(0).await, before);
}
}

both! {
async fn a_list_that_ends_in_the_middle_removes_no_member() {
    let office = Office::of(3).await;
    let truncated = json!({"truncate": true});
    office.fault("/v1.0/groups/*/members/*", truncated, 20).await;
    let run = office.sync(Mode::Full).await;
    assert_eq!(run.status, RunStatus::Failed);
    office.calm().await;
    assert_eq!(office.inside().await, 3);
    let run = office.sync(Mode::Full).await;
    assert_eq!((run.status, run.counts.total()), (RunStatus::Done, 0));
}
}

both! {
async fn a_source_that_refuses_to_serve_removes_nobody() {
    let office = Office::of(3).await;
    for (status, mode) in [(500, Mode::Full), (400, Mode::Full), (400, Mode::Delta)] {
        office.fault("/v1.0/**", json!({"status": status}), 8).await;
        let run = office.sync(mode).await;
        assert_eq!(run.status, RunStatus::Failed, "{status}");
        office.calm().await;
        assert_eq!(office.inside().await, 3, "{status}");
    }
}
}

both! {
async fn who_is_left_out_by_a_pattern_is_protected_here_too() {
    let world = World::new().await;
    let svc = world.record(by_hand(&world, "svc-backup@contoso.com", ADMINISTRATOR)).await;
    let before = world.by_id(svc).await;
    let staff = world.add_group("staff").await;
    for name in ["svc-backup", "amy"] {
        world.add_member(staff, world.add_person(name).await).await;
    }
    let connection = world.connect().await;
    let draft = RuleDraft {
        exclude: vec!["svc-*".to_owned()],
        ..world.employees(staff, 1)
    };
    world.rule(draft).await;
    world.sync_and_approve(connection).await;
    assert_eq!(world.by_id(svc).await, before);
    assert!(world.by_email("amy@contoso.com").await.unwrap().access);
}
}

both! {
async fn people_and_their_group_may_go_in_any_order() {
    let office = Office::of(4).await;
    office.delete(0).await;
    let path = format!("groups/{}", office.staff);
    office.world.write(Method::DELETE, &path, Value::Null).await;
    office.delete(1).await;
    for mode in [Mode::Delta, Mode::Full] {
        let run = office.sync(mode).await;
        assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
    }
    assert!(office.record(2).await.access, "the group is gone, and proves nothing");
    assert!(office.record(3).await.access);
}
}

both! {
async fn an_outage_removes_nobody_and_no_roles() {
    let office = Office::of(3).await;
    let before = office.record(1).await;
    for (path, effect) in [
        ("/**", json!({"status": 400})),
        ("/v1.0/groups/**", json!({"status": 403})),
        ("/v1.0/users/**", json!({"status": 403})),
    ] {
        office.fault(path, effect, 100).await;
        for mode in [Mode::Full, Mode::Delta] {
            office.sync(mode).await;
        }
        office.calm().await;
        assert_eq!(office.inside().await, 3, "{path}");
    }
    office.sync(Mode::Full).await;
    assert_eq!(office.record(1).await, before);
}
}

both! {
async fn switching_a_sync_on_leaves_an_administrator() {
    let world = World::new().await;
    let boss = world.record(by_hand(&world, "boss@contoso.com", ADMINISTRATOR)).await;
    let staff = world.add_group("staff").await;
    world.add_member(staff, world.add_person("boss").await).await;
    world.add_member(staff, world.add_person("amy").await).await;
    let connection = world.connect().await;
    world.rule(world.employees(staff, 1)).await;
    world.sync_and_approve(connection).await;
    let boss = world.by_id(boss).await;
    assert!(boss.access && boss.is_administrator(), "{boss:?}");
}
}

both! {
async fn an_empty_directory_removes_nobody() {
    let office = Office::of(3).await;
    let empty = json!({"status": 200, "body": {"value": []}});
    for _ in 0..2 {
        office.fault("/v1.0/groups/*/members*", empty.clone(), 50).await;
        office.fault("/v1.0/groups/*/members/*", empty.clone(), 50).await;
        office.sync(Mode::Full).await;
        office.calm().await;
        assert_eq!(office.inside().await, 3);
        let run = office.sync(Mode::Full).await;
        assert_eq!((run.status, run.counts.total()), (RunStatus::Done, 0));
    }
}
}

both! {
async fn a_leaver_is_deactivated_and_never_deleted() {
    let office = Office::of(3).await;
    let before = office.record(0).await;
    office.delete(0).await;
    office.sync(Mode::Delta).await;
    let after = office.world.by_id(before.id).await;
    assert_eq!((after.status, after.access), (Status::Inactive, false));
    assert_eq!((after.email, after.username), (before.email, before.username));
    assert_eq!(office.inside().await, 2);
}
}

both! {
async fn a_slip_in_a_filter_is_shown_before_anybody_loses() {
    let office = Office::of(12).await;
    let rule = store::mapping_rules::list(office.world.engine.db()).await.unwrap().pop().unwrap();
    let slip = RuleDraft {
        exclude: vec!["*".to_owned()],
        ..office.world.employees(office.staff, 1)
    };
    let engine = &office.world.engine;
    let preview = engine.update_rule(rule.rule.id, slip.clone(), None, true, &actor()).await.unwrap();
    let plan = store::plans::get(engine.db(), preview.change.plan_id.unwrap()).await.unwrap().unwrap();
    assert_eq!(plan.people, 12);
    let saved = engine.update_rule(rule.rule.id, slip, None, false, &actor()).await.unwrap();
    assert!(saved.change.held);
    assert_eq!(office.inside().await, 12);
}
}

both! {
async fn who_is_deleted_is_closed_first_and_comes_back_whole() {
    let office = Office::of(2).await;
    let before = office.record(0).await;
    office.delete(0).await;
    office.sync(Mode::Delta).await;
    let path = format!("directory/deletedItems/{}/restore", office.people[0]);
    office.world.write(Method::POST, &path, Value::Null).await;
    office.sync(Mode::Delta).await;
    let mut back = office.record(0).await;
    back.version = before.version;
    assert_eq!(back, before);
}
}

both! {
async fn overwriting_with_an_empty_answer_overwrites_nothing() {
    let office = Office::of(3).await;
    let empty = json!({"status": 200, "body": {"value": []}});
    office.fault("/v1.0/groups/*/members/*", empty, 50).await;
    let request = SyncRequest { mode: Mode::Full, reapply: true, plan_only: false };
    let engine = &office.world.engine;
    let run = engine.sync(office.connection, request, &actor()).await.unwrap();
    engine.run_to_end(run).await.unwrap();
    office.calm().await;
    assert_eq!(office.inside().await, 3);
}
}

both! {
async fn a_breaker_that_trips_lets_the_right_work_through_when_asked() {
    let office = Office::of(12).await;
    for number in 0..8 {
        office.leave(number).await;
    }
    let run = office.sync(Mode::Delta).await;
    assert_eq!(run.status, RunStatus::Held);
    assert_eq!(office.inside().await, 12, "held whole");
    let run = office.world.approve(run.id).await;
    assert_eq!(run.status, RunStatus::Done);
    assert_eq!(office.inside().await, 4);
}
}

both! {
async fn who_is_gone_already_counts_towards_no_limit() {
    let office = Office::of(12).await;
    for number in 0..5 {
        office.delete(number).await;
    }
    let run = office.sync(Mode::Delta).await;
    assert_eq!(run.status, RunStatus::Done, "as many as are allowed");
    let path = format!("tenants/{}/purge", office.world.tenant);
    office.world.control(Method::POST, &path, json!({})).await;
    for mode in [Mode::Delta, Mode::Full, Mode::Full] {
        let run = office.sync(mode).await;
        assert_eq!(run.status, RunStatus::Done, "{:?}", run.hold);
    }
    assert_eq!(office.inside().await, 7);
}
}

both! {
async fn purged_people_stay_as_records() {
    let office = Office::of(2).await;
    let before = office.record(0).await;
    office.delete(0).await;
    let path = format!("tenants/{}/purge", office.world.tenant);
    office.world.control(Method::POST, &path, json!({})).await;
    for mode in [Mode::Delta, Mode::Full, Mode::Full] {
        office.sync(mode).await;
    }
    let after = office.world.by_id(before.id).await;
    assert_eq!((after.status, after.access), (Status::Inactive, false));
    assert_eq!(after.email, before.email);
}
}
