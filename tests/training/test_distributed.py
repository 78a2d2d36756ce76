"""Training by several processes: the same network as one process with larger batches, and nobody waits for the dead."""

import functools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import ner_mx
from ner_mx.array_files import read_arrays
from ner_mx.compat import choose_device, choose_devices, mx
from ner_mx.errors import ConfigError, DeviceError, UserError
from ner_mx.training.distributed.launching import LOCAL, free_port, read_hosts
from ner_mx.training.distributed.workers import SINGLE, Workers, check_equal, connect

# Dropout is drawn by each worker for itself, so that the comparison leaves it out.
PLAIN = ["features.words.dimension=16", "features.characters.filters=8", "model.units=16", "features.pos.use=false",
         "model.dropout.input=0", "model.dropout.output=0", "features.words.dropout=0", "training.epochs=3",
         "training.average=0.9"]


def sets(*settings):
    return [part for setting in settings for part in ("--set", setting)]


@pytest.fixture(scope="module")
def places(short_sample, tmp_path_factory, call_command):
    """Settings of a processed corpus, and the folder of runs."""
    folder = tmp_path_factory.mktemp("distributed")
    settings = [f"corpus.path={short_sample}", f"corpus.processed={folder}/processed",
                f"run.directory={folder}/runs", *PLAIN]
    assert call_command("preprocess.py", *sets(*settings)).returncode == 0
    return settings, folder / "runs"


def training(*options):
    again = [] if "--resume" in options else ["--overwrite"]
    return [sys.executable, "-m", "ner_mx", "train", *options, *again]


def tried_twice(test):
    """Once in many launches on a busy machine, MXNet's parameter server does not come up, and everything waits."""

    @functools.wraps(test)
    def trying(*arguments, **keywords):
        try:
            test(*arguments, **keywords)
        except subprocess.TimeoutExpired:
            test(*arguments, **keywords)
    return trying


def launched(*command, options=("-n", "2"), **keywords):
    """A running launch, with the environment that breaks a careless one."""
    return subprocess.Popen([sys.executable, "-m", "ner_mx", "launch", *options, "--", *command],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "PORT": "80", **keywords.pop("env", {})}, **keywords)


def finished(process, seconds=90):
    try:
        output, errors = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return process.returncode, output, errors


