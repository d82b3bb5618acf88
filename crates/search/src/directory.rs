//! Where the index lies on disk, and when its parts are made one.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::SegmentMeta;
use tantivy::directory::error::{DeleteError, LockError, OpenDirectoryError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    Directory, DirectoryLock, FileHandle, Lock, MmapDirectory, WatchCallback, WatchHandle, WritePtr,
};
use tantivy::merge_policy::{LogMergePolicy, MergeCandidate, MergePolicy};
use tantivy_common::file_slice::WrapFile;

/// Files that hold what a hit shows. A search reads a few blocks of them, each once.
const STORED: &str = "store";
/// Segments that are left as they are, however small they are.
const FEW_SEGMENTS: usize = 4;

/// A directory of mapped files, except that stored documents are read: they are three quarters of an index, and mapping
/// them would fill the memory of the process with the neighbours of what was shown.
#[derive(Debug, Clone)]
pub(crate) struct IndexDirectory {
    mapped: MmapDirectory,
    root: PathBuf,
}

impl IndexDirectory {
    pub(crate) fn open(root: &Path) -> Result<Self, OpenDirectoryError> {
        Ok(Self {
            mapped: MmapDirectory::open(root)?,
            root: root.to_owned(),
        })
    }
}

impl Directory for IndexDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        if path.extension().is_none_or(|extension| extension != STORED) {
            return self.mapped.get_file_handle(path);
        }
        let wrap = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => OpenReadError::FileDoesNotExist(path.to_owned()),
            _ => OpenReadError::wrap_io_error(error, path.to_owned()),
        };
        let file = File::open(self.root.join(path)).map_err(wrap)?;
        Ok(Arc::new(WrapFile::new(file).map_err(wrap)?))
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.mapped.delete(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.mapped.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        self.mapped.open_write(path)
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.mapped.atomic_read(path)
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        self.mapped.atomic_write(path, data)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.mapped.sync_directory()
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        self.mapped.acquire_lock(lock)
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.mapped.watch(callback)
    }
}

/// When segments are merged.
///
/// A search pays for every segment, a merge for every posting in it. Small ones are merged three of a size at a time, sizes
/// four times apart. Once the small ones and what was deleted are a quarter of everything, all become one: the next time that
/// happens the index has grown by a third, so each posting is written some four times in all, and most are in one segment.
#[derive(Debug)]
pub(crate) struct Merging(LogMergePolicy);

impl Default for Merging {
    fn default() -> Self {
        let mut small = LogMergePolicy::default();
        small.set_min_num_segments(3);
        small.set_level_log_size(2.0);
        small.set_min_layer_size(500);
        Self(small)
    }
}

impl MergePolicy for Merging {
    fn compute_merge_candidates(&self, segments: &[SegmentMeta]) -> Vec<MergeCandidate> {
        let all: u64 = segments.iter().map(|segment| u64::from(segment.max_doc())).sum();
        let largest = segments
            .iter()
            .map(|segment| u64::from(segment.num_docs()))
            .max()
            .unwrap_or(0);
        if segments.len() > FEW_SEGMENTS && largest * 4 < all * 3 {
            return vec![MergeCandidate(segments.iter().map(SegmentMeta::id).collect())];
        }
        self.0.compute_merge_candidates(segments)
    }
}

#[cfg(test)]
mod tests {
    use tantivy::schema::{STORED, Schema};
    use tantivy::{Index, IndexWriter, doc};

    use super::*;

    #[test]
    fn an_index_that_came_in_many_commits_ends_in_few_segments_and_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut schema = Schema::builder();
        let number = schema.add_u64_field("number", STORED);
        let directory = IndexDirectory::open(dir.path()).unwrap();
        let index = Index::create(directory, schema.build(), Default::default()).unwrap();
        let mut writer: IndexWriter = index.writer_with_num_threads(1, 15_000_000).unwrap();
        writer.set_merge_policy(Box::new(Merging::default()));
        for n in 0..24_u64 {
            for i in 0..n * 50 {
                writer.add_document(doc!(number => n * 10_000 + i)).unwrap();
            }
            writer.commit().unwrap();
        }
        writer.wait_merging_threads().unwrap();
        assert!(index.searchable_segment_ids().unwrap().len() <= FEW_SEGMENTS + 1);
        let searcher = index.reader().unwrap().searcher();
        assert_eq!(searcher.num_docs(), (0..24).map(|n| n * 50).sum::<u64>());
        let shown: Vec<tantivy::TantivyDocument> = searcher
            .segment_readers()
            .iter()
            .flat_map(|segment| {
                segment
                    .get_store_reader(10)
                    .unwrap()
                    .iter(None)
                    .collect::<Vec<_>>()
            })
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(shown.len() as u64, searcher.num_docs());
    }
}
