"""What a framework must offer to the kit, as protocols: `backends/torch` and `backends/paddle` fulfil them.

The first seven are modules: `Device` is `device.py` of each side, and so on. What a function does is said here, once;
the modules say only where their framework needs something else than one would think.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np

from ..common.dictionary.draws import Draw, Numbers
from ..common.traces.optimizer import OptimizerSettings
from ..common.weights.optimizer.adam_state import OptimizerState

Tensor = Any  # of the framework
Model = Any  # a `torch.nn.Module` or a `paddle.nn.Layer`
Optimizer = Any


class Unsupported(Exception):
    """The framework has no such arithmetic on that device; the message says which."""


class Device(Protocol):
    """Devices and numerical modes of the process."""

    def choose_device(self, wanted: str) -> str:
        """`cpu` or `cuda`; of `auto`, a GPU where there is one.

        Raises:
            EnvironmentFailed: `cuda` was asked for and the framework finds none.
        """
        ...

    def make_repeatable(self) -> AbstractContextManager:
        """Full float32 products and deterministic algorithms: two runs, and two frameworks, can be compared.

        Lasting; as a context, it puts the settings, the device and the random state back that it found.
        """
        ...

    def allow_tf32(self, device: str) -> None:
        """Let CUDA round the operands of float32 products to TF32, until `make_repeatable`.

        Raises:
            Unsupported: nothing would be rounded, and float32 would pass for TF32.
        """

    def refusal(self, error: RuntimeError, dtype: str) -> str | None:
        """Why the framework refuses a precision; None of an error that means something else."""
        ...

    def version(self) -> str:
        """The framework's name and version."""
        ...

    def seed_all(self, seed: int) -> None:
        """Make what the framework draws itself repeatable: fresh weights, and the noise of a rounding pass."""

    def default_dtype(self, dtype: str) -> AbstractContextManager[None]:
        """Within, what a model makes without saying its type is of this one."""
        ...


class Tensors(Protocol):
    """Single tensors: made, read, and their gradients seen."""

    def is_tensor(self, content: Any) -> bool: ...

    def tensor(self, array: np.ndarray, dtype: str, device: str, gradient: bool = False) -> Tensor:
        """The array on a device: floating ones in `dtype`, whole numbers as they are; without a copy where none is due.

        Args:
            gradient: floating ones are copied, and a gradient can arrive at the copy.
        """
        ...

    def like(self, array: np.ndarray, tensor: Tensor) -> Tensor:
        """A tensor of the array's values, of the type and on the device of another."""
        ...

    def to_numpy(self, tensor: Tensor) -> np.ndarray:
        """The values on the CPU, not a copy where none is needed; of bfloat16, which NumPy lacks, as float32."""
        ...

    def to_array(self, tensor: Tensor) -> np.ndarray:
        """`to_numpy` as an array that is nobody else's, row-major whatever the tensor's memory format."""
        ...

    def is_floating(self, tensor: Tensor) -> bool: ...

    def as_real(self, tensor: Tensor) -> Tensor:
        """A tensor to sum over: of complex numbers their two parts, of half precision in float32, else itself."""
        ...

    def cast_like(self, tensor: Tensor, other: Tensor) -> Tensor:
        """A tensor in the type of another."""
        ...

    def has_gradient(self, tensor: Tensor) -> bool:
        """Whether a gradient can arrive at it."""
        ...

    def version_of(self, tensor: Tensor) -> int:
        """A number that changes in place raise, of the tensor or of one that shares its memory."""
        ...

    def memory_of(self, tensor: Tensor) -> int | None:
        """What tells whether two tensors lie in the same memory; None where there is none."""
        ...

    def lives_on(self, tensor: Tensor) -> bool:
        """Whether it is none that a pass computes, and may be there after it."""
        ...

    def on_gradient(self, tensor: Tensor, write: Callable[[Tensor | None], Tensor | None]) -> Any:
        """Call `write(gradient)` once the whole gradient of a tensor is known; what it returns takes its place.

        Returns:
            What takes the hook away again, by its `remove()`.
        """
        ...

    def keeper(self, tensor: Tensor) -> Callable[[], None]:
        """Take a tensor's gradient away, and give what puts it back with its memory, values, type, place and flag."""
        ...

    def noisy(self, tensor: Tensor, size: float, in_place: bool = False) -> Tensor:
        """The tensor plus random numbers of `size` times its root mean square; large ones repeat a million of them.

        Args:
            in_place: change the tensor behind the back of the backward pass, where the framework can.
        """
        ...

    def without_gradients(self) -> AbstractContextManager: ...

    def stack(self, tensors: list[Tensor]) -> Tensor:
        """Tensors of one shape along a new first axis."""
        ...

    def gather(self, tensor: Tensor, rows: Tensor) -> Tensor:
        """Rows of a tensor, on its device."""
        ...