@pytest.mark.parametrize("sparse", ["true", "false"])
@tried_twice
def test_two_workers_are_one_with_the_doubled_batch(places, sparse):
    settings, runs = places
    table = f"features.words.sparse_gradients={sparse}"
    alone = training(*sets(*settings, table, "training.batch_size=16", f"run.name=one-{sparse}"))
    done = subprocess.run(alone, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    both = training(*sets(*settings, table, "training.batch_size=8", "training.kvstore=dist_sync",
                          f"run.name=two-{sparse}"))
    code, output, errors = finished(launched(*both))
    assert code == 0, errors
    assert output.count("written to") == 1, "the first worker alone reports"
    one, two = (mx.nd.load(str(runs / f"{name}-{sparse}" / "best.params")) for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_allclose(two[name].asnumpy(), one[name].asnumpy(), atol=2e-5, err_msg=name)
    first, second = ((runs / f"{name}-{sparse}" / "history.jsonl").read_text().splitlines() for name in ("one", "two"))
    for line, other in zip(first, second):
        loss, score = re.findall(r'"(?:loss|score)": ([\d.e-]+)', line)
        assert [float(value) for value in re.findall(r'"(?:loss|score)": ([\d.e-]+)', other)] == pytest.approx(
            [float(loss), float(score)], abs=1e-4)
    metrics = json.loads((runs / f"two-{sparse}" / "metrics.json").read_text())["train"]
    assert metrics["workers"] == 2 and "roofline" not in metrics
    assert json.loads((runs / f"one-{sparse}" / "metrics.json").read_text())["train"]["roofline"]["share"] > 0


@tried_twice
def test_the_number_of_workers_belongs_to_a_run(places):
    """One alone does not go on with it, but may evaluate it."""
    settings, runs = places
    command = training(*sets(*settings, "training.kvstore=dist_sync", "run.name=pair"))
    code, _, errors = finished(launched(*command))
    assert code == 0, errors
    code, _, errors = finished(launched(*training("--resume", str(runs / "pair")), options=("-n", "1")))
    assert code == 2 and "expected the 2 workers that the run was started with, found 1" in errors
    before = (runs / "pair/metrics.json").read_bytes()
    done = subprocess.run(training("--finish", str(runs / "pair"))[:-1], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(content) for content in (before, (runs / "pair/metrics.json").read_bytes()))
    assert first["test"] == second["test"] and second["train"]["workers"] == 2


@tried_twice
def test_a_process_trains_more_than_once(places, tmp_path):
    settings, runs = places
    script = tmp_path / "twice.py"
    script.write_text(
        "import sys\n"
        "import ner_mx\n"
        "from ner_mx.config import parse_settings\n"
        "config = ner_mx.load_config(settings=parse_settings(sys.argv[1:]))\n"
        "for seed in (1, 2):\n"
        "    ner_mx.train(config, seed=seed, name=f'again-{seed}', overwrite=True)\n")
    code, _, errors = finished(launched(sys.executable, str(script), *settings, "training.kvstore=dist_sync"))
    assert code == 0, errors
    assert all((runs / f"again-{seed}/metrics.json").is_file() for seed in (1, 2))


@pytest.mark.parametrize("loss", ["cross-entropy", "sentence"])
def test_two_devices_are_one(places, loss, call_command):
    """Two contexts of the CPU stand for two GPUs; with three sentences in a batch, their shares differ."""
    settings, runs = places
    for name, device in (("one", "cpu"), ("two", "cpu(0,1)")):
        done = call_command("train.py", *sets(*settings, f"loss.name={loss}", "training.batch_size=3",
                                              f"run.device={device}", f"run.name={name}-device-{loss}"))
        assert done.returncode == 0, done.stderr
    one, two = (mx.nd.load(str(runs / f"{name}-device-{loss}" / "best.params")) for name in ("one", "two"))
    for name in one:
        np.testing.assert_allclose(two[name].asnumpy(), one[name].asnumpy(), atol=2e-4, err_msg=name)


def test_two_devices_resume_and_drop_differently(places, call_command):
    settings, runs = places
    options = [*sets(*settings, "run.device=cpu(0,1)", "training.epochs=2", "training.schedule.name=constant",
                     "model.dropout.input=0.5")]
    assert call_command("train.py", *options, "--set", "run.name=straight").returncode == 0
    assert call_command("train.py", *options, "--set", "run.name=resumed", "--set",
                        "training.epochs=1").returncode == 0
    done = call_command("train.py", "--resume", runs / "resumed", "--set", "training.epochs=2")
    assert done.returncode == 0, done.stderr
    straight, resumed = (mx.nd.load(str(runs / name / "last/epoch-0002.params")) for name in ("straight", "resumed"))
    for name in straight:
        np.testing.assert_array_equal(resumed[name].asnumpy(), straight[name].asnumpy(), err_msg=name)


def test_devices_of_a_name():
    assert choose_devices("cpu(0,2)") == [mx.cpu(0), mx.cpu(2)] and choose_device("cpu(0,2)") == mx.cpu(0)
    with pytest.raises(DeviceError, match="expected devices that differ"):
        choose_devices("cpu(1,1)")
    with pytest.raises(DeviceError, match="this MXNet is the CPU build"):
        choose_devices("gpu(0,1)")


@tried_twice
def test_a_killed_worker_stops_the_others_and_the_run_resumes(places):
    settings, runs = places
    unbroken = training(*sets(*settings, "training.kvstore=dist_sync", "training.epochs=8", "run.name=unbroken"))
    code, _, errors = finished(launched(*unbroken))
    assert code == 0, errors
    broken = training(*sets(*settings, "training.kvstore=dist_sync", "training.epochs=8", "run.name=broken"))
    process = launched(*broken)
    end = time.monotonic() + 90
    while not list(runs.glob("broken/last/epoch-0002.npz")):
        time.sleep(0.01)
        assert process.poll() is None
        if time.monotonic() > end:
            process.terminate()
            raise subprocess.TimeoutExpired("launch", 90)
    listening = loopback_only(process.pid)
    workers = [pid for pid in children(process.pid) if "run.name=broken" in command_line(pid)]
    os.kill(workers[-1], signal.SIGKILL)
    code, output, errors = finished(process)
    assert code == 128 + signal.SIGKILL
    assert "was killed by signal 9; the others are stopped" in errors and "--resume" in errors
    assert listening, "the parameter server listens on 127.0.0.1 alone"
    assert not [pid for pid in workers if os.path.exists(f"/proc/{pid}")]
    code, output, errors = finished(launched(*training("--resume", str(runs / "broken"))))
    assert code == 0, errors
    expected, found = (read_arrays(runs / name / "last/epoch-0008.npz") for name in ("unbroken", "broken"))
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-6, err_msg=name)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def command_line(pid):
    with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
        return file.read()


def loopback_only(pid):
    """Whether all sockets that the children of a process listen on have the address 127.0.0.1."""
    own = set()
    for child in children(pid):
        for link in os.scandir(f"/proc/{child}/fd"):
            own.update(re.findall(r"socket:\[(\d+)\]", os.readlink(link.path)))
    listening = []
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}", encoding="ascii") as file:
            rows = [line.split() for line in file.read().splitlines()[1:]]
        listening += [row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in own]
    return bool(listening) and set(listening) == {"0100007F"}


