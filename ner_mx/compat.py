"""The one door to MXNet: everything that must happen before and around its import.

``from ner_mx.compat import mx`` gives an MXNet 1.9.1 that works on numpy 1.26
and, where the CUDA build is installed, finds its libraries.  What stands in
the way is a :class:`~ner_mx.errors.DeviceError` of one sentence.
"""

from __future__ import annotations

import ctypes
import glob
import logging
import os
import platform
import random
import re
import sys
import warnings
from contextlib import contextmanager
from importlib import metadata
from typing import Iterator, List, Optional, Tuple

import numpy as np

from ner_mx.errors import DeviceError, install

log = logging.getLogger(__name__)

# The libraries that mxnet-cu112's libmxnet.so asks for, in an order in which each
# finds the ones before it.  Its RPATH is its own folder, so they are loaded beforehand.
CUDA_LIBRARIES = (
    "libcudart.so.11.0", "libcublasLt.so.11", "libcublas.so.11", "libcufft.so.10",
    "libcurand.so.10", "libcusparse.so.11", "libcusolver.so.11", "libnvrtc.so.11.2",
    "libnvToolsExt.so.1", "libnccl.so.2", "libcudnn.so.8")

# The build has machine code for compute capability 5.0 to 8.6, and no PTX to compile for later ones.
# Code for 8.6 runs on 8.9, too: both are of one major version.
OLDEST_CAPABILITY, NEWEST_CAPABILITY = (5, 0), (8, 9)


def installed_builds() -> List[str]:
    """The MXNet distributions in this environment."""
    names = ((dist.metadata["Name"] or "").lower() for dist in metadata.distributions())
    return sorted({name for name in names if re.fullmatch(r"mxnet(-cu\d+)?", name)})


def check_builds(builds: List[str]) -> None:
    """Refuse an environment with no MXNet, or with two that overwrite each other.

    Raises
    ------
    DeviceError
    """
    if not builds:
        if sys.version_info >= (3, 13):
            raise DeviceError("MXNet 1.9.1 wants numpy 1.26 and thus Python 3.9 to 3.12, and this is "
                              f"{platform.python_version()}; make an environment with one of those")
        raise DeviceError(f'MXNet is not installed; {install("cpu")}, or {install("gpu")} for a GPU')
    if len(builds) > 1:
        raise DeviceError(f"{' and '.join(builds)} are both installed and overwrite each other; "
                          f"pip uninstall {' '.join(builds)}, then install one of them")


def library_folders() -> List[str]:
    """The ``lib`` folders of the ``nvidia-*-cu11`` wheels."""
    return [folder for path in sys.path for folder in
            sorted(glob.glob(os.path.join(path, "nvidia", "*", "lib")))]


def preload_cuda(folders: Optional[List[str]] = None) -> None:
    """Load the CUDA libraries so that libmxnet.so finds them by name.

    Raises
    ------
    DeviceError : no driver, or a library that is nowhere.
    """
    try:
        ctypes.CDLL("libcuda.so.1", ctypes.RTLD_GLOBAL)
    except OSError:
        raise DeviceError("mxnet-cu112 needs NVIDIA's driver (libcuda.so.1), which is not here; "
                          f'install the driver, or use the CPU build: {install("cpu")}') from None
    folders = library_folders() if folders is None else folders
    for name in CUDA_LIBRARIES:
        candidates = [os.path.join(folder, name) for folder in folders] + [name]
        for candidate in candidates:
            try:
                ctypes.CDLL(candidate, ctypes.RTLD_GLOBAL)
                break
            except OSError:
                continue
        else:
            raise DeviceError(f'mxnet-cu112 needs {name}, which is not here; {install("gpu")}')


