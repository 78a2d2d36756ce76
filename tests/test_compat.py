"""The door to MXNet: what can be tested of CUDA without a GPU, and the traps that it keeps shut."""

import ctypes
import shutil
import subprocess
import sys

import numpy as np
import pytest

from ner_mx import compat
from ner_mx.compat import check_builds, choose_device, mx, seed_everything
from ner_mx.errors import DeviceError


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
    """Run code with LD_LIBRARY_PATH set from the start; gives its output."""
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
                    reason="this machine has what the test plays with stand-ins")
def test_cuda_libraries_are_loaded_from_the_wheels_folders(tmp_path):
    driver, wheels = tmp_path / "driver", tmp_path / "wheels"
    for name in compat.CUDA_LIBRARIES:
        build_library(wheels, name)
    code = PRELOAD.format(folder=str(wheels))
    assert "needs NVIDIA's driver (libcuda.so.1), which is not here" in in_new_process(code, tmp_path)
    build_library(driver, "libcuda.so.1")
    assert in_new_process(code, driver) == "True"
    (wheels / "libcudnn.so.8").unlink()
    assert "needs libcudnn.so.8, which is not here; pip install" in in_new_process(code, driver)


@pytest.mark.parametrize("major, minor, usable", [
    (7, 5, True), (8, 6, True), (9, 0, False), (10, 0, False), (3, 7, False)])
def test_a_gpu_too_new_for_the_build_is_one_sentence(tmp_path, major, minor, usable):
    build_library(tmp_path, "libcuda.so.1", DRIVER % (major, minor))
    code = ("from ner_mx import compat\nfrom ner_mx.errors import DeviceError\n"
            "try:\n    compat.check_capability(0, compat.gpu_capability(0)); print('usable')\n"
            "except DeviceError as error: print(error)")
    found = in_new_process(code, tmp_path)
    assert found == "usable" if usable else (
        f"capability {major}.{minor}, and the last MXNet holds machine code for 5.0 to 8.6" in found)
    other = code.replace("capability(0)", "capability(1)")
    assert "the driver knows no GPU 1" in in_new_process(other, tmp_path)


def test_what_mxnet_imports_in_vain_is_passed_over_and_can_be_had_afterwards(root):
    code = ("import sys\nimport ner_mx.compat\n"
            "print([name in sys.modules for name in ('mxnet', 'sklearn', 'scipy', 'pandas')])\n"
            "import sklearn.utils.class_weight, scipy.stats\n"
            "print(ner_mx.compat.mx.nd.ones((2,)).asnumpy().sum())")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True,
                          cwd=root, timeout=120)
    assert done.stdout.split("\n")[:2] == ["[True, False, False, False]", "2.0"], done.stderr


def test_no_build_and_two_builds():
    check_builds(["mxnet"])
    check_builds(["mxnet-cu112"])
    with pytest.raises(DeviceError, match="not installed; pip install"):
        check_builds([])
    with pytest.raises(DeviceError, match="mxnet and mxnet-cu112 are both installed and overwrite"):
        check_builds(["mxnet", "mxnet-cu112"])
    assert compat.installed_builds() in (["mxnet"], ["mxnet-cu112"])


@pytest.mark.skipif(mx.runtime.Features().is_enabled("CUDA"), reason="the CPU build's answers")
def test_devices_of_the_cpu_build():
    assert choose_device("auto") == choose_device("cpu") == mx.cpu()
    with pytest.raises(DeviceError, match="this MXNet is the CPU build"):
        choose_device("gpu(1)")
    for wanted in ("tpu", "cpu(0)", "gpu1", ""):
        with pytest.raises(DeviceError, match=r"expected auto, cpu, gpu or gpu\(N\), found"):
            choose_device(wanted)


def test_seeds_reach_every_source_of_chance():
    def draw():
        return (mx.nd.random.normal(shape=(3,)).asnumpy().tolist(), np.random.rand(),
                __import__("random").random())

    draws = []
    for parts in ((1, 2), (1, 2), (1, 3), (2, 2)):
        seed_everything(*parts)
        draws.append(draw())
    assert draws[0] == draws[1]
    assert all(one != two for one, two in zip(draws[0], draws[2]))
    assert draws[2] != draws[3]


def test_the_bidirectional_layer_of_gluon_still_ignores_lengths():
    """The trap that BiLSTM goes round (mxnet issue 19323): if this fails, its reason is gone."""
    mx.random.seed(0)
    layer = mx.gluon.rnn.LSTM(3, bidirectional=True, use_sequence_length=True)
    layer.initialize()
    data = mx.nd.random.normal(shape=(4, 1, 2))
    padded = mx.nd.concat(data, mx.nd.ones((2, 1, 2)), dim=0)
    alone = layer(data, sequence_length=mx.nd.array([4]))
    together = layer(padded, sequence_length=mx.nd.array([4]))
    assert not np.allclose(alone.asnumpy(), together.asnumpy()[:4], atol=1e-3)


def test_mxnet_still_writes_what_fits_and_says_nothing(tmp_path):
    """The trap that Model.save goes round."""
    code = (
        "import resource, signal\nfrom ner_mx.compat import mx\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        f"mx.nd.save({str(tmp_path / 'x')!r}, {{'a': mx.nd.ones((1000,))}}); print('silent')")
    assert in_new_process(code, tmp_path).startswith("silent")
    assert (tmp_path / "x").stat().st_size == 1000
