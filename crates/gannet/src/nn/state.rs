//! A network's state as named tensors: what checkpoints hold.
//!
//! A name is the path of fields that leads to the tensor, `layers.0.conv.weight`, under a prefix such as `generator`.

use std::collections::{BTreeMap, HashMap};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{DType, Tensor, TensorData};

/// Tensors by name, in name order.
pub type Tensors = BTreeMap<String, TensorData>;

/// Writes every weight and buffer of `module` into `into`, under `prefix`.
pub fn save<M: Module>(module: &M, prefix: &str, into: &mut Tensors) {
    module.visit(&mut Save { path: Path::new(prefix), into });
}

/// `module` with every weight and buffer taken from `from`, or what is missing or of another shape.
pub fn load<M: Module>(module: M, prefix: &str, from: &Tensors) -> Result<M, String> {
    let mut loader = Load { path: Path::new(prefix), from, problem: None };
    let loaded = module.map(&mut loader);
    loader.problem.map_or(Ok(loaded), Err)
}

/// `module` whose weights that `is_fixed` says, by their names, take no gradient any more.
pub fn freeze<M: Module>(module: M, is_fixed: impl Fn(&str) -> bool) -> M {
    module.map(&mut Freeze { path: Path::new(""), is_fixed })
}

/// What each weight of `module` is called.
pub fn names<M: Module>(module: &M) -> HashMap<ParamId, String> {
    let mut names = Names { path: Path::new(""), names: HashMap::new() };
    module.visit(&mut names);
    names.names
}

/// The tensor called `name`, checked to be f32 and of `shape`.
pub fn take<'a>(from: &'a Tensors, name: &str, shape: &[usize]) -> Result<&'a TensorData, String> {
    let data = from.get(name).ok_or_else(|| format!("it holds no tensor `{name}`"))?;
    if data.shape().as_slice() != shape {
        return Err(format!("`{name}` has shape {:?}, this network needs {shape:?}", data.shape().as_slice()));
    }
    if data.dtype() != DType::F32 {
        return Err(format!("`{name}` holds {:?}, accepted: F32", data.dtype()));
    }
    Ok(data)
}

/// Where a visitor or mapper stands in the tree of fields.
pub(crate) struct Path(Vec<String>);

impl Path {
    pub(crate) fn new(prefix: &str) -> Self {
        Self(if prefix.is_empty() { vec![] } else { vec![prefix.to_owned()] })
    }

    pub(crate) fn enter(&mut self, name: &str, container: &str) {
        if !is_enum(container) {
            self.0.push(name.to_owned());
        }
    }

    pub(crate) fn exit(&mut self, container: &str) {
        if !is_enum(container) {
            self.0.pop();
        }
    }

    pub(crate) fn name(&self) -> String {
        self.0.join(".")
    }
}

/// Which variant of an enum holds a network is said by its settings, not by the names of its tensors.
fn is_enum(container: &str) -> bool {
    container.starts_with("Enum:")
}

struct Save<'a> {
    path: Path,
    into: &'a mut Tensors,
}

impl ModuleVisitor for Save<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.into.insert(self.path.name(), param.val().into_data());
    }
}

struct Names {
    path: Path,
    names: HashMap<ParamId, String>,
}

impl ModuleVisitor for Names {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.names.insert(param.id, self.path.name());
    }
}

struct Freeze<F> {
    path: Path,
    is_fixed: F,
}

impl<F: Fn(&str) -> bool> ModuleMapper for Freeze<F> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if (self.is_fixed)(&self.path.name()) { param.set_require_grad(false) } else { param }
    }
}

struct Load<'a> {
    path: Path,
    from: &'a Tensors,
    problem: Option<String>,
}

impl ModuleMapper for Load<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match take(self.from, &self.path.name(), &param.val().dims()) {
            Ok(data) => param.map(|old| {
                let value = Tensor::from_data(data.clone(), &old.device());
                value.set_require_grad(old.is_require_grad())
            }),
            Err(problem) => {
                self.problem.get_or_insert(problem);
                param
            }
        }
    }
}
