//! Batches for ever: shuffled, mirrored, shifted and decoded ahead of the consumer on threads of their own.
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

use super::{Batch, Dataset, Sides};
use crate::error::{Error, Result};
use crate::image::{Shape, mirror, window};
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
    /// Pixels by which every image is shifted at most, in each direction.
    pub shift: usize,
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
    let mut orders = Orders::new(dataset, config.seed);
    let mut position = config.start;
    loop {
        let end = position + config.batch as u64;
        let places: Vec<Place> = (position..end).map(|position| orders.place(position)).collect();
        let batch = pool.install(|| match dataset.sides() {
            Some(sides) => batch_of_sides(sides, dataset.shape(), config, &places),
            None => batch(dataset, config, &places),
        });
        let has_failed = batch.is_err();
        if sender.send(batch).is_err() || has_failed {
            return;
        }
        position = end;
    }
}

fn batch(dataset: &dyn Dataset, config: &LoaderConfig, places: &[Place]) -> Result<Batch> {
    let shape = dataset.shape();
    let sample = |place: &Place| {
        let mut rng = random::stream(config.seed, Purpose::Part, place.position);
        let mut sample = dataset.read_crop(place.indices[0], &mut rng)?;
        View::draw(config, place.position, SOURCE).show(&mut sample.values, shape);
        Ok(sample)
    };
    Ok(Batch::new(&places.par_iter().map(sample).collect::<Result<Vec<_>>>()?, shape))
}

fn batch_of_sides(sides: &dyn Sides, shape: Shape, config: &LoaderConfig, places: &[Place]) -> Result<Batch> {
    let is_paired = sides.is_paired();
    let read = |place: &Place| {
        let mut both = sides.read(place.indices)?;
        // Both of a pair move alike.
        let streams = [SOURCE, if is_paired { SOURCE } else { TARGET }];
        for (values, streams) in both.iter_mut().zip(streams) {
            View::draw(config, place.position, streams).show(values, shape);
        }
        Ok(both)
    };
    let both = places.par_iter().map(read).collect::<Result<Vec<_>>>()?;
    let pairs = is_paired.then(|| places.iter().map(|place| place.indices[0] as i64).collect());
    Ok(Batch::of_sides(&both, pairs, shape))
}

/// Where mirroring and shifting are drawn from.
const SOURCE: [Purpose; 2] = [Purpose::Mirror, Purpose::Shift];
const TARGET: [Purpose; 2] = [Purpose::TargetMirror, Purpose::TargetShift];

/// How an image is shown.
struct View {
    is_mirrored: bool,
    /// In pixels, down and to the right.
    shift: [isize; 2],
}

impl View {
    fn draw(config: &LoaderConfig, position: u64, [mirror, shift]: [Purpose; 2]) -> Self {
        let is_mirrored = config.mirror && random::stream(config.seed, mirror, position).random::<bool>();
        if config.shift == 0 {
            return Self { is_mirrored, shift: [0, 0] };
        }
        let mut rng = random::stream(config.seed, shift, position);
        let most = config.shift as i64;
        Self { is_mirrored, shift: [0, 1].map(|_| rng.random_range(-most..=most) as isize) }
    }

    fn show(&self, values: &mut Vec<f32>, shape: Shape) {
        if self.is_mirrored {
            mirror(values, shape);
        }
        if self.shift != [0, 0] {
            *values = window(values, shape, self.shift.map(|pixels| -pixels), [shape.height, shape.width]);
        }
    }
}

/// What comes at a position of the training sequence.
struct Place {
    position: u64,
    /// Of the sample or source, and of the target.
    indices: [usize; 2],
}

/// The orders in which samples, or sources and targets, come.
struct Orders {
    first: Order,
    /// Of targets that are not paired with sources.
    second: Option<Order>,
}

impl Orders {
    fn new(dataset: &dyn Dataset, seed: u64) -> Self {
        let order = |n: usize, purpose| Order { n: n as u64, seed, purpose, current: None };
        let unpaired = dataset.sides().filter(|sides| !sides.is_paired());
        Self {
            first: order(dataset.len(), Purpose::Shuffle),
            second: unpaired.map(|sides| order(sides.lens()[1], Purpose::TargetShuffle)),
        }
    }

