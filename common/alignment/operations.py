"""Names of functions, tensor methods and operators of both frameworks → the kind of what they compute."""

from __future__ import annotations

# kind → what either framework calls it, where that is not the kind's own name. A trailing underscore (in place) and the
# underscores of an operator are taken off before the name is looked up.
_ALIASES = {
    "identity": "contiguous clone to float double half bfloat16 astype cast type type_as cpu cuda detach assign alias "
    "requires_grad_ view_as_same pin_memory",
    "reshape": "view view_as reshape_as flatten unflatten squeeze unsqueeze ravel",
    "transpose": "permute t T mT swapaxes swapdims movedim moveaxis matrix_transpose",
    "expand": "expand_as broadcast_to tile repeat repeat_interleave",
    "select": "getitem slice narrow index_select gather take_along_dim take_along_axis strided_slice "
    "masked_select crop",
    "split": "chunk unbind unstack tensor_split",
    "concat": "cat concatenate hstack vstack",
    "add": "radd iadd",
    "subtract": "sub rsub isub rsubtract",
    "multiply": "mul rmul imul scale",
    "divide": "div rdiv truediv rtruediv itruediv true_divide",
    "power": "pow rpow square",
    "negative": "neg",
    "matmul": "mm bmm rmatmul",
    "hardtanh": "clip clamp",
    "silu": "swish",
    "log_sigmoid": "logsigmoid",
    "interpolate": "upsample",
    "pad": "constant_pad_nd",
    "channel_dropout": "dropout1d dropout2d dropout3d feature_dropout",
    "lstm": "_VF.lstm",
    "maximum": "amax max",
    "minimum": "amin min",
    "variance": "var",
    "deviation": "std",
    "attention": "scaled_dot_product_attention multi_head_attention_forward",
    "norm_l2": "normalize",
    "random_normal": "randn randn_like standard_normal",
    "random_uniform": "rand rand_like",
    "embedding": "lookup_table",
    "less": "lt less_than",
    "greater": "gt greater_than",
    "equal": "eq",
}
_KIND_OF = {alias: kind for kind, aliases in _ALIASES.items() for alias in aliases.split()}

# What only moves or copies values. Frameworks need different numbers of these for the same thing.
MOVES = frozenset({"identity", "reshape", "transpose", "expand", "select", "split"})
RANDOM = frozenset({"random_normal", "random_uniform", "bernoulli"})


def operation_kind(name: str) -> str:
    """The kind of a function called `name`: `__radd__`, `add_` and `add` are all `add`."""
    plain = name.strip("_") or name
    for digit in "123":  # max_pool2d_with_indices, boolean_dispatch names
        plain = plain.replace(f"{digit}d_with_indices", f"{digit}d")
    return _KIND_OF.get(name, _KIND_OF.get(plain, plain))
