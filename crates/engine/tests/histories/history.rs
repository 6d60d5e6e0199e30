//! One history: a world is made once, perturbed three ways under faults, and
//! judged each time the faults stop.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use engine::{Mode, RuleDraft, SyncRequest};
use http::Method;
use provisioning::defaults::EmployeeDefaults;
use provisioning::field::{Field, Value};
use provisioning::ids::RecordId;
use provisioning::psa::{Kind, Status};
use serde_json::json;
use store::runs::{RunRow, RunStatus};
use store::{mapping_rules, plans, runs};
use uuid::Uuid;

use crate::by_hand;
use crate::chance::Chance;
use crate::directory;
use crate::fault::{Doing, Fault};
use crate::model::{DEFAULT_TITLE, Judge, Outcome, Rule, State, Verdict};
use crate::oracles::{self, Replay};
use crate::planted::Plant;
use crate::truth::Truth;
use crate::world::{Shape, World, actor};

/// What may be found wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Oracle {
    /// The state is what the world, the rules and the edits make of it.
    State,
    /// Nobody loses anything without the world's word.
    Loss,
    /// No write outside the connection's authority.
    Authority,
    /// Planning again gives nothing.
    Idle,
    /// The journal replays to the state, and its seals hold.
    Journal,
    /// Requests are bounded.
    Requests,
    /// A local edit stands until that person changes.
    LocalEdit,
    /// Explanations re-evaluate to the values.
    Explanation,
    /// Undo returns the state.
    Undo,
}

/// The most requests one step may need: a full read of a small world, every
/// one of them tried as often as the client tries.
const MOST_REQUESTS: u64 = 400;

/// What came of a history.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) wrong: Vec<(Oracle, String)>,
    pub(crate) cells: BTreeSet<(Fault, Doing)>,
    pub(crate) log: Vec<String>,
    pub(crate) most_requests: u64,
    /// How often an outcome was judged, by what it was.
    pub(crate) judged: BTreeMap<&'static str, u64>,
    /// The end, for comparing databases.
    pub(crate) state: State,
}

pub(crate) struct History {
    pub(crate) world: World,
    pub(crate) chance: Chance,
    pub(crate) judge: Judge,
    pub(crate) replay: Replay,
    pub(crate) report: Report,
    pub(crate) known: BTreeSet<RecordId>,
    pub(crate) edits: Vec<(Uuid, RecordId, Field, Option<Value>)>,
    late: Vec<Bytes>,
    /// A refused sign-in is remembered by the client until a collect has told
    /// the connection; only then is it tried again.
    signed_out: bool,
    plant: Option<Plant>,
}

/// Lives through one history.
pub(crate) async fn live(seed: u64, database: Option<&str>, plant: Option<Plant>) -> Report {
    let mut chance = Chance::new(seed);
    let mut shape = Shape::of(seed, &mut chance);
    if let Some(plant) = plant {
        plant.shape(&mut shape);
    }
    let mut history = History::begin(shape, chance, database, plant).await;
    history.say(format!("{shape:?}"));
    history.found().await;
    history.step(Doing::FirstSync).await;
    history.settle().await;
    let rounds = 2 + history.chance.below(3);
    for round in 0..rounds {
        history.say(format!("-- round {round}"));
        let events = 3 + history.chance.below(6);
        for _ in 0..events {
            history.event().await;
            if !history.report.wrong.is_empty() {
                return history.report;
            }
        }
        history.settle().await;
        if !history.report.wrong.is_empty() {
            return history.report;
        }
    }
    crate::taking_back::judge(&mut history).await;
    history.report
}

impl History {
    /// A connected tenant with nobody in it.
    pub(crate) async fn begin(
        shape: Shape,
        chance: Chance,
        database: Option<&str>,
        plant: Option<Plant>,
    ) -> Self {
        Self {
            world: World::new(shape, database).await,
            judge: Judge::new(shape.on_disabled, shape.may_employ),
            chance,
            replay: Replay::default(),
            report: Report::default(),
            known: BTreeSet::new(),
            edits: Vec::new(),
            late: Vec::new(),
            signed_out: false,
            plant,
        }
    }