    fn place(&mut self, position: u64) -> Place {
        let first = self.first.index(position);
        let second = self.second.as_mut().map_or(first, |order| order.index(position));
        Place { position, indices: [first, second] }
    }
}

/// Which sample comes at which position of the training sequence.
struct Order {
    n: u64,
    seed: u64,
    purpose: Purpose,
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
        permutation.shuffle(&mut random::stream(self.seed, self.purpose, epoch));
        let index = permutation[place];
        self.current = Some((epoch, permutation));
        index
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::Sample;
    use super::*;

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
        LoaderConfig { batch, seed, mirror: false, shift: 0, start: 0 }
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

    /// Sources are numbers, targets the same numbers and a hundred; three pixels each.
    struct Pairs {
        is_paired: bool,
    }

    impl Dataset for Pairs {
        fn name(&self) -> &str {
            "pairs"
        }
        fn len(&self) -> usize {
            10
        }
        fn shape(&self) -> Shape {
            Shape { channels: 1, height: 1, width: 3 }
        }
        fn classes(&self) -> &[String] {
            &[]
        }
        fn description(&self) -> &str {
            "pairs"
        }
        fn read(&self, index: usize) -> Result<Sample> {
            Err(Error::setting(format!("sample {index} was not asked for as one of two sides")))
        }
        fn sides(&self) -> Option<&dyn Sides> {
            Some(self)
        }
    }

    impl Sides for Pairs {
        fn lens(&self) -> [usize; 2] {
            [10, if self.is_paired { 10 } else { 7 }]
        }
        fn is_paired(&self) -> bool {
            self.is_paired
        }
        fn read(&self, [source, target]: [usize; 2]) -> Result<[Vec<f32>; 2]> {
            let values = |first: usize| (0..3).map(|i| first as f32 + 0.1 * i as f32).collect();
            Ok([values(source), values(100 + target)])
        }
        fn holds_out(&self) -> bool {
            false
        }
        fn shown(&self, _n: usize) -> Result<Vec<[Vec<f32>; 2]>> {
            Ok(vec![])
        }
    }

    fn sides(is_paired: bool, config: &LoaderConfig, n: usize) -> [Vec<f32>; 2] {
        let mut loader = Loader::new(Arc::new(Pairs { is_paired }), config.clone()).unwrap();
        let batches: Vec<Batch> = (0..n).map(|_| loader.next_batch().unwrap()).collect();
        assert_eq!(batches[0].get("pair").is_ok(), is_paired);
        ["source", "target"].map(|name| {
            batches.iter().flat_map(|batch| batch.get(name).unwrap().clone().try_into_vec::<f32>().unwrap()).collect()
        })
    }

    #[test]
    fn pairs_stay_together_under_mirroring_and_shifts() {
        let config = LoaderConfig { mirror: true, shift: 2, ..config(5, 3) };
        let [sources, targets] = sides(true, &config, 8);
        assert!(sources.iter().zip(&targets).all(|(source, target)| (target - source - 100.0).abs() < 1e-3));
        assert!(sources.chunks(3).any(|values| values[0] > values[1]) && sources.chunks(3).any(|v| v[0] < v[1]));
    }

    #[test]
    fn unpaired_sides_have_orders_of_their_own_and_resume() {
        let config = LoaderConfig { mirror: true, shift: 1, ..config(5, 3) };
        let [sources, targets] = sides(false, &config, 14);
        let numbers = |values: &[f32]| values.chunks(3).map(|v| v[1].floor() as usize).collect::<Vec<_>>();
        let (sources_seen, targets_seen) = (numbers(&sources), numbers(&targets));
        for target in 100..107 {
            assert_eq!(targets_seen.iter().filter(|&&seen| seen == target).count(), 10);
        }
        assert!((0..10).all(|source| sources_seen.iter().filter(|&&seen| seen == source).count() == 7));
        let [later, _] = sides(false, &LoaderConfig { start: 35, ..config }, 7);
        assert_eq!(later, sources[105..]);
    }
}
