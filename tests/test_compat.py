"""The import of MXNet: what can be tested of CUDA without a GPU, threads, and the defects it works around."""

import ctypes
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from ner_mx import compat
from ner_mx.compat import check_builds, choose_device, mx, seed_everything
from ner_mx.errors import DeviceError
from ner_mx.machine import available_cores


def build_library(folder, name, source="int present(void) { return 1; }"):
    """Compile a tiny shared library under the name of a real one."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([shutil.which("cc") or "gcc", "-shared", "-fPIC", "-x", "c", "-", "-o",
                    str(folder / name)], input=source, text=True, check=True)


DRIVER = """
int cuInit(unsigned flags) { return 0; }
int cuDeviceGet(int *device, int number) { *device = number; return number > 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  *value = attribute == 75 ? %d : %d; return 0; }
"""


def in_new_process(code, library_path):
    """The output of code that runs with LD_LIBRARY_PATH set from the start."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True,
                          env={"LD_LIBRARY_PATH": str(library_path), "PATH": "/usr/bin:/bin"}, timeout=120)
    return done.stdout.strip() + done.stderr.strip()


PRELOAD = """
from ner_mx import compat
from ner_mx.errors import DeviceError
try:
    compat.preload_cuda([{folder!r}])
    loaded = open("/proc/self/maps").read()
    print(all(name in loaded for name in compat.CUDA_LIBRARIES))
except DeviceError as error:
    print(error)
"""


def has_library(name):
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


@pytest.mark.skipif(has_library("libcuda.so.1") or has_library("libcudnn.so.8"),
                    reason="this machine has the libraries that the test replaces")
def test_cuda_libraries_are_loaded_from_the_folders_of_the_wheels(tmp_path):
    driver, wheels = tmp_path / "driver", tmp_path / "wheels"
    for name in compat.CUDA_LIBRARIES:
        build_library(wheels, name)
    code = PRELOAD.format(folder=str(wheels))
    assert "needs NVIDIA's driver (libcuda.so.1), which is not installed" in in_new_process(code, tmp_path)
    build_library(driver, "libcuda.so.1")
    assert in_new_process(code, driver) == "True"
    (wheels / "libcudnn.so.8").unlink()
    assert "needs libcudnn.so.8, which is not installed; pip install" in in_new_process(code, driver)


@pytest.mark.parametrize("major, minor, usable", [
    (7, 5, True), (8, 6, True), (9, 0, False), (10, 0, False), (3, 7, False)])
def test_a_gpu_that_the_build_does_not_support_is_one_sentence(tmp_path, major, minor, usable):
    build_library(tmp_path, "libcuda.so.1", DRIVER % (major, minor))
    code = ("from ner_mx import compat\nfrom ner_mx.errors import DeviceError\n"
            "try:\n    compat.check_capability(0, compat.gpu_capability(0)); print('usable')\n"
            "except DeviceError as error: print(error)")
    output = in_new_process(code, tmp_path)
    if usable:
        assert output == "usable"
    else:
        assert f"capability {major}.{minor}, and the last MXNet holds machine code for 5.0 to 8.6" in output
    other = code.replace("capability(0)", "capability(1)")
    assert "the driver knows no GPU 1" in in_new_process(other, tmp_path)


def test_libraries_that_mxnet_does_not_need_are_skipped_and_can_be_imported_afterwards(root):
    code = ("import sys\nimport ner_mx.compat\nner_mx.compat.mx\n"
            "print([name in sys.modules for name in ('mxnet', 'sklearn', 'scipy', 'pandas')])\n"
            "import sklearn.utils.class_weight, scipy.stats\n"
            "print(ner_mx.compat.mx.nd.ones((2,)).asnumpy().sum())")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True,
                          cwd=root, timeout=120)
    assert done.stdout.split("\n")[:2] == ["[True, False, False, False]", "2.0"], done.stderr


def test_importing_compat_changes_nothing_in_the_process(root):
    """What MXNet needs of the process is set up when MXNet is first asked for, and not before."""
    code = ("import os, signal, sys, warnings\nimport numpy\n"
            "before = dict(os.environ), 'bool' in vars(numpy), list(warnings.filters), signal.getsignal(2)\n"
            "import ner_mx.compat\n"
            "after = dict(os.environ), 'bool' in vars(numpy), list(warnings.filters), signal.getsignal(2)\n"
            "print(before == after, 'bool' in vars(numpy), 'mxnet' in sys.modules)\n"
            "ner_mx.compat.mx\nprint('bool' in vars(numpy), 'mxnet' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, timeout=120)
    assert done.stdout.split("\n")[:2] == ["True False False", "True True"], done.stderr


def run_with_two_threads(code, root, *arguments):
    """The lines that code prints in a new process whose environment asks for two threads."""
    code = ("import ctypes, os\nfrom ner_mx import compat\n"
            "def threads():\n"
            "    gomp = ctypes.CDLL('libgomp.so.1', os.RTLD_NOLOAD | os.RTLD_NOW)\n"
            "    return gomp.omp_get_max_threads(), os.environ['OMP_NUM_THREADS']\n") + code
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)], capture_output=True,
                          text=True, cwd=root, timeout=120, env={**os.environ, "OMP_NUM_THREADS": "2"})
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_threads_are_set_before_and_after_the_import_of_mxnet(root):
    """The number is that of libgomp, which libmxnet.so is linked with."""
    assert run_with_two_threads("compat.mx; print(*threads()); compat.set_threads(1); print(*threads())\n"
                                "compat.tune_process(3); print(*threads())\n"
                                "compat.tune_process(None); print(*threads())", root) == [
        "2 2", "1 2", "3 3", "3 3"]
    assert run_with_two_threads("compat.tune_process(1); compat.mx; print(*threads())", root) == ["1 1"]
    assert run_with_two_threads("compat.tune_process(); compat.mx; print(*threads())", root) == ["2 2"]