class Weights(Protocol):
    """Parameters and buffers of any model, by the names and in the layout of its own state dict."""

    def tensors(self, model: Model) -> dict[str, Tensor]:
        """Parameters and buffers, the live ones."""
        ...

    def assign(self, model: Model, arrays: Mapping[str, np.ndarray]) -> None:
        """Set those that are given, in the type that each has; others stay."""

    def fill(self, live: Mapping[str, Tensor], arrays: Mapping[str, np.ndarray]) -> None:
        """The same, of tensors that `tensors` gave: for many changes to a large model, whose tensors are found once."""

    def load_strictly(self, model: Model, arrays: Mapping[str, np.ndarray]) -> None:
        """Load a state dict through the framework's own loading.

        Raises:
            BadInput: the framework does not take it, or a key is missing or unexpected.
        """

    def to_dtype(self, model: Model, dtype: str) -> None:
        """Bring floating parameters and buffers to a type, in place."""

    def narrow(self, model: Model, types: Mapping[str, str]) -> None:
        """Bring some tensors, by state-dict name, to types of their own."""
        ...

    def to_device(self, model: Model, device: str) -> None:
        """Bring parameters and buffers to a device, in place."""

    def clear_gradients(self, model: Model) -> None:
        """Leave no parameter a gradient, not even zeros."""


class Optimizers(Protocol):
    """The framework's optimizers, with every number said. `parameters`: name → the live parameter."""

    def make(self, wanted: OptimizerSettings | Callable, parameters: Sequence[Tensor]) -> Optimizer:
        """The framework's own; or what a user's function makes of the parameters."""
        ...

    def described(self, optimizer: Optimizer) -> dict[str, Any]:
        """Kind and numbers under the names of `traces/optimizer.py`; what cannot be told is left out."""
        ...

    def kept(self, optimizer: Optimizer, key: str, parameter: Tensor) -> Tensor | None:
        """What is kept for a parameter under the framework's name of a moment."""
        ...

    def load_state(self, optimizer: Optimizer, parameters: Mapping[str, Tensor], state: OptimizerState) -> None:
        """Have a fresh Adam go on from moments (in the parameters' own layout) and a step."""

    def of_groups(self, kind: str, groups: Sequence[tuple[Mapping[str, float], Sequence[Tensor]]]) -> list[Optimizer]:
        """The framework's own for groups of numbers and parameters: one, or where it must be so one for each."""
        ...

    def go_on(self, optimizers: Sequence[Optimizer], state: Mapping[str, Any]) -> None:
        """One step, with the gradients that are there, from the arrays of a file, taken by the framework's own loading.

        Args:
            state: what is kept of the parameters of all.
        """

    def clip_gradients(self, parameters: Sequence[Tensor], bound: float) -> None:
        """Scale all gradients by bound / (norm + 1e-6) where their global norm exceeds the bound: PyTorch's form."""