def gpu_capability(number: int) -> Tuple[int, int]:
    """The compute capability of a GPU, asked of the driver.

    Raises
    ------
    DeviceError : no driver, or no such GPU.
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        raise DeviceError("no NVIDIA driver (libcuda.so.1) is here; set run.device to cpu") from None
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    # 75 and 76 are CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR.
    if (driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), number)
            or driver.cuDeviceGetAttribute(ctypes.byref(major), 75, device)
            or driver.cuDeviceGetAttribute(ctypes.byref(minor), 76, device)):
        raise DeviceError(f"the driver knows no GPU {number}; set run.device to cpu")
    return major.value, minor.value


def check_capability(number: int, capability: Tuple[int, int]) -> None:
    """Refuse a GPU for which the last MXNet has no machine code.

    Raises
    ------
    DeviceError
    """
    if not OLDEST_CAPABILITY <= capability <= NEWEST_CAPABILITY:
        raise DeviceError(
            f"GPU {number} has compute capability {capability[0]}.{capability[1]}, and the last MXNet "
            "holds machine code for 5.0 to 8.6; set run.device to cpu")


def _tune_process() -> None:
    """What must be set before libmxnet.so and its OpenMP library are loaded.

    The user's own environment variables go before these.
    """
    # Its notes on lazy updates and storage go to stderr from C++; our log says what runs.
    os.environ.setdefault("MXNET_STORAGE_FALLBACK_LOG_VERBOSE", "0")
    # The operators are short; threads that sleep between them wake too late (measured on two
    # cores: 14k tokens/s asleep, 20k awake).  Threads that never sleep take Python's core away
    # in small batches (56 ms a step against 37): they wait awake for some ten microseconds.
    os.environ.setdefault("OMP_WAIT_POLICY", "active")
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    # MXNet frees and asks for the same large blocks at every step.  Kept by malloc instead
    # of returned to the system, they are not mapped anew page by page.
    libc = ctypes.CDLL("libc.so.6")
    for parameter, value in ((-3, 1 << 30), (-1, (1 << 31) - 1), (-2, 1 << 26), (-8, 1)):
        libc.mallopt(parameter, value)  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD, M_ARENA_MAX


@contextmanager
def _passed_over(*names: str) -> Iterator[None]:
    """Let the import of these packages fail for a while, as if they were not installed.

    MXNet imports scikit-learn and SciPy, and pandas with them, for a class of
    its past and for quantization, which nothing here uses; it goes without, and
    its own import takes half of the time.
    """
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def _import_mxnet():
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise DeviceError(f"MXNet 1.9.1 runs on Linux x86-64 alone, and this is {sys.platform} "
                          f"{platform.machine()}; train there, models then run anywhere")
    builds = installed_builds()
    check_builds(builds)
    if builds != ["mxnet"]:
        preload_cuda()
    # MXNet 1.9.1 was written for numpy < 1.24, which had an alias of this name.
    if "bool" not in np.__dict__:
        np.bool = np.bool_
    _tune_process()
    with warnings.catch_warnings(), _passed_over("sklearn", "scipy"):
        warnings.simplefilter("ignore")
        try:
            import mxnet
        except (ImportError, OSError) as error:
            raise DeviceError(f"MXNet is installed but cannot be imported: {error}") from None
    return mxnet


mx = _import_mxnet()


def choose_device(wanted: str):
    """The MXNet context for ``run.device``.

    ``auto`` takes GPU 0 when the CUDA build, a driver and a GPU that the build
    knows are there, and the CPU otherwise.

    Raises
    ------
    DeviceError : a GPU is asked for that cannot be used, or something that is no device.
    """
    if not re.fullmatch(r"auto|cpu|gpu(\(\d+\))?", wanted):
        raise DeviceError(f"device: expected auto, cpu, gpu or gpu(N), found {wanted}")
    built_for_gpu = mx.runtime.Features().is_enabled("CUDA")
    if wanted == "auto":
        if not built_for_gpu:
            return mx.cpu()
        try:
            check_capability(0, gpu_capability(0))
        except DeviceError as error:
            log.warning("training on the CPU: %s", error)
            return mx.cpu()
        return mx.gpu(0)
    if wanted == "cpu":
        return mx.cpu()
    number = int(re.sub(r"\D", "", wanted) or 0)
    if not built_for_gpu:
        raise DeviceError(f"run.device is {wanted}, and this MXNet is the CPU build; "
                          f'in a new environment: {install("gpu")}')
    check_capability(number, gpu_capability(number))
    return mx.gpu(number)


def seed_everything(*parts: int) -> None:
    """Seed MXNet, numpy and Python from several numbers, such as (seed, epoch).

    MXNet's random state cannot be read back, so whoever wants to resume
    seeds anew at each point from which training may go on.
    """
    number = int(np.random.SeedSequence(parts).generate_state(1)[0] >> 1)
    mx.random.seed(number)
    np.random.seed(number)
    random.seed(number)
