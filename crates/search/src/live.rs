//! The index in service, and the one that is being built beside it to take its place.
//!
//! An index of another version goes on answering while a new one is built from the database in a directory of its own:
//! `generation-1`, `generation-2` … below the index's directory; the first of all lies right in it. The file `in-service`
//! names the generation that answers, and replacing it is the switch: before, a crash leaves the old one in service and the
//! next start goes on building; after, it leaves the new one. Whatever the file does not name and is no later than what
//! it names is removed.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use store::{Db, Timestamp};

use crate::document::SearchDocument;
use crate::index::{Index, IndexError, PASS, version_in};
use crate::parse::SearchRequest;
use crate::query::Query;
use crate::schema;
use crate::searching::{Hit, SearchError, SearchResults};
use crate::suggest::Suggestions;

/// Names the generation that answers.
const POINTER: &str = "in-service";
/// Lies there while somebody wants the index built anew.
const WANTED: &str = "rebuild-wanted";
const PREFIX: &str = "generation-";
/// Changes that the index under construction takes in at once, so that the one in service is not kept waiting.
const STEP: usize = 4000;
/// No index is under construction.
const NOTHING: i64 = -1;

/// What a pass did to the index in service, and to the one under construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LivePass {
    /// Changes that became searchable.
    pub applied: usize,
    /// Revision up to which search is complete.
    pub cursor: i64,
    /// Whether the index in service has everything it can take.
    pub is_caught_up: bool,
    /// Revision up to which the index under construction has come; none when none is built.
    pub building: Option<i64>,
    /// Whether a new index went into service.
    pub is_switched: bool,
}

/// Which generation of the index answers, seen from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Number of the generation in service.
    pub generation: u32,
    /// Revision up to which the one under construction has come.
    pub building: Option<i64>,
    /// Whether somebody asked for a new one that is not begun.
    pub is_wanted: bool,
}

/// One generation.
struct Generation {
    number: u32,
    version: String,
    index: Index,
    /// Whether changes can be written into it.
    takes_changes: bool,
}

/// The search index of a process. See [`Index`] for what its methods do.
pub struct LiveIndex {
    dir: PathBuf,
    serving: RwLock<Arc<Generation>>,
    building: Mutex<Building>,
    /// Revision up to which the index under construction has come, or `NOTHING`.
    built: AtomicI64,
}

#[derive(Default)]
struct Building {
    next: Option<Generation>,
    /// Generations out of service that somebody may still be searching.
    retired: Vec<Arc<Generation>>,
}

impl std::fmt::Debug for LiveIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveIndex")
            .field("cursor", &self.cursor())
            .finish_non_exhaustive()
    }
}

impl LiveIndex {
    /// Opens the index below `dir`, which is made when it is missing. One of another version answers as it is, where that
    /// can be, until passes have built another; what is damaged or foreign is thrown away, and built by the next passes.
    ///
    /// # Errors
    /// [`IndexError::Busy`] when another process has it open.
    pub fn open(dir: &Path) -> Result<Self, IndexError> {
        fs::create_dir_all(dir)?;
        let number = number_in_service(dir);
        let serving = Generation::open(dir, number)?;
        let now = schema::version();
        let next = match later_than(dir, number)? {
            // Begun before a stop or a crash: it goes on.
            Some(later) if version_in(&place(dir, later)).is_some_and(|version| version == now) => {
                remove_if_there(&dir.join(WANTED))?;
                Some(Generation::open(dir, later)?)
            }
            _ => None,
        };
        remove_others(dir, number, next.as_ref().map(|next| next.number));
        let built = next.as_ref().map_or(NOTHING, |next| next.index.cursor());
        Ok(Self {
            dir: dir.to_owned(),
            serving: RwLock::new(Arc::new(serving)),
            building: Mutex::new(Building {
                next,
                retired: Vec::new(),
            }),
            built: AtomicI64::new(built),
        })
    }

    /// Removes every generation below `dir`, and nothing else that may lie there.
    ///
    /// # Errors
    /// [`IndexError::Busy`] when a process has one open.
    pub fn clear(dir: &Path) -> Result<(), IndexError> {
        for number in generations(dir)? {
            Index::clear(&place(dir, number))?;
        }
        Index::clear(dir)?;
        for number in generations(dir)? {
            fs::remove_dir_all(place(dir, number))?;
        }
        for file in [POINTER, WANTED] {
            remove_if_there(&dir.join(file))?;
        }
        Ok(())
    }

