//! Batches for ever: shuffled, mirrored and decoded ahead of the consumer on threads of their own.
//!
//! Image number `p` of the training sequence is at place `p % n` of the permutation of epoch `p / n`, and both the
//! permutation and the mirroring are drawn from addressed streams. So the sequence depends on the seed alone: not on
//! the batch size, the number of threads, or where the loader starts.

use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rand::RngExt;
use rand::seq::SliceRandom;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Batch, Dataset, Sample};
use crate::error::{Error, Result};
use crate::image::mirror;
use crate::random::{self, Purpose};

/// Threads that decode, where there are that many cores. They change the speed, never the batches.
const MAX_THREADS: usize = 4;

/// Finished batches that may wait for the consumer: with the one being made and the one being used, memory is bounded.
const N_AHEAD: usize = 2;

/// How a data set is walked.
#[derive(Clone, Debug, PartialEq)]
pub struct LoaderConfig {
    /// Images in a batch; it may exceed the data set, and batches may span epochs.
    pub batch: usize,
    /// Decides order and mirroring.
    pub seed: u64,
    /// Whether every image is mirrored with probability 1/2.
    pub mirror: bool,
    /// Images already seen: the sequence goes on from there.
    pub start: u64,
}

/// An endless iterator over batches; it ends only after an error. Dropping it stops its threads.
pub struct Loader {
    /// `None` only while the loader is dropped.
    batches: Option<Receiver<Result<Batch>>>,
    /// `None` once it has been joined.
    worker: Option<JoinHandle<()>>,
}

impl Loader {
    /// Starts decoding `dataset` on up to four threads.
    pub fn new(dataset: Arc<dyn Dataset>, config: LoaderConfig) -> Result<Self> {
        let n_cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self::with_threads(dataset, config, n_cores.min(MAX_THREADS))
    }

    /// The next batch, or why there is none.
    pub fn next_batch(&mut self) -> Result<Batch> {
        self.next().unwrap_or_else(|| Err(Error::setting("the data loader stopped after an error")))
    }

    fn with_threads(dataset: Arc<dyn Dataset>, config: LoaderConfig, n_threads: usize) -> Result<Self> {
        if config.batch == 0 {
            return Err(Error::setting("a batch of 0 images is not usable; accepted: 1 or more"));
        }
        assert!(!dataset.is_empty(), "a data set holds at least one sample");
        let cannot_start = Error::io("start", "the threads that load data");
        let pool = ThreadPoolBuilder::new().num_threads(n_threads).thread_name(|index| format!("decode-{index}"));
        let pool = match pool.build() {
            Ok(pool) => pool,
            Err(problem) => return Err(cannot_start(io::Error::other(problem))),
        };
        let (sender, batches) = sync_channel(N_AHEAD);
        let worker = std::thread::Builder::new()
            .name("loader".into())
            .spawn(move || produce(dataset.as_ref(), &config, &pool, &sender))
            .map_err(cannot_start)?;
        Ok(Self { batches: Some(batches), worker: Some(worker) })
    }
}

impl Iterator for Loader {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        if let Ok(batch) = self.batches.as_ref()?.recv() {
            return Some(batch);
        }
        // The worker has ended: after an error it has sent, or by a panic, which is a bug and goes on from here.
        if let Err(panic) = self.worker.take()?.join() {
            std::panic::resume_unwind(panic);
        }
        None
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // Closing the channel first wakes a worker that waits to send; the other order would wait for ever.
        drop(self.batches.take());
        if let Some(worker) = self.worker.take() {
            // A worker's panic has been seen by `next`, or concerns batches that nobody asked for.
            let _ = worker.join();
        }
    }
}

/// Sends batch after batch until the consumer is gone or reading fails.
fn produce(dataset: &dyn Dataset, config: &LoaderConfig, pool: &ThreadPool, sender: &SyncSender<Result<Batch>>) {
    let mut order = Order { n: dataset.len() as u64, seed: config.seed, current: None };
    let mut position = config.start;
    loop {
        let end = position + config.batch as u64;
        let places: Vec<(u64, usize)> = (position..end).map(|position| (position, order.index(position))).collect();
        let samples: Result<Vec<Sample>> = pool.install(|| {
            places.into_par_iter().map(|(position, index)| sample(dataset, config, position, index)).collect()
        });
        let has_failed = samples.is_err();
        let batch = samples.map(|samples| Batch::new(&samples, dataset.shape()));
        if sender.send(batch).is_err() || has_failed {
            return;
        }
        position = end;
    }
}

fn sample(dataset: &dyn Dataset, config: &LoaderConfig, position: u64, index: usize) -> Result<Sample> {
    let mut sample = dataset.read(index)?;
    if config.mirror && random::stream(config.seed, Purpose::Mirror, position).random::<bool>() {
        mirror(&mut sample.values, dataset.shape());
    }
    Ok(sample)
}

/// Which sample comes at which position of the training sequence.
struct Order {
    n: u64,
    seed: u64,
    /// The epoch last asked for, and its permutation.
    current: Option<(u64, Vec<usize>)>,
}