    /// One employee by one rule, synced: with the rule's draft and the person.
    pub(crate) async fn staffed(notifications: bool) -> (Self, RuleDraft, Uuid) {
        let mut chance = Chance::new(3);
        let shape = Shape {
            notifications,
            tight_limits: false,
            may_employ: true,
            ..Shape::of(3, &mut chance)
        };
        let mut history = Self::begin(shape, chance, Some("sqlite::memory:"), None).await;
        let staff = directory::add_group(&history.world, "staff").await;
        let mut own = Chance::new(1);
        let amy = directory::add_person(&history.world, "amy@contoso.com", &mut own).await;
        directory::add_member(&history.world, staff, amy).await;
        let draft = history.draft(Kind::Employee, staff, 1);
        let engine = history.world.engine.clone();
        engine
            .create_rule(draft.clone(), false, &actor())
            .await
            .unwrap();
        assert!(history.complete(Mode::Full).await);
        (history, draft, amy)
    }

    pub(crate) fn plant(&self) -> Option<Plant> {
        self.plant
    }

    pub(crate) fn say(&mut self, what: String) {
        self.report.log.push(what);
    }

    pub(crate) fn wrong(&mut self, oracle: Oracle, what: impl IntoIterator<Item = String>) {
        let what = what.into_iter().map(|what| (oracle, what));
        self.report.wrong.extend(what);
    }

    /// People, groups, memberships, local records, rules.
    async fn found(&mut self) {
        let mut groups = Vec::new();
        for name in ["staff", "clients", "extra", "inner"] {
            groups.push(directory::add_group(&self.world, name).await);
        }
        if self.chance.one_in(2) {
            directory::add_member(&self.world, groups[0], groups[3]).await;
        }
        let names = ["ann", "bob", "cat", "dan", "eve", "fay", "gus"];
        let many = 4 + self.chance.below(4);
        for name in names.iter().take(many) {
            let upn = format!("{name}@contoso.com");
            let person = directory::add_person(&self.world, &upn, &mut self.chance).await;
            for group in &groups {
                if self.chance.one_in(3) {
                    directory::add_member(&self.world, *group, person).await;
                }
            }
            if self.chance.one_in(6) {
                self.local_record(&upn, name).await;
            }
        }
        for (id, crowd) in Truth::read(&self.world).await.groups {
            self.say(format!("group {id}: {:?}", crowd.members));
        }
        self.local_record("nobody@elsewhere.example", "nobody")
            .await;
        let defaults = EmployeeDefaults {
            department: Some("Service".to_owned()),
            location: Some("Main".to_owned()),
            manager_id: None,
            job_title: Some(DEFAULT_TITLE.to_owned()),
            employment_type: Some("Full-time".to_owned()),
            security_role: Some("User".to_owned()),
            employee_role: Some("Technician".to_owned()),
        };
        let engine = self.world.engine.clone();
        engine
            .put_defaults(defaults, false, &actor())
            .await
            .unwrap();
        let kinds = [Kind::Employee, Kind::Contact, Kind::Employee];
        for (at, kind) in kinds.into_iter().enumerate() {
            let draft = self.draft(kind, groups[at], 1 + at as i64);
            engine.create_rule(draft, false, &actor()).await.unwrap();
            self.world.advance(2);
        }
        self.read_rules().await;
        let rules = self.judge.rules.clone();
        for rule in rules {
            self.say(format!("{rule:?}"));
        }
        self.observe().await;
        self.judge.expected = self.state().await;
    }

    async fn local_record(&mut self, email: &str, name: &str) {
        let kind = [Kind::Employee, Kind::Contact][self.chance.below(2)];
        let account = self.chance.pick(&self.world.accounts);
        let account = account.filter(|_| kind == Kind::Contact);
        let record = by_hand::local(&self.world.engine, kind, email, account, name);
        by_hand::write(&self.world.engine, None, &record, "create").await;
        self.say(format!("{email} is {kind:?} {} by hand", record.id));
        self.known.insert(record.id);
    }

    async fn event(&mut self) {
        match self.chance.below(10) {
            0..=4 => self.perturb().await,
            5 => self.edit_by_hand().await,
            6 => self.step(Doing::Rule).await,
            7 => self.step(Doing::Full).await,
            _ => self.step(Doing::Delta).await,
        }
    }

    pub(crate) async fn perturb(&mut self) {
        let truth = self.judge.truth.clone();
        if let Some(said) = directory::perturb(&self.world, &truth, &mut self.chance).await {
            self.say(said);
        }
        self.world.advance(1);
        self.observe().await;
    }

    /// Tells the judge what the directory holds now.
    pub(crate) async fn observe(&mut self) {
        let truth = Truth::read(&self.world).await;
        self.judge.note(truth);
    }