@tried_twice
def test_workers_with_other_corpora_or_settings_do_not_train_together(places):
    settings, _ = places
    script = "import os, sys; os.execv(sys.executable, [sys.executable, '-m', 'ner_mx', 'train', *sys.argv[1:], " \
             "'--set', 'run.seed=' + str(1 + os.getpid() % 2 ** 20)])"
    command = [sys.executable, "-c", script, *sets(*settings, "training.kvstore=dist_sync", "run.name=others")]
    code, _, errors = finished(launched(*command))
    assert code == 2 and "expected workers with the same corpus and configuration" in errors
    assert "--resume" not in errors


@tried_twice
def test_hosts_are_reached_by_ssh(places, tmp_path):
    """An ssh that runs the command here, in a shell, as the real one does there."""
    settings, runs = places
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir(exist_ok=True)
    ssh.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\nfor last; do :; done\nexec sh -c "$last"\n')
    ssh.chmod(0o755)
    hosts = tmp_path / "hosts"
    hosts.write_text("# two machines\nada@first 1\nsecond\n")
    code, output, errors = finished(launched(
        *training(*sets(*settings, "training.epochs=1", "training.kvstore=dist_sync", "run.name=hosts")),
        options=("-n", "2", "--hosts", str(hosts), "--address", LOCAL),
        env={"PATH": f"{ssh.parent}:{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
             "DMLC_NODE_HOST": LOCAL}))
    assert code == 0, errors
    assert "written to" in output and (runs / "hosts/metrics.json").is_file()
    calls = (tmp_path / "calls").read_text().splitlines()
    assert sorted("first" if "ada@first" in call else "second" for call in calls) == ["first", "first", "second"]
    assert all("-o BatchMode=yes" in call and "env -u PORT" in call for call in calls)


@pytest.mark.parametrize("content, problem", [
    (b"", "found nothing"), (b"first two\n", "hosts:1: expected a host"), (b"a 1 2\n", "hosts:1: expected a host"),
    ("a ²\n".encode(), "hosts:1: expected a host"), (b"a 0\n", "hosts:1: expected a host"),
    (b"a 1001\n", "hosts:1: expected a host, and a number of workers from 1 to 1,000 if it is not 1, found 'a 1001'"),
    (b"a " + b"9" * 5000, "hosts:1: expected a host"), (b"a 99999999999\n", "hosts:1: expected a host"),
    (b"first\n-oProxyCommand=sh\n", "hosts:2: expected a host"), (b"\xff\n", "expected a list of hosts")])
def test_a_list_of_hosts_that_is_none(content, problem, tmp_path):
    (tmp_path / "hosts").write_bytes(content)
    with pytest.raises(UserError, match=problem):
        read_hosts(tmp_path / "hosts")
    with pytest.raises(UserError, match="expected a list of hosts"):
        read_hosts(tmp_path / "missing")