impl Order {
    fn index(&mut self, position: u64) -> usize {
        let (epoch, place) = (position / self.n, (position % self.n) as usize);
        if let Some((current, permutation)) = &self.current
            && *current == epoch
        {
            return permutation[place];
        }
        let mut permutation: Vec<usize> = (0..self.n as usize).collect();
        permutation.shuffle(&mut random::stream(self.seed, Purpose::Shuffle, epoch));
        let index = permutation[place];
        self.current = Some((epoch, permutation));
        index
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::image::Shape;

    /// Sample `i` has the values `i` and `-i`, side by side; reading `fails_at` fails.
    struct Numbers {
        n: usize,
        fails_at: Option<usize>,
        n_reads: AtomicUsize,
    }

    fn numbers(n: usize) -> Arc<Numbers> {
        Arc::new(Numbers { n, fails_at: None, n_reads: AtomicUsize::new(0) })
    }

    impl Dataset for Numbers {
        fn name(&self) -> &str {
            "numbers"
        }
        fn len(&self) -> usize {
            self.n
        }
        fn shape(&self) -> Shape {
            Shape { channels: 1, height: 1, width: 2 }
        }
        fn classes(&self) -> &[String] {
            &[]
        }
        fn description(&self) -> &str {
            "numbers"
        }
        fn read(&self, index: usize) -> Result<Sample> {
            self.n_reads.fetch_add(1, Ordering::SeqCst);
            match self.fails_at {
                Some(bad) if bad == index => Err(Error::setting("bad sample")),
                _ => Ok(Sample { values: vec![index as f32, -(index as f32)], label: None }),
            }
        }
    }

    fn config(batch: usize, seed: u64) -> LoaderConfig {
        LoaderConfig { batch, seed, mirror: false, start: 0 }
    }

    fn loader(n: usize, config: &LoaderConfig) -> Loader {
        Loader::new(numbers(n), config.clone()).unwrap()
    }

    fn firsts(batches: impl Iterator<Item = Result<Batch>>) -> Vec<f32> {
        let values = |batch: Result<Batch>| batch.unwrap().get("real").unwrap().clone().try_into_vec::<f32>().unwrap();
        batches.flat_map(values).step_by(2).collect()
    }

    #[test]
    fn every_epoch_shows_every_image_once_in_another_order() {
        let seen = firsts(loader(12, &config(4, 1)).take(6));
        let (first, second) = seen.split_at(12);
        let all: BTreeSet<usize> = (0..12).collect();
        for epoch in [first, second] {
            assert_eq!(epoch.iter().map(|&v| v as usize).collect::<BTreeSet<_>>(), all);
        }
        assert_ne!(first, second);
    }

    #[test]
    fn starting_later_gives_the_same_batches() {
        let config = LoaderConfig { mirror: true, ..config(5, 9) };
        let skipped: Vec<_> = loader(7, &config).skip(6).take(5).map(Result::unwrap).collect();
        let started: Vec<_> = loader(7, &LoaderConfig { start: 30, ..config }).take(5).map(Result::unwrap).collect();
        assert_eq!(skipped, started);
    }

    #[test]
    fn threads_and_batch_size_do_not_change_the_sequence() {
        let config = LoaderConfig { mirror: true, ..config(3, 4) };
        let threads = |n| firsts(Loader::with_threads(numbers(10), config.clone(), n).unwrap().take(20));
        let (one, many) = (threads(1), threads(5));
        let large = firsts(loader(10, &LoaderConfig { batch: 60, ..config.clone() }).take(1));
        assert_eq!(one, many);
        assert_eq!(one, large);
        assert_ne!(one, firsts(loader(10, &LoaderConfig { seed: 5, ..config }).take(20)));
    }

    #[test]
    fn about_half_of_the_images_are_mirrored_when_asked() {
        let config = config(500, 2);
        let n_mirrored = |config| firsts(loader(100, config).take(4)).iter().filter(|&&v| v < 0.0).count();
        assert_eq!(n_mirrored(&config), 0);
        let n = n_mirrored(&LoaderConfig { mirror: true, ..config });
        assert!((850..1150).contains(&n), "{n} of 2000");
    }

    #[test]
    fn reading_ahead_is_bounded_and_dropping_does_not_hang() {
        let dataset = numbers(50);
        let mut loader = Loader::new(dataset.clone(), config(10, 1)).unwrap();
        loader.next_batch().unwrap();
        drop(loader);
        // One taken, two waiting, one that could not be sent.
        let n_reads = dataset.n_reads.load(Ordering::SeqCst);
        assert!(n_reads <= 40, "{n_reads} reads");
        assert_eq!(Arc::strong_count(&dataset), 1);
    }

    #[test]
    fn an_error_is_the_last_item() {
        let dataset = Numbers { n: 4, fails_at: Some(2), n_reads: AtomicUsize::new(0) };
        let results: Vec<_> = Loader::new(Arc::new(dataset), config(4, 1)).unwrap().collect();
        assert_eq!(results.len(), 1);
        assert!(results[0].as_ref().unwrap_err().to_string().contains("bad sample"));
        assert!(Loader::new(numbers(4), config(0, 1)).is_err());
    }
}
