"""Starts the scheduler, the servers and the workers of a distributed training, and stops all if one fails."""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence

from ner_mx.errors import UserError, shown
from ner_mx.machine import available_cores

log = logging.getLogger(__name__)

LOCAL = "127.0.0.1"
# The variable that tells a worker the command, up to --, that starts all of them again.
LAUNCH = "NER_MX_LAUNCH"
# A host may have so many workers.
MOST = 1000
# The errors of the system for a port that is in use, or that only root may use.
PORT_TAKEN = (errno.EADDRINUSE, errno.EACCES)
# Seconds for processes to end by themselves, once they are asked to.
PATIENCE = 10.0
# The exit code of ssh if the connection fails.
SSH_FAILED = 255
INTERVAL = 0.1


class Plan(NamedTuple):
    """What to start.

    command : of a worker.  workers, servers : their numbers.
    hosts : where, in turn; empty for this machine.
    address : of this machine, as the hosts see it.  port : of the scheduler, which runs here.
    again : the command that starts them once more, up to what they run.
    """

    command: Sequence[str]
    workers: int
    servers: int
    hosts: Sequence[str]
    address: str
    port: int
    again: str


class Member(NamedTuple):
    """A process: a worker with its number, a server, or the scheduler; on another host, ssh."""

    name: str
    process: subprocess.Popen[bytes]
    host: Optional[str] = None

    @property
    def is_worker(self) -> bool:
        """The others serve, and end when the workers do."""
        return self.name.startswith("worker")


def read_hosts(path: Path) -> List[str]:
    """The hosts of a file: one per line, as ssh knows them, with the number of workers behind if it is not 1.

    Raises
    ------
    UserError : the file cannot be read, or a line is neither.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: expected a list of hosts, found: {error}") from None
    hosts: List[str] = []
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        count = words[1] if len(words) > 1 else "1"
        if (len(words) > 2 or words[0].startswith("-") or not re.fullmatch("[1-9][0-9]{0,3}", count)
                or int(count) > MOST):
            raise UserError(f"{path}:{number}: expected a host, and a number of workers from 1 to {MOST:,} if it is "
                            f"not 1, found {shown(line.strip())}")
        hosts += [words[0]] * int(count)
    if not hosts:
        raise UserError(f"{path}: expected a list of hosts, found nothing")
    return hosts


def own_address(host: str) -> str:
    """The address with which this machine reaches a host.

    Raises
    ------
    UserError : the name of the host is unknown.
    """
    try:
        # Nothing is sent: connecting a datagram socket chooses the interface.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((host.rpartition("@")[2], 9))
            return str(probe.getsockname()[0])
    except OSError as error:
        raise UserError(f"{host}: expected a host, found: {error.strerror}; give this machine's --address") from None


def free_port(address: str, port: int = 0) -> int:
    """A port of this machine that nothing listens on now: the given one, or any.

    Raises
    ------
    UserError : the address is not one of this machine, or the port is not free.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended do not count
        try:
            probe.bind((address, port))
        except OSError as error:
            expected = (f"--port {port}: expected a free port of {address}" if port and error.errno in PORT_TAKEN else
                        f"--address {address}: expected an address of this machine")
            raise UserError(f"{expected}, found: {error.strerror}") from None
        return int(probe.getsockname()[1])