class Calls(Protocol):
    """A model's layers, and what the framework is asked for while it runs."""

    NAME: str

    def is_library(self, cls: type) -> bool:
        """Whether a class is the framework's own: the very object, not one of its name."""
        ...

    def intercept(self, handler: Callable, model: Model) -> AbstractContextManager:
        """Within, `handler(name, function, args, kwargs)` is called in the place of every function of the framework."""
        ...

    def quiet(self) -> AbstractContextManager:
        """Within, nothing is intercepted."""
        ...

    def children(self, module: Model) -> dict[str, Any]:
        """The live table of the modules that one holds, by name."""
        ...

    def inner(self, module: Model) -> Model | None:
        """The module that one wraps which compiles it or spreads it over devices; None of any other."""
        ...

    def autocast(self) -> str:
        """The precision that operations are told to compute in at this moment, such as "bfloat16"; empty: their own."""
        ...

    def exported(self, path: str, program: str | None = None) -> Model:
        """The model that a file or a folder holds which the framework exports to; it runs in evaluation.

        Args:
            program: the file of its program, where that does not lie beside the other.

        Raises:
            BadInput: it is no such file, or holds what is not known here.
        """
        ...

    def refuse_unseen(self, model: Model) -> None:
        """Say what nobody could watch.

        Raises:
            BadInput: a part of the model is no Python, or has no values.
        """

    def opened(self, function: Callable) -> Callable:
        """For within `intercept`: a function of the framework's that tells of its inner calls, not of itself."""
        ...

    def named_modules(self, model: Model) -> Iterator[tuple[str, Any]]:
        """Path and module, each module once, in the order of declaration."""
        ...


class Float64(Protocol):
    """What makes a pass in float64 one throughout, so that two frameworks can be held against each other's mathematics.

    Labels, masks and constants are float32 in a model that is float64; and kernels keep numbers in float32, see
    `Entry.float32`: an error of 1e-8 that is no difference of the models.
    """

    def throughout(self) -> AbstractContextManager[None]:
        """Within, tensors and types of less take part as float64, and no number that is said is rounded."""
        ...


class GivenNumbers(Numbers, Protocol):
    """What the kit gives in the place of what a framework draws."""

    paused: bool  # the framework draws by itself

    def made(self, draw: Draw, shape: tuple[int, ...], told: Mapping[str, Any]) -> np.ndarray:
        """What one draw gives, from the arguments of its operator by name."""
        ...

    def kept(self, shape: tuple[int, ...], chance: float) -> np.ndarray:
        """True where a dropout keeps."""
        ...

    def slopes(self, shape: tuple[int, ...], lower: float, upper: float) -> np.ndarray: ...

    def exponential(self, shape: tuple[int, ...]) -> np.ndarray: ...

    def unknown(self, name: str) -> None:
        """An operator draws what the kit has no numbers for."""


class Draws(Protocol):
    """What the framework draws, at its lowest layer, so that no function and no layer that draws is missed."""

    def given(self, numbers: GivenNumbers) -> AbstractContextManager[None]:
        """Within, the kit's numbers come in the place of the framework's own, and fresh memory holds one number."""
        ...

    def place(self) -> int:
        """The seed of the framework's generator, which is part of the state that people save and put back."""
        ...

    def go_to(self, place: int) -> None:
        """Seed the framework's generator."""


class Layers(Protocol):
    """What the framework calls the layers of a spec, which it makes of the spec's numbers in the spec's order."""

    FRAMEWORK: Any  # the package
    MODEL: type  # what every model of the framework is
    CLASSES: Mapping[str, Callable]  # by the spec's kinds
    BIAS: str  # the argument that says whether there is a bias
    RuledBatchNorm: Callable


class Framework(Protocol):
    """The package of one framework, as `load_backend` gives it."""

    device: Device
    tensors: Tensors
    weights: Weights
    optimizers: Optimizers
    calls: Calls
    float64: Float64
    draws: Draws
    layers: Layers
    MODEL: type  # what every model of the framework is
    Model: type  # a spec's model, and one of its networks
    Net: type
    Session: type