    pub(crate) async fn state(&self) -> State {
        let known: Vec<RecordId> = self.known.iter().copied().collect();
        oracles::state(&self.world.engine, self.world.connection, &known).await
    }

    /// A field of a synced record is edited by somebody whose person is quiet.
    async fn edit_by_hand(&mut self) {
        let quiet: Vec<Uuid> = self
            .judge
            .expected
            .links
            .keys()
            .copied()
            .filter(|person| self.judge.is_quiet(*person))
            .collect();
        let Some(person) = self.chance.pick(&quiet) else {
            return;
        };
        let Some(Outcome::Here {
            enabled: true,
            verdict: Verdict::Wins(_),
        }) = self.judge.outcomes[&person].last()
        else {
            return;
        };
        let id = self.judge.expected.links[&person].link.record_id;
        let state = self.state().await;
        let before = state.records[&id].clone();
        if before.status != Status::Active || !before.access {
            return;
        }
        let mut after = before.clone();
        let number = self.chance.below(999);
        let field = match self.chance.below(7) {
            0 | 1 => Field::JobTitle,
            2 => Field::Phone,
            3 => Field::FirstName,
            4 => Field::LastName,
            5 => Field::Status,
            _ => Field::Department,
        };
        if field == Field::Status {
            after.status = Status::Inactive;
            after.access = false;
            after.access_reason = Some("by_hand".to_owned());
            self.judge.by_hand.insert(id);
        } else if field == Field::Department && before.kind == Kind::Contact {
            return;
        } else {
            after
                .set(field, Some(Value::Text(format!("Edited {number}"))))
                .unwrap();
        }
        by_hand::write(&self.world.engine, Some(&before), &after, "update").await;
        self.say(format!(
            "{} of {id} ({person}) is edited by hand: {number}",
            field.name()
        ));
        self.edits
            .retain(|(_, edited, of, _)| (*edited, *of) != (id, field));
        self.edits.push((person, id, field, after.get(field)));
        let fresh = self.state().await;
        self.judge
            .expected
            .records
            .insert(id, fresh.records[&id].clone());
    }

    /// The rules in force, as the judge needs them.
    pub(crate) async fn read_rules(&mut self) {
        let mut rows = mapping_rules::list(&self.world.db).await.unwrap();
        rows.sort_by_key(|row| (row.rule.created_at, row.rule.id));
        let rules: Vec<Rule> = rows
            .into_iter()
            .zip(0..)
            .map(|(row, made)| Rule {
                id: row.rule.id,
                order: row.rule.order,
                made,
                group: row.rule.group_id.0,
                kind: row.rule.target.kind(),
                account: row.rule.target.account_id(),
                roles: row.rule.security_roles.clone(),
                nested: row.rule.include_nested,
                members: row.rule.members,
                without: row
                    .rule
                    .exclude
                    .first()
                    .map(|p| p.trim_end_matches('*').to_owned()),
                enabled: row.rule.enabled,
            })
            .collect();
        if rules != self.judge.rules {
            self.judge.change_rules(rules);
        }
    }

