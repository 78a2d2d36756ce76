"""The only place that imports MXNet, with everything that must happen before and around the import.

``from ner_mx.compat import mx`` gives an MXNet 1.9.1 that works on numpy 1.26
and, if the CUDA build is installed, finds its libraries.  If that is not
possible, a :class:`~ner_mx.errors.DeviceError` says why.  Importing this
module alone changes nothing in the process.
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
from typing import Any, Iterator, List, Optional, Tuple

import numpy as np

from ner_mx.errors import DeviceError, install
from ner_mx.machine import available_cores

log = logging.getLogger(__name__)

# The libraries that mxnet-cu112's libmxnet.so needs, in an order in which each finds those
# before it.  Its RPATH is its own folder, so they are loaded beforehand.
CUDA_LIBRARIES = (
    "libcudart.so.11.0", "libcublasLt.so.11", "libcublas.so.11", "libcufft.so.10",
    "libcurand.so.10", "libcusparse.so.11", "libcusolver.so.11", "libnvrtc.so.11.2",
    "libnvToolsExt.so.1", "libnccl.so.2", "libcudnn.so.8")

# The build has machine code for compute capability 5.0 to 8.6, and no PTX to compile for later ones.
# Code for 8.6 runs on 8.9, too: both are of one major version.
DEVICE = r"auto|cpu(\(\d+(,\d+)*\))?|gpu(\(\d+(,\d+)*\))?"
OLDEST_CAPABILITY, NEWEST_CAPABILITY = (5, 0), (8, 9)


def installed_builds() -> List[str]:
    """The MXNet distributions in this environment."""
    names = ((dist.metadata["Name"] or "").lower() for dist in metadata.distributions())
    return sorted({name for name in names if re.fullmatch(r"mxnet(-cu\d+)?", name)})


def check_builds(builds: List[str]) -> None:
    """Check that there is one MXNet: two builds overwrite each other.

    Raises
    ------
    DeviceError
    """
    if not builds:
        if sys.version_info >= (3, 13):
            raise DeviceError("MXNet 1.9.1 needs numpy 1.26 and thus Python 3.9 to 3.12, and this is "
                              f"{platform.python_version()}; create an environment with one of those")
        raise DeviceError(f'MXNet is not installed; {install("cpu")}, or {install("gpu")} for a GPU')
    if len(builds) > 1:
        raise DeviceError(f"{' and '.join(builds)} are both installed and overwrite each other; "
                          f"pip uninstall {' '.join(builds)}, then install one of them")


# The address space that MXNet and its libraries take before the first batch; with less, they end the process.
LEAST_MEMORY = 900 << 20


def check_memory() -> None:
    """Check that the limit of the process on memory (``ulimit -v``) is not below what MXNet takes.

    Raises
    ------
    DeviceError
    """
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < LEAST_MEMORY:
        raise DeviceError(f"MXNet needs {LEAST_MEMORY >> 20} MB of memory, and this process may have "
                          f"{limit >> 20} MB; raise the limit (ulimit -v)")


def library_folders() -> List[str]:
    """The ``lib`` folders of the ``nvidia-*-cu11`` wheels."""
    return [folder for path in sys.path for folder in
            sorted(glob.glob(os.path.join(path, "nvidia", "*", "lib")))]


def preload_cuda(folders: Optional[List[str]] = None) -> None:
    """Load the CUDA libraries so that libmxnet.so finds them by name.

    Raises
    ------
    DeviceError : there is no driver, or a library is missing.
    """
    try:
        ctypes.CDLL("libcuda.so.1", ctypes.RTLD_GLOBAL)
    except OSError:
        raise DeviceError("mxnet-cu112 needs NVIDIA's driver (libcuda.so.1), which is not installed; "
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
            raise DeviceError(f'mxnet-cu112 needs {name}, which is not installed; {install("gpu")}')


def gpu_capability(number: int) -> Tuple[int, int]:
    """The compute capability of a GPU, asked of the driver.

    Raises
    ------
    DeviceError : there is no driver, or no such GPU.
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        raise DeviceError("there is no NVIDIA driver (libcuda.so.1); set run.device to cpu") from None
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    # 75 and 76 are CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR.
    if (driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), number)
            or driver.cuDeviceGetAttribute(ctypes.byref(major), 75, device)
            or driver.cuDeviceGetAttribute(ctypes.byref(minor), 76, device)):
        raise DeviceError(f"the driver knows no GPU {number}; set run.device to cpu")
    return major.value, minor.value


def check_capability(number: int, capability: Tuple[int, int]) -> None:
    """Check that the last MXNet has machine code for a GPU.

    Raises
    ------
    DeviceError
    """
    if not OLDEST_CAPABILITY <= capability <= NEWEST_CAPABILITY:
        raise DeviceError(
            f"GPU {number} has compute capability {capability[0]}.{capability[1]}, and the last MXNet "
            "holds machine code for 5.0 to 8.6; set run.device to cpu")