def test_hosts_may_have_several_workers(tmp_path):
    (tmp_path / "hosts").write_text("first 2\n\nada@second # the large one\n")
    assert read_hosts(tmp_path / "hosts") == ["first", "first", "ada@second"]


def test_a_process_that_nobody_launched_is_told_how(monkeypatch, tmp_path):
    monkeypatch.delenv("DMLC_ROLE", raising=False)
    config = ner_mx.load_config(settings={"training.kvstore": "dist_sync"})
    with pytest.raises(ConfigError, match="start them with: ner-mx launch"):
        connect(config)
    (tmp_path / "environment.json").write_text('{"workers": 3}')
    with pytest.raises(ConfigError, match=f"ner-mx launch -n 3 -- python train.py --resume {tmp_path}"):
        connect(config, tmp_path)
    alone = ner_mx.load_config(settings={})
    assert connect(alone) is SINGLE
    monkeypatch.setenv("DMLC_ROLE", "worker")
    with pytest.raises(ConfigError, match="expected training.kvstore=dist_sync in a process that ner-mx launch"):
        connect(alone)


def test_a_command_that_fails_ends_the_launch_with_its_code():
    code, _, errors = finished(launched(sys.executable, "-c", "raise SystemExit(3)"))
    assert code == 3 and "ended with exit code 3" in errors


def test_an_address_is_of_use_with_hosts_alone():
    code, _, errors = finished(launched("true", options=("--address", "10.0.0.1")))
    assert code == 2 and "expected it with --hosts alone" in errors
    assert 1024 <= free_port(LOCAL) < 65536
    for port in (0, 45678):
        with pytest.raises(UserError, match="--address 192.0.2.1: expected an address of this machine"):
            free_port("192.0.2.1", port)