    /// The engine does something, perhaps under a fault; then what must hold
    /// at any time is checked.
    pub(crate) async fn step(&mut self, doing: Doing) {
        let mut fault = None;
        if self.chance.one_in(2) || doing == Doing::FirstSync {
            let listens = self.world.shape.notifications;
            let fits: Vec<Fault> = Fault::ALL
                .into_iter()
                .filter(|fault| fault.can_hit(doing) && (listens || !fault.is_post()))
                .collect();
            fault = self.chance.pick(&fits);
        }
        self.say(format!("{doing:?} under {fault:?}"));
        if let Some(fault) = fault {
            let mut own = Chance::new(self.chance.next());
            if let Some(seconds) = fault.takes() {
                self.world.advance(seconds);
                self.world.sign_in_writer().await;
            }
            fault.bring(&self.world, &mut own).await;
        }
        if fault.is_some_and(Fault::is_post) {
            // So that there is something to post, and more than one of it.
            for _ in 0..4 {
                self.perturb().await;
            }
        }
        let sent = self.world.wire.sent();
        let mut fired = self.posts(fault).await;
        fired |= self.provoke(fault).await;
        if let Some(plant) = self.plant {
            plant.before_step(self).await;
        }
        let busy = match fault {
            Some(Fault::DatabaseBusy) => Some(self.world.db.begin().await.unwrap()),
            _ => None,
        };
        let polls = (fault == Some(Fault::Crash)).then(|| 1 + self.chance.below(150));
        let hides = matches!(fault, Some(Fault::EmptyList | Fault::Forbidden));
        self.judge.blind |= hides && matches!(doing, Doing::FirstSync | Doing::Rule);
        self.signed_out |= fault == Some(Fault::GrantRevoked);
        let faulty = fault.is_some() || self.signed_out;
        let ended = self.act(doing, polls, faulty).await;
        fired |= !ended || busy.is_some() || fault == Some(Fault::ClockJump);
        drop(busy);
        if !ended {
            self.say("the process dies".to_owned());
            self.world.restart().await;
        }
        fired |= Fault::end(&self.world).await;
        Fault::calm(&self.world);
        if let Some(fault) = fault.filter(|_| fired) {
            self.report.cells.insert((fault, doing));
        }
        if let Some(plant) = self.plant {
            plant.after_step(self).await;
        }
        let used = self.world.wire.sent() - sent;
        self.report.most_requests = self.report.most_requests.max(used);
        if used > MOST_REQUESTS {
            self.wrong(Oracle::Requests, [format!("{used} requests in one step")]);
        }
        self.read_rules().await;
        self.observe().await;
        self.check().await;
    }

    /// What some faults need to show: a change on its way.
    async fn provoke(&mut self, fault: Option<Fault>) -> bool {
        match fault {
            Some(Fault::SilentPurge) => {
                let people = self.judge.truth.ordinary();
                let Some(person) = self.chance.pick(&people) else {
                    return false;
                };
                let path = format!("users/{person}");
                self.world
                    .write(Method::DELETE, &path, serde_json::Value::Null)
                    .await;
                let path = format!("tenants/{}/purge", self.world.tenant);
                let ids = json!({"ids": [person]});
                self.world.control(Method::POST, &path, ids).await;
                self.say(format!("{person} is deleted and purged without a trace"));
                self.observe().await;
                true
            }
            Some(Fault::DelayedVisibility) => {
                self.perturb().await;
                true
            }
            Some(
                Fault::EmptyPages
                | Fault::ExpiredDeltaToken
                | Fault::MembersSplitOverPages
                | Fault::RepeatedObjects
                | Fault::ReplayedChanges,
            ) => true,
            _ => false,
        }
    }

    /// Brings what the directory posted; says whether a fault of posts showed.
    pub(crate) async fn posts(&mut self, fault: Option<Fault>) -> bool {
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        let mut posts = self.world.post.take();
        if self.chance.one_in(2) {
            posts.append(&mut self.late);
        }
        let had = !posts.is_empty();
        match fault.filter(|fault| fault.is_post()) {
            Some(Fault::LostNotification) => posts.clear(),
            Some(Fault::LateNotification) => self.late.append(&mut posts),
            Some(Fault::DoubledNotification) => posts.extend(posts.clone()),
            Some(Fault::ReorderedNotifications) => {
                posts.reverse();
                posts = posts.iter().map(backwards).collect();
            }
            Some(Fault::ForgedNotification) => {
                for post in &posts {
                    self.forge(post).await;
                }
            }
            _ => {}
        }
        for post in posts {
            self.name_people(&post);
            if let Err(error) = self.world.engine.notification(&post).await {
                self.wrong(
                    Oracle::State,
                    [format!("a notification is refused: {error}")],
                );
            }
        }
        had && fault.is_some_and(Fault::is_post)
    }

    /// The same post from somebody who does not know the secret.
    async fn forge(&mut self, post: &Bytes) {
        let mut body: serde_json::Value = serde_json::from_slice(post).unwrap();
        for item in body["value"].as_array_mut().unwrap() {
            item["clientState"] = json!("guessed");
        }
        let woken = self
            .world
            .engine
            .notification(body.to_string().as_bytes())
            .await;
        let accepted = woken.map_or(0, |woken| woken.accepted);
        if accepted > 0 {
            self.wrong(
                Oracle::Authority,
                ["a forged notification was taken".to_owned()],
            );
        }
    }

    fn name_people(&mut self, post: &Bytes) {
        let body: serde_json::Value = serde_json::from_slice(post).unwrap();
        for item in body["value"].as_array().into_iter().flatten() {
            let named = item["resourceData"]["id"].as_str();
            let named: Option<Uuid> = named.and_then(|id| id.parse().ok());
            self.judge.touched.extend(named);
        }
    }