def tune_process(threads: Optional[int] = None) -> None:
    """Set up this process for training; to be called before MXNet is imported.

    Variables of the user's own environment take precedence, except for ``threads``.

    Parameters
    ----------
    threads : of MXNet's operators; None takes all cores, or what the environment says.
    """
    # Left to itself, MXNet takes every second core for the twin of the one before.
    if threads or "OMP_NUM_THREADS" not in os.environ:
        os.environ["OMP_NUM_THREADS"] = str(threads or available_cores())  # after the import, too: a run records it
    if "mxnet" in sys.modules:
        if threads:
            set_threads(threads)
        return
    # The operators are short; threads that sleep between them wake too late (measured on two
    # cores: 14k tokens/s asleep, 20k awake).  Threads that never sleep take the core from Python
    # in small batches (56 ms per step against 37): they wait awake for some ten microseconds.
    os.environ.setdefault("OMP_WAIT_POLICY", "active")
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    # MXNet frees and allocates the same large blocks at every step.  Kept by malloc instead
    # of returned to the system, they need not be mapped again page by page.
    libc = ctypes.CDLL("libc.so.6")
    for parameter, value in ((-3, 1 << 30), (-1, (1 << 31) - 1), (-2, 1 << 26), (-8, 1)):
        libc.mallopt(parameter, value)  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD, M_ARENA_MAX


def set_threads(count: int) -> None:
    """Set the number of threads of MXNet's operators after its import.

    The setting is that of the OpenMP library that libmxnet.so was linked with.
    """
    for library in ("libgomp.so.1", "libiomp5.so", "libomp.so"):
        try:
            ctypes.CDLL(library, os.RTLD_NOLOAD | os.RTLD_NOW).omp_set_num_threads(count)
        except (OSError, AttributeError):
            continue


@contextmanager
def _hidden(*names: str) -> Iterator[None]:
    """Let the import of these packages fail, as if they were not installed.

    MXNet imports scikit-learn and SciPy, and pandas with them, for an obsolete
    class and for quantization, which nothing here uses; without them, its own
    import takes half of the time.
    """
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def _import_mxnet() -> Any:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise DeviceError(f"MXNet 1.9.1 runs only on Linux x86-64, and this is {sys.platform} "
                          f"{platform.machine()}; train there, models then run anywhere")
    builds = installed_builds()
    check_builds(builds)
    check_memory()
    if builds != ["mxnet"]:
        preload_cuda()
    # MXNet 1.9.1 was written for numpy < 1.24, which had an alias of this name.
    if "bool" not in np.__dict__:
        setattr(np, "bool", np.bool_)  # noqa: B010
    # Its notes on lazy updates and storage go to stderr from C++; our log says what runs.
    os.environ.setdefault("MXNET_STORAGE_FALLBACK_LOG_VERBOSE", "0")
    with warnings.catch_warnings(), _hidden("sklearn", "scipy"):
        warnings.simplefilter("ignore")
        try:
            import mxnet
        except (ImportError, OSError) as error:
            raise DeviceError(f"MXNet is installed but cannot be imported: {error}") from None
    return mxnet


def __getattr__(name: str) -> Any:
    """Import MXNet when ``mx`` is first asked for."""
    if name != "mx":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()["mx"] = module = _import_mxnet()
    return module


def _mxnet() -> Any:
    return sys.modules[__name__].mx


def choose_device(wanted: str) -> Any:
    """The first of :func:`choose_devices`."""
    return choose_devices(wanted)[0]


def choose_devices(wanted: str) -> List[Any]:
    """The MXNet contexts for ``run.device``.

    ``gpu(0,1)`` are two that divide each batch; ``cpu(0,1)`` are two on the same cores, for tests.
    ``auto`` takes GPU 0 if the CUDA build, a driver and a GPU that the build supports are available, and the CPU
    otherwise.

    Raises
    ------
    DeviceError : a GPU cannot be used, or the name is not that of a device.
    """
    mx = _mxnet()
    if not re.fullmatch(DEVICE, wanted):
        raise DeviceError(f"device: expected auto, cpu, gpu, gpu(N) or gpu(N,M), found {wanted}")
    built_for_gpu = mx.runtime.Features().is_enabled("CUDA")
    if wanted == "auto":
        if not built_for_gpu:
            return [mx.cpu()]
        try:
            check_capability(0, gpu_capability(0))
        except DeviceError as error:
            log.warning("training on the CPU: %s", error)
            return [mx.cpu()]
        return [mx.gpu(0)]
    numbers = [int(number) for number in re.findall(r"\d+", wanted)] or [0]
    if len(set(numbers)) < len(numbers):
        raise DeviceError(f"run.device: expected devices that differ, found {wanted}")
    if wanted.startswith("cpu"):
        return [mx.cpu(number) for number in numbers]
    if not built_for_gpu:
        raise DeviceError(f"run.device is {wanted}, and this MXNet is the CPU build; "
                          f'in a new environment: {install("gpu")}')
    for number in numbers:
        check_capability(number, gpu_capability(number))
    return [mx.gpu(number) for number in numbers]


def seed_everything(*parts: int) -> None:
    """Seed MXNet, numpy and Python from several numbers, such as (seed, epoch).

    MXNet's random state cannot be read back, so training seeds again at every
    point from which it may resume.
    """
    number = int(np.random.SeedSequence(parts).generate_state(1)[0] >> 1)
    _mxnet().random.seed(number)
    np.random.seed(number)
    random.seed(number)