def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind((LOCAL, 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, errors = finished(launched("true", options=("--port", str(port))))
    assert code == 2 and f"--port {port}: expected a free port of 127.0.0.1, found: Address already in use" in errors
    assert free_port(LOCAL, port) == port


def test_a_host_that_ssh_does_not_reach(tmp_path):
    (tmp_path / "ssh").write_text("#!/bin/sh\nexit 255\n")
    (tmp_path / "ssh").chmod(0o755)
    (tmp_path / "hosts").write_text("ada@far 2\n")
    code, _, errors = finished(launched("true", options=("--hosts", str(tmp_path / "hosts"), "--address", LOCAL),
                                        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}))
    assert code == 255 and "ssh did not reach ada@far, or lost it" in errors


def test_what_cannot_be_launched(tmp_path):
    (tmp_path / "hosts").write_text("localhost 2\n")
    code, _, errors = finished(launched("true", options=("-n", "3", "--hosts", str(tmp_path / "hosts"))))
    assert code == 2 and "-n: expected at most the 2 workers of" in errors
    code, _, errors = finished(launched("no-such-command"))
    assert code == 2 and "no-such-command: expected a command, found nothing of this name; write it behind --" in errors


@tried_twice
def test_workers_that_are_stopped_say_once_how_to_resume(places):
    settings, runs = places
    process = launched(*training(*sets(*settings, "training.epochs=500", "training.kvstore=dist_sync",
                                       "run.name=stopped")), options=("-n", "2", "-s", "2"))
    history = runs / "stopped/history.jsonl"
    end = time.monotonic() + 90
    while not (history.is_file() and history.read_text()) and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    code, _, errors = finished(process)
    assert code == 130 and errors.count("resume with") == 1
    assert f"resume with: ner-mx launch -n 2 -s 2 -- ner-mx train --resume {runs / 'stopped'}, or use what" in errors


class ThreadWorkers(Workers):
    """Workers that are threads of one process; the sum is numpy's."""

    def __init__(self, rank, barrier, slots):
        self.rank, self.count, self._barrier, self._slots = rank, barrier.parties, barrier, slots

    def total(self, vector):
        self._slots[self.rank] = vector
        self._barrier.wait()
        result = np.sum(self._slots, axis=0, dtype=np.float32)
        self._barrier.wait()
        return result


def together(work, count=3):
    """What each of several workers returns or raises."""
    barrier, slots, results = threading.Barrier(count), [None] * count, [None] * count

    def run(rank):
        try:
            results[rank] = work(ThreadWorkers(rank, barrier, slots))
        except Exception as error:
            results[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def test_what_workers_exchange():
    for joined in together(lambda workers: workers.joined(np.arange(workers.rank) + 10 * workers.rank)):
        assert joined.tolist() == [10, 20, 21]
    assert set(together(lambda workers: workers.from_first(b"\x00first\xff" if not workers.rank else b"other"))) == {
        b"\x00first\xff"}
    assert together(lambda workers: workers.all_told(workers.rank == 1)) == [False] * 3
    assert together(lambda workers: workers.all_told(workers.rank == 0)) == [True] * 3
    shares = together(lambda workers: workers.share(np.arange(8)).tolist())
    assert sorted(sum(shares, [])) == list(range(8)) and max(map(len, shares)) - min(map(len, shares)) == 1
    assert SINGLE.share(np.arange(3)).tolist() == [0, 1, 2] and SINGLE.from_first(b"x") == b"x"


def test_unequal_workers_are_all_told():
    results = together(lambda workers: check_equal(workers, "a" if workers.rank < 2 else "b"))
    assert all(isinstance(result, ConfigError) and "1 of 3" in str(result) for result in results)


def test_a_worker_that_finds_nobody_gives_up():
    """As when a host of the list does not answer; the launcher then stops the others."""
    code = ("from ner_mx.training.distributed import workers\n"
            "workers.PATIENCE = 1.0\n"
            "workers.ParameterServerWorkers()")
    variables = {"DMLC_ROLE": "worker", "DMLC_PS_ROOT_URI": LOCAL, "DMLC_PS_ROOT_PORT": str(free_port(LOCAL)),
                 "DMLC_NUM_WORKER": "2", "DMLC_NUM_SERVER": "1", "DMLC_NODE_HOST": LOCAL}
    environment = {**{name: value for name, value in os.environ.items() if name != "PORT"}, **variables}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=90)
    assert done.returncode == 1
    assert f"2 workers and 1 servers to meet at {LOCAL}:{variables['DMLC_PS_ROOT_PORT']}, found fewer" in done.stderr


class Parameter:
    """As much of a Gluon parameter as a sum of gradients needs."""

    def __init__(self, gradient):
        self._gradient, self._data = gradient, mx.nd.zeros(gradient.shape)
        self._data.attach_grad()

    def list_grad(self):
        return [self._gradient]

    def list_data(self):
        return [self._data]


def test_gradients_are_summed_dense_and_sparse():
    """Against numpy, where each worker has other rows of the table, and one has none."""
    dense = np.random.RandomState(1).normal(size=(3, 4, 5)).astype(np.float32)
    rows = [[1, 3], [], [0, 3]]
    values = [np.full((len(ids), 2), worker + 1, np.float32) for worker, ids in enumerate(rows)]

    def work(workers):
        table = mx.nd.sparse.row_sparse_array(
            (mx.nd.array(values[workers.rank]), mx.nd.array(rows[workers.rank], dtype="int64")),
            shape=(6, 2)) if rows[workers.rank] else mx.nd.sparse.zeros("row_sparse", (6, 2))
        matrix = mx.nd.array(dense[workers.rank])
        trainer = type("Trainer", (), {"_params": [Parameter(matrix), Parameter(table)]})
        loss = workers.add_gradients(trainer, float(workers.rank))
        return loss, matrix.asnumpy(), table.indices.asnumpy().tolist(), table.asnumpy()

    expected = np.zeros((6, 2), np.float32)
    for ids, part in zip(rows, values):
        expected[ids] += part
    for loss, matrix, indices, table in together(work):
        assert loss == 3.0 and indices == [0, 1, 3]
        np.testing.assert_allclose(matrix, dense.sum(axis=0), rtol=1e-6)
        np.testing.assert_array_equal(table, expected)
