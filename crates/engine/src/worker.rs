//! The loop: holds connections, looks at each when it is due or asked for,
//! several at once, and sleeps until something happens.
//!
//! A connection that was looked at stays in hand until its next round, so that
//! rounds in which nothing happens write nothing; a few wait there for their
//! first. Whoever else needs it says so in the database and gets it; so does a
//! worker with less to do.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use graph::environment::later;
use jiff::Timestamp;
use provisioning::ids::ConnectionId;
use store::connections::{self, ConnectionStatus};
use store::deferred_indexes;
use store::jobs::{self, Job};
use store::rounds::{self, Turn};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::engine::{Engine, locked};
use crate::error::{EngineError, Result, broke_off};
use crate::input::PROVISIONING_MODE;
use crate::lease::{BEAT, Idle, VIGIL};
use crate::model::ProvisioningMode;
use crate::run::SYNC_JOB;

/// How many connections are looked at at once...
const AT_ONCE: usize = 4;
/// ...not counting those that have been busy for so long: a tenant of a million
/// people does not keep the small ones waiting.
const BRIEF: Duration = Duration::from_secs(1);
/// And how many in all.
const MOST: usize = 16;
/// The longest sleep: what other processes ask for is seen this late.
const NAP: Duration = Duration::from_millis(250);
/// How many free connections are taken beyond those a hand is free for: taking
/// is a transaction.
const AHEAD: usize = 4;
/// How much before its time a connection is looked at, when another is due.
const MOMENT: Duration = Duration::from_millis(50);
/// How long others have to take what is beyond this worker's share.
const LEAVE: Duration = Duration::from_secs(1);
/// How often it is looked which secrets end, and what has had its time.
const WARN_EVERY: Duration = Duration::from_secs(3600);
/// How often the wait for the next round doubles while a connection is calm.
const MOST_CALM: u32 = 3;
/// How old what the database says of the last reads may become while nothing
/// happens.
const WRITE_READS_EVERY: Duration = Duration::from_secs(60);
/// Waits after failures, doubling.
const FIRST_RETRY: Duration = Duration::from_secs(2);
const LONGEST_RETRY: Duration = Duration::from_secs(300);

/// What is known of a connection whose round begins.
type RoundOf = Turn<ProvisioningMode>;

/// How a job ended.
enum Ended {
    /// Looked at; again at that time.
    Again(Timestamp),
    /// There is no such connection any more.
    Gone,
    /// Not well.
    Failed(EngineError),
}

/// What is under way.
#[derive(Default)]
struct Hands {
    running: JoinSet<Ended>,
    jobs: HashMap<Id, (Arc<Job>, Timestamp)>,
    kept_house_at: Option<Timestamp>,
    buried_at: Option<Timestamp>,
    /// Held according to the database, and not known of at the last look: by id,
    /// with their fence.
    strays: HashMap<i64, i64>,
    /// How many connections are this worker's when all have the same number.
    share: Option<usize>,
    warned_at: Option<Timestamp>,
    /// When it was last looked what is free.
    looked_at: Option<Timestamp>,
    /// When free connections were last taken.
    claimed_at: Option<Timestamp>,
    /// When it was last looked what others want of what is held.
    answered_at: Option<Timestamp>,
}

impl Hands {
    /// How many are free.
    fn free(&self, now: Timestamp) -> usize {
        let ages = self
            .jobs
            .values()
            .map(|(_, since)| now.duration_since(*since));
        let brief = ages.filter(|age| age.unsigned_abs() < BRIEF).count();
        let most = MOST.saturating_sub(self.jobs.len());
        AT_ONCE.saturating_sub(brief).min(most)
    }
}

/// Whether something is to be done that is done `every` so often.
fn is_due(last: Option<Timestamp>, every: Duration, now: Timestamp) -> bool {
    last.is_none_or(|at| now.duration_since(at).unsigned_abs() >= every)
}

