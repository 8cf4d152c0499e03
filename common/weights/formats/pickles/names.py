"""Which names of a pickle stand in as inert objects, and which are refused because they are known to do harm.

Nothing is imported or called here, whatever a name is: a stand-in only records it. But whoever is told that a file is
fine may load it elsewhere, with a reader that runs it. So a name is refused where it lies in the standard library
outside of the modules of plain data, in a package that runs what it is given, or in a framework's own loaders; and so
is a call of anything that is not named as a class is, since a class is all that an object needs.
"""

from __future__ import annotations

import sys
from typing import Any

from ..bounded_bytes import Malformed, quoted
from .values import Name, StandIn

# Of the standard library, what only holds data.
_DATA = frozenset(
    "argparse collections collections.abc dataclasses datetime decimal enum fractions itertools numbers pathlib "
    "pathlib._local random string typing uuid zoneinfo".split()
)
_BUILTIN = frozenset(
    "bool bytearray bytes complex dict float frozenset int list long object range set slice str tuple unicode".split()
)
# Modules of Python 2, and of Python 3 before they were taken out: the standard library of this Python lacks them.
_FORMER = frozenset(
    "_winreg aifc asynchat asyncore BaseHTTPServer binhex cgi cgitb commands copy_reg cPickle crypt cStringIO "
    "distutils exceptions formatter ftplib httplib imp imputil lib2to3 macpath msilib nntplib parser pipes popen2 "
    "Queue rexec sets smtpd SocketServer spwd StringIO symbol telnetlib thread urllib2 user UserDict xdrlib "
    "xmlrpclib".split()
)
_RUNNERS = frozenset(
    "_distutils_hack aiohttp cloudpickle dill fabric fsspec httpx invoke IPython jinja2 joblib jsonpickle numba "
    "paramiko pexpect pip pkg_resources plumbum psutil pty requests setuptools sh urllib3 wheel yaml".split()
)
_TORCH = ("torch.nn", "torch.optim", "torch.utils.data", "torch.distributions", "torch.cuda", "torch.amp", "torch.ao",
          "torch._C", "torch.testing")  # fmt: skip
# What lies in there and runs what it is given, all the same.
_NOT_OF_TORCH = ("torch._C._jit", "torch._C._distributed_rpc", "torch.testing._internal", "torch.cuda._gpu_trace")
# What a file may hold that cannot be read: its cause and next step.
_KNOWN = {
    ("torch._utils", "_rebuild_qtensor"): ("quantised tensors", "save the model as it was before it was quantised"),
    ("torch._utils", "_rebuild_sparse_tensor"): ("sparse tensors", "save them after .to_dense(), to a new file"),
    ("torch._utils", "_rebuild_nested_tensor"): ("nested tensors", "save their parts, to a new file"),
    ("torch._utils", "_rebuild_meta_tensor_no_storage"): ("tensors without values", "save the model with its values"),
    ("torch.fx.graph_module", "reduce_graph_module"): ("traced graphs", "save its state_dict() to a new file"),
    ("torch.storage", "_load_from_bytes"): (
        "tensors that pickle.dump wrote", "load it where it was written, and save it with torch.save to a new file"
    ),
}  # fmt: skip


def stand_in(module: str, name: str) -> Name | None:
    """What stands for a name that no reader knows; None where it is to be refused.

    Raises:
        Malformed: it belongs to tensors that are known, and not read.
    """
    known = _KNOWN.get((module, name))
    if known:
        what, step = known
        asked = f"it asks to run {quoted(f'{module}.{name}')}, which {what} need"
        raise Malformed(f"{asked}, and which is refused (nothing was run)", step)
    if not _harmless(module, name):
        return None
    label = f"{module}.{name}"

    def make(arguments: tuple) -> StandIn:
        return StandIn(label, arguments)

    return Name(label, make if _class_like(name.rpartition(".")[2]) else None, new=make, unread=True)


def member(arguments: tuple) -> Any:
    """`getattr(class or object, name)`, as enumerations and methods are pickled: a name that stands for itself."""
    match arguments:
        case (Name(unread=True, call=make, label=owner), str() as name) if make and _public(name):
            return Name(f"{owner}.{name}", unread=True)
        case (StandIn(label=owner), str() as name) if _public(name):
            return Name(f"{owner}.{name}", unread=True)
    raise Malformed(
        "it asks to run 'builtins.getattr', which is refused (nothing was run)",
        "save the plain state dict to a new file",
    )


def _public(name: str) -> bool:
    return name.isidentifier() and name[0] != "_"


def _class_like(part: str) -> bool:
    return part.lstrip("_")[:1].isupper()


def _harmless(module: str, name: str) -> bool:
    root, parts = module.partition(".")[0], name.split(".")
    if not all(part.isidentifier() for part in (*module.split("."), *parts)):
        return False
    if any(part.startswith("__") and part.endswith("__") for part in parts):
        return False
    if not all(map(_class_like, parts[:-1])):  # a module or a function on the way: `argparse` has all of `os` in it
        return False
    if root in ("builtins", "__builtin__"):
        return name in _BUILTIN or (_class_like(name) and len(parts) == 1)
    if module in _DATA:
        return _class_like(name)
    if root == "torch":
        return _within(module, _TORCH) and not _within(module, _NOT_OF_TORCH)
    if root in ("__main__", "__torch__"):
        return True
    return root not in sys.stdlib_module_names and root not in _FORMER | _RUNNERS | {"numpy"}


def _within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)