    /// Does it; false when the process died on the way.
    async fn act(&mut self, doing: Doing, polls: Option<usize>, faulty: bool) -> bool {
        let engine = self.world.engine.clone();
        let connection = self.world.connection;
        let mode = match doing {
            Doing::Full | Doing::FirstSync => Mode::Full,
            Doing::Delta => Mode::Delta,
            Doing::Rule => return crate::rules::edit(self, polls, faulty).await,
        };
        let asked = doing != Doing::Delta || self.chance.one_in(2);
        if !asked {
            // Longer than the longest wait for a round.
            self.world.advance(81);
        }
        let work = async {
            if asked {
                let request = SyncRequest {
                    mode,
                    ..SyncRequest::default()
                };
                if let Err(error) = engine.sync(connection, request, &actor()).await {
                    return Some(error.to_string());
                }
            }
            for _ in 0..4 {
                match engine.work_once().await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => return Some(error.to_string()),
                }
            }
            None
        };
        match until(work, polls).await {
            None => false,
            Some(None) => true,
            Some(Some(error)) => {
                self.say(format!("  {error}"));
                if !faulty {
                    self.wrong(Oracle::State, [format!("without a fault: {error}")]);
                }
                true
            }
        }
    }

    /// What must hold at any time.
    async fn check(&mut self) {
        let engine = self.world.engine.clone();
        let mut wrong = Vec::new();
        let entries = self.replay.read_on(&engine, &mut wrong).await;
        self.wrong(Oracle::Journal, wrong);
        self.known
            .extend(entries.iter().filter_map(|entry| entry.entry.record_id));
        let state = self.state().await;
        let mut wrong = Vec::new();
        oracles::losses(&self.judge, &entries, &state.records, &mut wrong);
        self.wrong(Oracle::Loss, wrong);
        let mut wrong = Vec::new();
        oracles::authority(&self.judge, &entries, &state.records, &mut wrong);
        self.wrong(Oracle::Authority, wrong);
        let mut wrong = Vec::new();
        self.edits.retain(|(person, id, field, value)| {
            let quiet = self.judge.is_quiet(*person);
            if quiet
                && state
                    .records
                    .get(id)
                    .is_some_and(|r| r.get(*field) != *value)
            {
                let now = state.records[id].get(*field);
                wrong.push(format!(
                    "{} of {id} was {value:?} by hand, is {now:?}",
                    field.name()
                ));
            }
            quiet
        });
        self.wrong(Oracle::LocalEdit, wrong);
    }

    /// The faults stop; everything is read twice, as two different reads must
    /// agree on an empty group; then the judge speaks.
    async fn settle(&mut self) {
        Fault::end(&self.world).await;
        Fault::calm(&self.world);
        self.posts(None).await;
        self.world.advance(120);
        while std::mem::take(&mut self.signed_out) {
            let engine = self.world.engine.clone();
            while engine.work_once().await.unwrap_or(false) {}
            self.world.advance(600);
        }
        for _ in 0..2 {
            if !self.complete(Mode::Full).await {
                return;
            }
        }
        self.read_rules().await;
        self.observe().await;
        self.check().await;
        let engine = self.world.engine.clone();
        while engine.seal_journal().await.unwrap() > 0 {}
        if let Some(plant) = self.plant {
            plant.before_judgement(self).await;
        }
        for past in self.judge.outcomes.values() {
            *self
                .report
                .judged
                .entry(name_of(past.last().unwrap()))
                .or_default() += 1;
        }
        let state = self.state().await;
        let mut wrong = Vec::new();
        self.replay.compare(&state, &mut wrong);
        let sealed = engine.verify_journal().await.unwrap();
        wrong.extend(sealed.broken.map(|broken| format!("seals: {broken:?}")));
        self.wrong(Oracle::Journal, wrong);
        let wrong = self.judge.judge(state.clone());
        self.wrong(Oracle::State, wrong);
        let mut wrong = Vec::new();
        oracles::explanations(&engine, &self.judge, &state, &mut wrong).await;
        self.wrong(Oracle::Explanation, wrong);
        self.plan_again().await;
        self.report.state = state;
    }

    /// Planning again gives nothing.
    async fn plan_again(&mut self) {
        let engine = self.world.engine.clone();
        let request = SyncRequest {
            mode: Mode::Full,
            reapply: false,
            plan_only: true,
        };
        let run = engine
            .sync(self.world.connection, request, &actor())
            .await
            .unwrap();
        let run = self.rest(run).await;
        if run.status != RunStatus::Done || run.counts.total() > 0 {
            let what = format!(
                "planning again: {:?} {:?} {:?}",
                run.status, run.counts, run.error
            );
            self.wrong(Oracle::Idle, [what]);
        }
    }

    /// Syncs until the run is done, approving what is held.
    pub(crate) async fn complete(&mut self, mode: Mode) -> bool {
        self.approve_held().await;
        let engine = self.world.engine.clone();
        let request = SyncRequest {
            mode,
            ..SyncRequest::default()
        };
        let run = engine
            .sync(self.world.connection, request, &actor())
            .await
            .unwrap();
        for _ in 0..6 {
            let rested = self.rest(run).await;
            match rested.status {
                RunStatus::Done => return true,
                RunStatus::Held => self.approve_held().await,
                _ => {
                    let what = format!("without faults: {:?} {:?}", rested.status, rested.error);
                    self.wrong(Oracle::State, [what]);
                    return false;
                }
            }
        }
        self.wrong(Oracle::State, ["a plan is held for ever".to_owned()]);
        false
    }

    async fn rest(&mut self, id: provisioning::ids::RunId) -> RunRow {
        let engine = self.world.engine.clone();
        for _ in 0..200 {
            let run = runs::get(&self.world.db, id).await.unwrap().unwrap();
            if run.finished_at.is_some() || run.status == RunStatus::Held {
                return run;
            }
            self.approve_held_before(id).await;
            match engine.work_once().await {
                Ok(true) => {}
                Ok(false) => self.world.advance(5),
                Err(error) => self.say(format!("  {error}")),
            }
        }
        runs::get(&self.world.db, id).await.unwrap().unwrap()
    }

    /// A run that waits for a person is first: nothing else begins before it.
    async fn approve_held_before(&mut self, id: provisioning::ids::RunId) {
        let open = runs::unfinished(&self.world.db, self.world.connection)
            .await
            .unwrap();
        let held = open
            .iter()
            .any(|run| run.status == RunStatus::Held && run.id != id);
        if held {
            self.approve_held().await;
        }
    }

    /// Approves every held plan, as often as the world moved meanwhile.
    pub(crate) async fn approve_held(&mut self) {
        let engine = self.world.engine.clone();
        let open = runs::unfinished(&self.world.db, self.world.connection)
            .await
            .unwrap();
        for run in open.into_iter().filter(|run| run.status == RunStatus::Held) {
            let Some(mut plan) = run.plan_id else {
                continue;
            };
            for _ in 0..5 {
                let Some(row) = plans::get(&self.world.db, plan).await.unwrap() else {
                    break;
                };
                let hash = row.hash.unwrap_or_default();
                match engine.approve(plan, &hash, &actor()).await {
                    Ok(_) => break,
                    Err(error) => {
                        self.say(format!("  approving: {error}"));
                        let next = error.detail.as_ref().and_then(|d| d["plan_id"].as_str());
                        match next.and_then(|id| id.parse().ok()) {
                            Some(next) => plan = next,
                            None => break,
                        }
                    }
                }
            }
            while engine.work_once().await.unwrap_or(false) {}
            self.read_rules().await;
        }
    }
}

/// What one post tells, the last first.
fn backwards(post: &Bytes) -> Bytes {
    let mut body: serde_json::Value = serde_json::from_slice(post).unwrap();
    body["value"].as_array_mut().unwrap().reverse();
    body.to_string().into()
}

fn name_of(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Gone => "gone",
        Outcome::Here { enabled: false, .. } => "disabled",
        Outcome::Here { verdict, .. } => match verdict {
            Verdict::Wins(winner) if winner.kind == Kind::Employee => "employee",
            Verdict::Wins(_) => "contact",
            Verdict::Nobody => "nobody",
            Verdict::Stays => "stays",
            Verdict::Open => "open",
        },
    }
}

/// Runs a future until it ends, or drops it when it was polled that often.
pub(crate) async fn until<T>(future: impl Future<Output = T>, polls: Option<usize>) -> Option<T> {
    let mut future = pin!(future);
    let mut polled = 0;
    std::future::poll_fn(|context| {
        if polls.is_some_and(|most| polled >= most) {
            return Poll::Ready(None);
        }
        polled += 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}
