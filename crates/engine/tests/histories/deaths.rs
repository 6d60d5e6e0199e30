//! Histories that were once cut short at the worst moment, told again at every
//! moment.

use engine::{Mode, RuleDraft};
use provisioning::psa::Kind;
use store::mapping_rules;

use crate::chance::Chance;
use crate::directory::{add_group, add_member, add_person};
use crate::history::{History, until};
use crate::world::{Shape, actor};

async fn staffed() -> (History, RuleDraft) {
    let mut chance = Chance::new(3);
    let shape = Shape {
        notifications: false,
        tight_limits: false,
        may_employ: true,
        ..Shape::of(3, &mut chance)
    };
    let mut history = History::begin(shape, chance, Some("sqlite::memory:"), None).await;
    let staff = add_group(&history.world, "staff").await;
    let amy = add_person(&history.world, "amy@contoso.com", &mut Chance::new(1)).await;
    add_member(&history.world, staff, amy).await;
    let draft = history.draft(Kind::Employee, staff, 1);
    let engine = history.world.engine.clone();
    engine
        .create_rule(draft.clone(), false, &actor())
        .await
        .unwrap();
    assert!(history.complete(Mode::Full).await);
    (history, draft)
}

async fn lives_on(history: &mut History) -> bool {
    history.world.restart().await;
    while history.world.engine.work_once().await.unwrap() {}
    let (db, id) = (&history.world.db, history.world.connection);
    let row = store::links::page(db, id, None, 1)
        .await
        .unwrap()
        .pop()
        .unwrap();
    let record = store::records::get(db, &[row.link.record_id])
        .await
        .unwrap()
        .pop()
        .unwrap();
    record.record.access
}

#[tokio::test]
async fn a_rule_edit_that_dies_happens_with_its_plan_or_not_at_all() {
    let (mut saved, mut unsaved) = (0, 0);
    for polls in (1..).step_by(3) {
        let (mut history, draft) = staffed().await;
        let rule = mapping_rules::list(&history.world.db)
            .await
            .unwrap()
            .pop()
            .unwrap()
            .rule;
        let nobody = RuleDraft {
            exclude: vec!["*".to_owned()],
            ..draft
        };
        let engine = history.world.engine.clone();
        let by = actor();
        let edit = engine.update_rule(rule.id, nobody, None, false, &by);
        let ended = until(edit, Some(polls)).await.is_some();
        let has_access = lives_on(&mut history).await;
        let now = mapping_rules::get(&history.world.db, rule.id)
            .await
            .unwrap()
            .unwrap()
            .rule;
        assert_eq!(has_access, now.exclude.is_empty(), "after {polls} polls");
        if now.exclude.is_empty() {
            unsaved += 1
        } else {
            saved += 1
        }
        if ended {
            break;
        }
    }
    assert!(saved > 0 && unsaved > 5, "{saved} saved, {unsaved} not");
}