@pytest.mark.parametrize("cores", [1, 2])
def test_all_available_cores_are_used_unless_something_says_otherwise(root, cores):
    """MXNet itself takes half of them."""
    if cores > available_cores():
        pytest.skip("fewer cores here")
    code = (f"import os\nos.environ.pop('OMP_NUM_THREADS', None)\n"
            f"os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{cores}])\n"
            "from ner_mx import compat\ncompat.tune_process(); compat.mx; print(*threads())")
    assert run_with_two_threads(code, root) == [f"{cores} {cores}"]


API_TRAINING = """
import sys
import ner_mx

class Threads(ner_mx.Callback):
    def on_end(self, run):
        print(*threads())

config = ner_mx.Config().updated({
    "run.directory": sys.argv[1], "corpus.processed": sys.argv[1], "corpus.path": sys.argv[2],
    "features.pos.use": False, "features.words.dimension": 8, "features.characters.use": False, "model.units": 4,
    "training.epochs": 1, "run.threads": 1})
corpus = ner_mx.preprocess(config)
assert "mxnet" not in sys.modules
ner_mx.train(corpus, name="before-import", callbacks=[Threads()])
other = corpus._replace(config=config.updated({"run.threads": 2}))
ner_mx.train(other, name="after-import", callbacks=[Threads()])
"""


def test_the_api_trains_with_the_threads_of_the_configuration(root, tmp_path, short_sample):
    """Whether MXNet is imported already or not; the run records them."""
    assert run_with_two_threads(API_TRAINING, root, tmp_path, short_sample) == ["1 1", "2 2"]
    recorded = {name: json.loads((tmp_path / name / "environment.json").read_text())["threads"]
                for name in ("before-import", "after-import")}
    assert recorded == {"before-import": "1", "after-import": "2"}


def test_there_must_be_exactly_one_build():
    check_builds(["mxnet"])
    check_builds(["mxnet-cu112"])
    with pytest.raises(DeviceError, match="not installed; pip install"):
        check_builds([])
    with pytest.raises(DeviceError, match="mxnet and mxnet-cu112 are both installed and overwrite"):
        check_builds(["mxnet", "mxnet-cu112"])
    assert compat.installed_builds() in (["mxnet"], ["mxnet-cu112"])


@pytest.mark.skipif(mx.runtime.Features().is_enabled("CUDA"), reason="about the CPU build")
def test_devices_of_the_cpu_build():
    assert choose_device("auto") == choose_device("cpu") == mx.cpu()
    with pytest.raises(DeviceError, match="this MXNet is the CPU build"):
        choose_device("gpu(1)")
    for wanted in ("tpu", "cpu()", "gpu1", "gpu(0,)", ""):
        with pytest.raises(DeviceError, match=r"expected auto, cpu, gpu, gpu\(N\) or gpu\(N,M\), found"):
            choose_device(wanted)


def test_seeds_reach_every_random_generator():
    def draw():
        return (mx.nd.random.normal(shape=(3,)).asnumpy().tolist(), np.random.rand(),
                __import__("random").random())

    draws = []
    for numbers in ((1, 2), (1, 2), (1, 3), (2, 2)):
        seed_everything(*numbers)
        draws.append(draw())
    assert draws[0] == draws[1]
    assert all(first != second for first, second in zip(draws[0], draws[2]))
    assert draws[2] != draws[3]


def test_the_bidirectional_layer_of_gluon_still_ignores_lengths():
    """The defect that BiLSTM works around (mxnet issue 19323): if this fails, the reason for it is gone."""
    mx.random.seed(0)
    layer = mx.gluon.rnn.LSTM(3, bidirectional=True, use_sequence_length=True)
    layer.initialize()
    data = mx.nd.random.normal(shape=(4, 1, 2))
    padded = mx.nd.concat(data, mx.nd.ones((2, 1, 2)), dim=0)
    alone = layer(data, sequence_length=mx.nd.array([4]))
    together = layer(padded, sequence_length=mx.nd.array([4]))
    assert not np.allclose(alone.asnumpy(), together.asnumpy()[:4], atol=1e-3)


def test_mxnet_still_writes_truncated_files_without_an_error(tmp_path):
    """The defect that Trainable.save works around."""
    code = (
        "import resource, signal\nfrom ner_mx.compat import mx\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        f"mx.nd.save({str(tmp_path / 'x')!r}, {{'a': mx.nd.ones((1000,))}}); print('silent')")
    assert in_new_process(code, tmp_path).startswith("silent")
    assert (tmp_path / "x").stat().st_size == 1000
