//! Histories that were once cut short at the worst moment, told again at every
//! moment.

use engine::RuleDraft;
use store::mapping_rules;

use crate::history::{History, until};
use crate::world::actor;

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
        let (mut history, draft, _) = History::staffed(false).await;
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