impl Engine {
    /// Works until stopped.
    pub async fn work(&self, stop: CancellationToken) {
        if let Err(error) = self.start_work().await {
            tracing::error!("could not queue the connections: {error}");
        }
        while !stop.is_cancelled() {
            if let Err(error) = self.work_while_alive(&stop).await {
                tracing::error!("could not begin to work: {error}");
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(VIGIL) => {}
                }
            }
        }
    }

    /// Works until stopped, or until this worker's lease ran out. Then others may
    /// have what it holds: it lets go of everything and begins anew.
    async fn work_while_alive(&self, stop: &CancellationToken) -> Result<()> {
        let heart = self.show_life().await?;
        let mut hands = Hands::default();
        tokio::select! {
            () = self.look_for_work(&mut hands, stop) => {}
            () = heart.lost.cancelled() => {
                tracing::warn!("the lease ran out: beginning anew");
            }
        }
        // What was begun ends at the next transaction boundary.
        hands.running.shutdown().await;
        *locked(&self.0.idle) = Idle::default();
        let end = async {
            jobs::retire(self.db(), &self.0.worker).await?;
            self.write_reads(self.now()).await
        };
        match tokio::time::timeout(BEAT, end).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("could not give back jobs: {error}"),
            Err(_) => tracing::warn!("could not give back jobs: the database is silent"),
        }
        Ok(())
    }

    async fn look_for_work(&self, hands: &mut Hands, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.look_around(hands).await {
                tracing::error!("could not look for work: {error}");
            }
            // With full hands whatever is due waits until one is free.
            let nap = match hands.free(self.now()) {
                0 => NAP,
                _ => self.until_next_due().min(NAP),
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.0.wake.notified() => {
                    hands.looked_at = None;
                    hands.answered_at = None;
                }
                Some(done) = hands.running.join_next_with_id() => self.rest(hands, done).await,
                () = tokio::time::sleep(nap) => {}
            }
        }
    }

    /// Does one job that is due, if there is one.
    pub async fn work_once(&self) -> Result<bool> {
        let now = self.now();
        jobs::bury(self.db(), now).await?;
        if jobs::next_due(self.db(), &[SYNC_JOB])
            .await?
            .is_none_or(|due| due > now)
        {
            return Ok(false);
        }
        let _heart = self.show_life().await?;
        let Some(job) = self.claim(self.now(), 1).await?.pop() else {
            return Ok(false);
        };
        let job = Arc::new(job);
        locked(&self.0.lent).insert(job.id);
        let ended = self.do_job(Arc::clone(&job), None).await;
        if let Err(error) = self.let_go(&job, ended).await {
            tracing::error!(connection = %job.key, "could not end the job: {error}");
        }
        locked(&self.0.lent).remove(&job.id);
        self.write_reads_when_due(self.now()).await?;
        Ok(true)
    }

    /// Takes connections that were free and due then, so many at most.
    async fn claim(&self, then: Timestamp, most: usize) -> Result<Vec<Job>> {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let worker = &self.0.worker;
        Ok(jobs::claim(self.db(), worker, then, &[SYNC_JOB], most).await?)
    }

    /// Takes free connections for so many hands, and some for the hands that are
    /// free next. They are due now, like those that were kept until now: neither
    /// waits until there are none of the others. Whether there are more.
    async fn claim_ahead(&self, hands: &mut Hands, now: Timestamp, free: usize) -> Result<bool> {
        let held = hands.jobs.len() + locked(&self.0.idle).len();
        let share = hands.share.unwrap_or(usize::MAX);
        let wanted = free + AHEAD;
        let (most, then) = match share.saturating_sub(held) {
            // What is beyond the share is left to others for a moment: what was
            // given back to be shared would be taken back at once.
            0 => (wanted, now.checked_sub(LEAVE).unwrap_or(Timestamp::MIN)),
            left => (wanted.min(left), now),
        };
        let jobs = self.claim(then, most).await?;
        let are_more = jobs.len() == most;
        for job in jobs {
            match job.connection_id {
                Some(_) => self.keep(Arc::new(job), now),
                None => self.start(hands, Arc::new(job), None, now),
            }
        }
        Ok(are_more)
    }

    /// Mends what a crash left behind, and makes sure that every connection
    /// has its job.
    async fn start_work(&self) -> Result<()> {
        deferred_indexes::restore(self.db()).await?;
        let now = self.now();
        let mut tx = self.db().begin().await?;
        for connection in connections::list(&mut tx).await? {
            let key = connection.id.to_string();
            jobs::enqueue(&mut tx, SYNC_JOB, &key, Some(connection.id), now, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Starts whatever is due and hands over what others want.
    async fn look_around(&self, hands: &mut Hands) -> Result<()> {
        let now = self.now();
        if is_due(hands.buried_at, VIGIL, now) {
            jobs::bury(self.db(), now).await?;
            hands.buried_at = Some(now);
        }
        if is_due(hands.kept_house_at, BEAT, now) {
            self.keep_house(hands, now).await?;
            hands.kept_house_at = Some(now);
        }
        if is_due(hands.warned_at, WARN_EVERY, now) {
            self.warn_of_ends().await?;
            self.warn_of_silence().await?;
            self.sweep().await?;
            hands.warned_at = Some(now);
        }
        self.write_reads_when_due(now).await?;
        // Kept connections are at hand; what others want is in the database, and
        // asked for now and then: thousands that end a round ask nothing.
        if is_due(hands.answered_at, NAP, now) {
            self.answer(now).await?;
            hands.answered_at = Some(now);
        }
        let mut any_new = is_due(hands.looked_at, NAP, now);
        if any_new {
            hands.looked_at = Some(now);
        }
        loop {
            let free = hands.free(now);
            let due = locked(&self.0.idle).count_due(now, free);
            // With more kept ones due than it has hands for, it takes new ones all the same.
            if any_new && free > 0 && (due < free || is_due(hands.claimed_at, BRIEF, now)) {
                hands.claimed_at = Some(now);
                any_new = self.claim_ahead(hands, now, free - due).await?;
            }
            if !self.start_kept(hands, now, free).await {
                break;
            }
        }
        if any_new {
            // There was no hand for all of them.
            hands.looked_at = None;
        }
        Ok(())
    }

    async fn write_reads_when_due(&self, now: Timestamp) -> Result<()> {
        let written = *locked(&self.0.reads_written_at);
        match is_due(written, WRITE_READS_EVERY, now) {
            true => self.write_reads(now).await,
            false => Ok(()),
        }
    }

    /// Writes down when connections were read, for other processes and the next
    /// start.
    async fn write_reads(&self, now: Timestamp) -> Result<()> {
        *locked(&self.0.reads_written_at) = Some(now);
        let unwritten = std::mem::take(&mut *locked(&self.0.unwritten_reads));
        if unwritten.is_empty() {
            return Ok(());
        }
        let reads: Vec<_> = {
            let read_at = locked(&self.0.read_at);
            let at = unwritten
                .iter()
                .filter_map(|id| Some((*id, *read_at.get(id)?)));
            at.collect()
        };
        let written = async {
            let mut tx = self.db().begin_relaxed().await?;
            connections::record_reads(&mut tx, &reads).await?;
            tx.commit().await
        };
        let written = written.await;
        if written.is_err() {
            locked(&self.0.unwritten_reads).extend(unwritten);
        }
        Ok(written?)
    }

    /// Every few seconds: forgets what was taken from this worker, frees what it
    /// holds unawares, and leaves a fair share to the others, of connections and
    /// of what their applications may spend at Graph.
    async fn keep_house(&self, hands: &mut Hands, now: Timestamp) -> Result<()> {
        let db = self.db();
        let held: HashMap<i64, i64> = jobs::held(db, &self.0.worker).await?.into_iter().collect();
        locked(&self.0.idle).retain(|job| held.get(&job.id) == Some(&job.fence));
        self.free_strays(hands, held).await?;
        let workers = jobs::workers(db, now).await?;
        let processes = u32::try_from(workers).unwrap_or(u32::MAX);
        self.0.budgets.share_among(processes);
        if workers < 2 {
            hands.share = None;
            return Ok(());
        }
        let counts = jobs::counts(db).await?;
        let all = counts.iter().find(|(kind, ..)| kind == SYNC_JOB);
        let all = all.map_or(0, |(_, free, held)| free + held);
        let share = usize::try_from(all.div_ceil(workers)).unwrap_or(usize::MAX);
        hands.share = Some(share);
        let mut excess = (hands.jobs.len() + locked(&self.0.idle).len()).saturating_sub(share);
        while excess > 0 {
            let Some((job, due)) = locked(&self.0.idle).pop_last() else {
                break;
            };
            self.give_back(&job, due).await?;
            excess -= 1;
        }
        Ok(())
    }

    /// Frees what this worker holds according to the database and knows nothing
    /// of: giving it back failed, or the answer to its claim was lost. A claim
    /// may be under way, so only what was a stray the last time too.
    async fn free_strays(&self, hands: &mut Hands, mut held: HashMap<i64, i64>) -> Result<()> {
        for (job, _) in hands.jobs.values() {
            held.remove(&job.id);
        }
        for job in locked(&self.0.idle).jobs() {
            held.remove(&job.id);
        }
        for id in locked(&self.0.lent).iter() {
            held.remove(id);
        }
        let before = std::mem::replace(&mut hands.strays, held);
        for stray in &hands.strays {
            if before.get(stray.0) == Some(stray.1) {
                tracing::warn!(job = stray.0, "freed a job that nobody here works on");
                jobs::free_stray(self.db(), &self.0.worker, (*stray.0, *stray.1)).await?;
            }
        }
        Ok(())
    }

    /// Looks whether somebody asked for what is held.
    async fn answer(&self, now: Timestamp) -> Result<()> {
        for asked in jobs::asked_for(self.db(), &self.0.worker, now).await? {
            let Some((job, due)) = locked(&self.0.idle).remove_job(asked.id) else {
                // It is being worked on: afterwards.
                continue;
            };
            if asked.wanted {
                self.give_back(&job, due).await?;
            } else if asked.again {
                jobs::begin_again(self.db(), &job).await?;
                self.keep(job, now);
            }
        }
        Ok(())
    }

    fn keep(&self, job: Arc<Job>, due: Timestamp) {
        if let Some(id) = job.connection_id {
            locked(&self.0.idle).insert(id, job, due);
        }
    }

    fn until_next_due(&self) -> Duration {
        let next = locked(&self.0.idle).next_due();
        let wait = next.map(|due| due.duration_since(self.now()));
        wait.map_or(NAP, |wait| wait.try_into().unwrap_or(Duration::ZERO))
    }

    /// Starts what is kept and due, so many at most; those that are due in a
    /// moment are looked up with those that are due now. Whether there are more.
    async fn start_kept(&self, hands: &mut Hands, now: Timestamp, most: usize) -> bool {
        let jobs = locked(&self.0.idle).pop_due(now, later(now, MOMENT), most);
        if jobs.is_empty() {
            return false;
        }
        let ids: Vec<ConnectionId> = jobs.iter().filter_map(|job| job.connection_id).collect();
        // What fails here fails again when each looks for itself, which tells.
        let turns = self.turns(&ids).await.unwrap_or_default();
        let mut turns: HashMap<ConnectionId, RoundOf> = turns
            .into_iter()
            .map(|turn| (turn.connection.id, turn))
            .collect();
        let are_more = jobs.len() == most;
        for job in jobs {
            let turn = job.connection_id.and_then(|id| turns.remove(&id));
            self.start(hands, job, turn, now);
        }
        are_more
    }

    fn start(&self, hands: &mut Hands, job: Arc<Job>, turn: Option<RoundOf>, now: Timestamp) {
        let (engine, doing) = (self.clone(), Arc::clone(&job));
        let task = hands
            .running
            .spawn(async move { engine.do_job(doing, turn).await });
        hands.jobs.insert(task.id(), (job, now));
    }

    /// What follows from the end of a job: it is kept, unless it failed.
    async fn rest(&self, hands: &mut Hands, done: std::result::Result<(Id, Ended), JoinError>) {
        let (id, ended) = match done {
            Ok(done) => done,
            Err(error) => (error.id(), Ended::Failed(broke_off(&error))),
        };
        let Some((job, _)) = hands.jobs.remove(&id) else {
            return;
        };
        let ended = match ended {
            Ended::Again(due) => return self.keep(job, due),
            ended => ended,
        };
        if let Err(error) = self.let_go(&job, ended).await {
            tracing::error!(connection = %job.key, "could not end the job: {error}");
        }
    }

    async fn let_go(&self, job: &Job, ended: Ended) -> Result<()> {
        let error = match ended {
            Ended::Again(due) => return self.give_back(job, due).await,
            Ended::Gone => {
                let mut tx = self.db().begin().await?;
                jobs::complete(&mut tx, job).await?;
                return Ok(tx.commit().await?);
            }
            Ended::Failed(error) if error.code == "fenced" => return Ok(()),
            Ended::Failed(error) => error,
        };
        let doublings = u32::try_from(job.attempts.clamp(0, 10)).unwrap_or(0);
        let wait = (FIRST_RETRY * 2_u32.pow(doublings)).min(LONGEST_RETRY);
        let mut tx = self.db().begin().await?;
        let retry_at = later(self.now(), wait);
        jobs::fail(&mut tx, job, retry_at, &error.to_string()).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn turns(&self, ids: &[ConnectionId]) -> Result<Vec<RoundOf>> {
        Ok(rounds::turns(self.db(), ids, PROVISIONING_MODE).await?)
    }

    /// Does a job: the round of its connection, `turn` if it was looked up.
    async fn do_job(&self, job: Arc<Job>, turn: Option<RoundOf>) -> Ended {
        let key = job.key.clone();
        let holding = self.holding(Arc::clone(&job));
        let tended = holding.tend_job(&job, turn).await;
        let wait = self.until_next_round(&job, matches!(tended, Ok(Some(true))));
        match tended {
            Ok(Some(_)) => Ended::Again(later(self.now(), wait)),
            Ok(None) => Ended::Gone,
            Err(error) => {
                tracing::warn!(connection = %key, code = error.code, "sync failed: {error}");
                Ended::Failed(error)
            }
        }
    }

    /// How long a connection is left alone: twice as long after each calm round,
    /// up to [`MOST_CALM`] doublings.
    fn until_next_round(&self, job: &Job, is_calm: bool) -> Duration {
        let poll = self.options().poll_interval;
        let Some(id) = job.connection_id else {
            return poll;
        };
        let mut calm = locked(&self.0.calm);
        if !is_calm {
            calm.remove(&id);
            return poll;
        }
        let rounds = calm.entry(id).or_default();
        *rounds = (*rounds + 1).min(MOST_CALM);
        poll * 2_u32.pow(*rounds)
    }

    /// Looks at a connection, and whether it was calm: nothing happened, and what
    /// happens will be told by notifications. `None` when there is none any more.
    async fn tend_job(&self, job: &Job, turn: Option<RoundOf>) -> Result<Option<bool>> {
        let turn = match (turn, job.connection_id) {
            (None, Some(id)) => self.turns(&[id]).await?.pop(),
            (turn, _) => turn,
        };
        let Some(turn) = turn else {
            return Ok(None);
        };
        let connection = &turn.connection;
        let blocked = matches!(
            connection.health.status,
            ConnectionStatus::Paused
                | ConnectionStatus::AwaitingConsent
                | ConnectionStatus::Connecting
        );
        if blocked || turn.setting == Some(ProvisioningMode::LocalOnly) {
            return Ok(Some(false));
        }
        let notified = self.keep_subscribed(connection).await;
        if let Err(error) = &notified {
            let id = connection.id;
            tracing::warn!(connection = %id, code = error.code, "no notifications: {error}");
        }
        let was_quiet = self.tend(turn).await?;
        Ok(Some(was_quiet && notified.unwrap_or(false)))
    }
}