def launch(plan: Plan) -> int:
    """Run a distributed training; returns its exit code, that of the first process that fails.

    When a worker ends with an error or is killed, the others would wait for its gradients for ever: they are stopped.

    Raises
    ------
    UserError : there is no such command, or no ssh for other hosts.
    """
    program = "ssh" if plan.hosts else plan.command[0]
    if shutil.which(program) is None:
        raise UserError(f"{program}: expected a command, found nothing of this name" + (
            "; --hosts needs it" if plan.hosts else "; write it behind --: python train.py …"))
    members: List[Member] = []
    previous = {number: signal.signal(number, signal.default_int_handler)
                for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        members += _started(plan)
        return _watched(members)
    except KeyboardInterrupt:
        _stop(members, signal.SIGINT)
        return 130
    finally:
        _stop(members, signal.SIGTERM)
        for number, handler in previous.items():
            signal.signal(number, handler)


def _started(plan: Plan) -> Iterator[Member]:
    server = [sys.executable, "-m", "ner_mx.training.distributed.parameter_server"]
    yield Member("scheduler", _process(plan, "scheduler", server, None))
    for number in range(plan.servers):
        host = _host(plan, number)
        yield Member(f"server {number}", _process(plan, "server", server, host), host)
    for number in range(plan.workers):
        host = _host(plan, number)
        yield Member(f"worker {number}", _process(plan, "worker", plan.command, host), host)


def _host(plan: Plan, number: int) -> Optional[str]:
    return plan.hosts[number % len(plan.hosts)] if plan.hosts else None


def _process(plan: Plan, role: str, command: Sequence[str], host: Optional[str]) -> subprocess.Popen[bytes]:
    variables = {
        "DMLC_ROLE": role, "DMLC_PS_ROOT_URI": plan.address, "DMLC_PS_ROOT_PORT": str(plan.port),
        "DMLC_NUM_WORKER": str(plan.workers), "DMLC_NUM_SERVER": str(plan.servers), LAUNCH: plan.again}
    if host is None:
        # Processes of one machine talk over this address alone, and nothing listens on another one.
        variables["DMLC_NODE_HOST"] = plan.address
        return subprocess.Popen(list(command), env=_environment(plan, variables), start_new_session=True,
                                preexec_fn=_end_with_parent)
    if list(command)[0] == sys.executable:  # the same package, by the Python that the host has
        command = ["python", *command[1:]]
    settings = [f"{name}={value}" for name, value in variables.items()]
    sharing = max(1, sum(_host(plan, number) == host for number in range(plan.workers)))
    remote = (f"cd {shlex.quote(os.getcwd())} && exec env -u PORT "
              f"OMP_NUM_THREADS=${{OMP_NUM_THREADS:-$((($(nproc) + {sharing - 1}) / {sharing}))}} "
              f"{shlex.join([*settings, *command])}")
    # With a terminal on the other side, the remote process ends with ssh.
    return subprocess.Popen(["ssh", "-tt", "-o", "BatchMode=yes", host, remote], stdin=subprocess.DEVNULL,
                            start_new_session=True, preexec_fn=_end_with_parent)


def _end_with_parent() -> None:
    """In a new process: let the system end it if the launcher is killed."""
    # 1 is PR_SET_PDEATHSIG; a process that is blocked in the exchange would not see another signal.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _environment(plan: Plan, variables: Dict[str, str]) -> Dict[str, str]:
    # An exported PORT breaks the binding of the parameter server.
    result = {name: value for name, value in os.environ.items() if name != "PORT"}
    result.setdefault("OMP_NUM_THREADS", str(max(1, available_cores() // plan.workers)))
    return {**result, **variables}


def _watched(members: Sequence[Member]) -> int:
    """Wait for the workers; the exit code of the first process that fails, 0 if all succeed."""
    while True:
        running = False
        for member in members:
            code = member.process.poll()
            running |= code is None and member.is_worker
            if code:
                return _failed(member, code)
        if not running:
            return 0
        time.sleep(INTERVAL)


def _failed(member: Member, code: int) -> int:
    reason = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    if code == SSH_FAILED and member.host:
        reason += f": ssh did not reach {member.host}, or lost it"
    # After an error of the user's, which the worker has named, there is nothing to resume.
    remedy = "" if code == 2 else ". Once an epoch is complete, the same command with --resume RUN goes on after it"
    log.error("%s %s; the others are stopped%s", member.name, reason, remedy)
    return 128 - code if code < 0 else code


def _stop(members: Sequence[Member], number: signal.Signals) -> None:
    """Ask the processes that still run to end, and end them after a while."""
    running = [member.process for member in members if member.process.poll() is None]
    for process in running:
        process.send_signal(number)
    end = time.monotonic() + PATIENCE
    for process in running:
        try:
            process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
