"""neonize's generated protobuf modules, loaded without neonize itself.

`import neonize` loads a shared library that starts a Go runtime; a server has no use for it. The
generated modules import each other by names that are relative to `neonize/proto`, so that
directory stands on the module path while they load, and no longer.
"""

import importlib
import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

from waziterm.domain.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Protobufs:
    """The generated modules that the lab speaks with."""

    wa6: ModuleType
    cert: ModuleType
    adv: ModuleType
    e2e: ModuleType
    history: ModuleType
    companion: ModuleType


@cache
def protobufs() -> Protobufs:
    """Load the generated modules, once.

    Raises ModuleNotFoundError when neonize is not installed.
    """
    spec = importlib.util.find_spec("neonize")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("neonize is not installed; the lab needs its protobuf modules")
    folder = str(Path(spec.submodule_search_locations[0]) / "proto")
    sys.path.insert(0, folder)
    try:
        return Protobufs(
            wa6=importlib.import_module("waWa6.WAWebProtobufsWa6_pb2"),
            cert=importlib.import_module("waCert.WACert_pb2"),
            adv=importlib.import_module("waAdv.WAAdv_pb2"),
            e2e=importlib.import_module("waE2E.WAWebProtobufsE2E_pb2"),
            companion=importlib.import_module("waCompanionReg.WAWebProtobufsCompanionReg_pb2"),
            history=importlib.import_module("waHistorySync.WAWebProtobufsHistorySync_pb2"),
        )
    finally:
        sys.path.remove(folder)