    /// Asks whoever has the index below `dir` open to build it anew beside the one in service; also the next to open it.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn want_rebuild(dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        File::create(dir.join(WANTED))?.sync_all()
    }

    /// Where the index below `dir` stands, beside whoever has it open.
    pub fn standing(dir: &Path) -> Standing {
        let generation = number_in_service(dir);
        let later = later_than(dir, generation).ok().flatten();
        Standing {
            generation,
            building: later.map(|number| crate::comparison::cursor_in(&place(dir, number)).unwrap_or(0)),
            is_wanted: dir.join(WANTED).exists(),
        }
    }

    /// Takes in what changed, at most 20,000 changes, and goes on with the index under construction where there is one;
    /// puts it into service when it has caught up. A pass: safe to repeat.
    pub fn pass(&self, db: &Db) -> Result<LivePass, IndexError> {
        let mut building = self.building();
        self.give_up_retired(&mut building);
        let mut done = self.serving().pass(db)?;
        self.begin(&mut building)?;
        let Some(next) = &building.next else {
            return Ok(done);
        };
        let report = next.index.pass_of(db, STEP)?;
        self.built.store(report.cursor, Ordering::Release);
        done.building = Some(report.cursor);
        if report.is_caught_up && next.is_of_now() {
            self.switch(&mut building)?;
            done = LivePass {
                is_switched: true,
                ..self.serving().report(done.applied, true)
            };
        }
        Ok(done)
    }

    /// Begins a new index when the one in service is of another version, or somebody wants one.
    fn begin(&self, building: &mut Building) -> Result<(), IndexError> {
        if building.next.as_ref().is_some_and(|next| !next.is_of_now()) {
            // The vocabulary changed again meanwhile.
            let old = building.next.take().map(|old| old.number);
            self.built.store(NOTHING, Ordering::Release);
            self.discard(old);
        }
        let (serving, wanted) = (self.serving(), self.dir.join(WANTED));
        if building.next.is_some() || serving.is_of_now() && !wanted.exists() {
            return Ok(());
        }
        self.discard(Some(serving.number + 1));
        let next = Generation::open(&self.dir, serving.number + 1)?;
        remove_if_there(&wanted)?;
        tracing::info!(
            version = next.version,
            before = serving.version,
            takes_changes = serving.takes_changes,
            "the search index is built anew; the old one answers meanwhile"
        );
        self.built.store(next.index.cursor(), Ordering::Release);
        building.next = Some(next);
        Ok(())
    }

    /// Puts the index that was built into service.
    fn switch(&self, building: &mut Building) -> Result<(), IndexError> {
        let Some(next) = building.next.take() else {
            return Ok(());
        };
        if let Err(error) = point_to(&self.dir, next.number) {
            building.next = Some(next);
            return Err(error.into());
        }
        let (postings, revision) = (next.index.len(), next.index.cursor());
        let mut serving = self.serving.write().unwrap_or_else(PoisonError::into_inner);
        building
            .retired
            .push(std::mem::replace(&mut *serving, Arc::new(next)));
        drop(serving);
        self.built.store(NOTHING, Ordering::Release);
        tracing::info!(postings, revision, "the new search index answers");
        Ok(())
    }

    /// Closes and removes generations out of service that nobody searches any more.
    fn give_up_retired(&self, building: &mut Building) {
        for old in std::mem::take(&mut building.retired) {
            match Arc::try_unwrap(old) {
                Ok(old) => {
                    let number = old.number;
                    // It lets go of its files first.
                    drop(old);
                    self.discard(Some(number));
                }
                Err(in_use) => building.retired.push(in_use),
            }
        }
    }

    /// Removes the files of a generation that is out of service. What cannot be removed now is at the next start.
    fn discard(&self, number: Option<u32>) {
        let Some(number) = number else { return };
        if let Err(error) = remove(&self.dir, number) {
            tracing::debug!(%error, number, "an index that is out of use is removed at the next start");
        }
    }

    /// Whether a new index is being built, or is about to, while the one in service answers.
    pub fn is_rebuilding(&self) -> bool {
        self.built.load(Ordering::Acquire) != NOTHING || !self.serving().is_of_now()
    }

    /// Revision up to which search is complete.
    pub fn cursor(&self) -> i64 {
        self.serving().index.cursor()
    }

    /// How many postings can be found.
    pub fn len(&self) -> u64 {
        self.serving().index.len()
    }

    /// Whether nothing can be found.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Closes the index in service when its segments are merged; a process that only stops leaves that to the next.
    ///
    /// # Errors
    /// When a merge failed.
    pub fn close(self) -> Result<(), IndexError> {
        let serving = self.serving.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Nobody searches an index that this process owns.
        Arc::into_inner(serving).map_or(Ok(()), |serving| serving.index.close())
    }

    fn serving(&self) -> Arc<Generation> {
        Arc::clone(&self.serving.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn building(&self) -> MutexGuard<'_, Building> {
        self.building.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generation {
    fn open(dir: &Path, number: u32) -> Result<Self, IndexError> {
        let place = place(dir, number);
        let now = schema::version();
        if let Some(version) = version_in(&place).filter(|version| *version != now)
            && let Some(index) = Index::open_older(&place)?
        {
            let takes_changes = index.takes_documents();
            tracing::info!(version, takes_changes, "the search index is of another version");
            return Ok(Self {
                number,
                version,
                index,
                takes_changes,
            });
        }
        Ok(Self {
            number,
            version: now,
            index: Index::open(&place)?,
            takes_changes: true,
        })
    }

    fn is_of_now(&self) -> bool {
        self.version == schema::version()
    }

    fn pass(&self, db: &Db) -> Result<LivePass, IndexError> {
        if !self.takes_changes {
            return Ok(self.report(0, true));
        }
        let report = self.index.pass_of(db, PASS)?;
        Ok(self.report(report.applied, report.is_caught_up))
    }

    fn report(&self, applied: usize, is_caught_up: bool) -> LivePass {
        LivePass {
            applied,
            cursor: self.index.cursor(),
            is_caught_up,
            building: None,
            is_switched: false,
        }
    }
}

/// Questions go to the generation in service.
impl LiveIndex {
    /// [`Index::search`].
    pub fn search(&self, request: &SearchRequest, now: Timestamp) -> Result<SearchResults, SearchError> {
        self.serving().index.search(request, now)
    }

    /// [`Index::settle`].
    pub fn settle(&self, query: &Query) -> Query {
        self.serving().index.settle(query)
    }

    /// [`Index::suggest`].
    pub fn suggest(
        &self,
        typed: &str,
        within: &Query,
        limit: usize,
        now: Timestamp,
    ) -> Result<Suggestions, SearchError> {
        self.serving().index.suggest(typed, within, limit, now)
    }

    /// [`Index::similar`].
    pub fn similar(
        &self,
        document: &SearchDocument,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Hit>, SearchError> {
        self.serving().index.similar(document, limit, now)
    }

    /// [`Index::volume`].
    pub fn volume(&self, query: &Query, since: Timestamp, now: Timestamp) -> Result<(u64, u64), SearchError> {
        self.serving().index.volume(query, since, now)
    }
}

fn place(dir: &Path, number: u32) -> PathBuf {
    match number {
        0 => dir.to_owned(),
        number => dir.join(format!("{PREFIX}{number}")),
    }
}

/// Where the index in service lies below `dir`.
pub(crate) fn place_in_service(dir: &Path) -> PathBuf {
    place(dir, number_in_service(dir))
}

fn number_in_service(dir: &Path) -> u32 {
    let named = fs::read_to_string(dir.join(POINTER)).ok();
    named.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// The numbered generations below `dir`, in their order.
fn generations(dir: &Path) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(numbers),
        entries => entries?,
    };
    for entry in entries {
        let name = entry?.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.parse::<u32>().ok());
        numbers.extend(number.filter(|number| *number > 0));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn later_than(dir: &Path, number: u32) -> io::Result<Option<u32>> {
    Ok(generations(dir)?.into_iter().find(|other| *other > number))
}

/// Removes what neither answers nor is being built.
fn remove_others(dir: &Path, serving: u32, next: Option<u32>) {
    let numbers = generations(dir).unwrap_or_default();
    for number in std::iter::once(0).chain(numbers) {
        if number != serving
            && Some(number) != next
            && let Err(error) = remove(dir, number)
        {
            tracing::warn!(%error, number, "an index that is out of use cannot be removed");
        }
    }
}

fn remove(dir: &Path, number: u32) -> Result<(), IndexError> {
    match number {
        0 => Index::clear(dir),
        number => match fs::remove_dir_all(place(dir, number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        },
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Lets `number` be the generation in service: whole and on disk, or not at all.
fn point_to(dir: &Path, number: u32) -> io::Result<()> {
    let partial = dir.join(format!("{POINTER}.partial"));
    let mut file = File::create(&partial)?;
    writeln!(file, "{number}")?;
    file.sync_all()?;
    fs::rename(&partial, dir.join(POINTER))?;
    File::open(dir)?.sync_all()
}
