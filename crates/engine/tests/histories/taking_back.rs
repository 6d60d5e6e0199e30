//! The ninth oracle: what the last changes did is taken back, and everybody is
//! as before; and stays so, since nothing of it is done again by itself.

use engine::{Mode, Undo};
use provisioning::ids::{RecordId, RunId};
use provisioning::psa::{Record, Status};
use store::runs::{self, RunFilter, RunRow, RunStatus};

use crate::history::{History, Oracle};
use crate::model::State;
use crate::world::actor;

/// How many changes of the directory are taken back.
const CHANGES: usize = 4;

/// Changes the directory, lets the engine follow, takes all of it back.
pub(crate) async fn judge(history: &mut History) {
    let before = history.state().await;
    let known: Vec<RunId> = done(history).await.iter().map(|run| run.id).collect();
    for _ in 0..CHANGES {
        history.perturb().await;
        if !history.complete(Mode::Delta).await {
            return;
        }
    }
    // An empty group is believed the second time.
    for _ in 0..2 {
        if !history.complete(Mode::Full).await {
            return;
        }
    }
    let mut conflicts = 0;
    for run in done(history).await {
        if known.contains(&run.id) {
            continue;
        }
        history.say(format!("{} is taken back: {:?}", run.id, run.counts));
        let engine = history.world.engine.clone();
        let undone = engine.undo(Undo::Run(run.id), false, &actor()).await;
        let undone = undone.unwrap();
        conflicts += undone.conflicts;
        let undo = engine.run_to_end(undone.run_id.unwrap()).await.unwrap();
        if undo.status != RunStatus::Done {
            let what = format!("an undo ended as {:?}: {:?}", undo.status, undo.error);
            history.wrong(Oracle::Undo, [what]);
            return;
        }
    }
    // A name that somebody new bears meanwhile does not come back: that is said,
    // and the rest of the comparison would only repeat it.
    if conflicts > 0 {
        *history
            .report
            .judged
            .entry("undo with conflicts")
            .or_default() += 1;
        return;
    }
    *history.report.judged.entry("undone").or_default() += 1;
    if let Some(plant) = history.plant() {
        plant.after_undo(history).await;
    }
    compare(history, &before, None, "taken back").await;
    let undone = history.state().await;
    for mode in [Mode::Delta, Mode::Full] {
        if !history.complete(mode).await {
            return;
        }
    }
    let when = "taken back, and done again";
    compare(history, &before, Some(&undone), when).await;
}

/// The runs that did something, newest first.
async fn done(history: &History) -> Vec<RunRow> {
    let filter = RunFilter {
        status: Some(RunStatus::Done),
        ..RunFilter::default()
    };
    let all = runs::list(&history.world.db, &filter, None, 1_000).await;
    let all = all.unwrap().into_iter();
    all.filter(|run| run.counts.total() > 0 && run.undo_of.is_none())
        .collect()
}

/// Compares with the state before; who was asked about when the undo ended may
/// have found their answer since.
async fn compare(history: &mut History, before: &State, undone: Option<&State>, when: &str) {
    let engine = history.world.engine.clone();
    let mut wrong = Vec::new();
    let entries = history.replay.read_on(&engine, &mut wrong).await;
    let made = entries.iter().filter_map(|entry| entry.entry.record_id);
    history.known.extend(made);
    let after = history.state().await;
    let is_answered = |id: RecordId| {
        let links = after.links.iter();
        let mut of = links.filter(|(_, row)| row.link.record_id == id);
        of.any(|(person, _)| undone.is_some_and(|undone| undone.reviews.contains(person)))
    };
    for (id, record) in &after.records {
        match before.records.get(id) {
            Some(was) => differences(*id, was, record, when, &mut wrong),
            None if is_answered(*id) => {}
            None if record.access || record.status == Status::Active => {
                wrong.push(format!("{when}: {id}, who was made, is open"));
            }
            None => {}
        }
    }
    history.wrong(Oracle::Undo, wrong);
}

fn differences(id: RecordId, was: &Record, is: &Record, when: &str, wrong: &mut Vec<String>) {
    for field in provisioning::field::Field::ALL {
        let (was, is) = (was.get(field), is.get(field));
        if was != is {
            let name = field.name();
            wrong.push(format!("{when}: {name} of {id} was {was:?}, is {is:?}"));
        }
    }
}
