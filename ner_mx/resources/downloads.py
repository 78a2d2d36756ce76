"""Public corpora, vectors and checkpoints by name: where they are, under which licence, and how they are fetched."""

from __future__ import annotations

import logging
import os
import shutil
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any, Dict, List, NamedTuple, Optional
from urllib.parse import urlsplit

from pydantic import Field

from ner_mx.config import Section, read_yaml
from ner_mx.errors import UserError, first_line, install, nearest
from ner_mx.files import locked, replacing_folder, sha256, write_json

CATALOGUE = Path(__file__).parent / "downloads.yaml"
# Left in a folder that is complete.
DONE = "fetched.json"
# Seconds without a byte after which a server counts as gone, and bytes that are read at once.
PATIENCE, BLOCK = 30, 1 << 16


class RemoteFile(Section):
    """A file: its address, its size in bytes and SHA-256 where they are known, and the name that it gets.

    unpack : whether it is an archive, of which the content is kept.
    """

    url: str
    name: Optional[str] = None
    size: Optional[int] = None
    sha256: Optional[str] = None
    unpack: bool = False

    @property
    def file_name(self) -> str:
        """The name, by default that of the address."""
        return self.name or PurePosixPath(urlsplit(self.url).path).name


class Resource(Section):
    """Something that can be fetched; see ``downloads.yaml``."""

    about: str
    licence: str
    page: str
    use: str
    files: List[RemoteFile] = []
    manual: Optional[str] = Field(None)


class Fetched(NamedTuple):
    """The folder of a resource, and the SHA-256 of each file that was fetched for it."""

    folder: Path
    hashes: Dict[str, str]


def catalogue(path: Path = CATALOGUE) -> Dict[str, Resource]:
    """The resources by name.

    Raises
    ------
    ConfigError : the file is no catalogue.
    """
    return {name: Resource.model_validate(values) for name, values in read_yaml(path).items()}


def fetch(name: str, folder: Path, resources: Optional[Dict[str, Resource]] = None, overwrite: bool = False) -> Fetched:
    """Fetch a resource into a folder.

    A broken transfer goes on where it stopped, in a hidden folder beside the target; the target appears when
    everything is there and has the expected size and hash.  Proxies are taken from the environment.

    Raises
    ------
    UserError : the name is unknown, a person must fetch it, the folder exists, or something cannot be fetched.
    """
    known = catalogue() if resources is None else resources
    if name not in known:
        raise UserError(f"expected one of {', '.join(known)}, found {name!r}" + nearest(name, list(known)))
    resource = known[name]
    if resource.manual:
        raise UserError(f"{name}: {resource.manual.format(folder=folder)}; licence: {resource.licence}, "
                        f"{resource.page}")
    if folder.exists() and not overwrite:
        raise UserError(f"{folder}: exists already; choose another folder, or allow it with --overwrite")
    parts = folder.with_name(f".{folder.name}.parts")
    hashes: Dict[str, str] = {}
    with locked(folder, "wait for it, or choose another folder"), replacing_folder(folder) as temporary:
        for file in resource.files:
            complete = _fetched(file, parts)
            hashes[file.file_name] = sha256(complete)
            if file.unpack:
                _unpack(complete, temporary)
            else:
                shutil.copyfile(complete, temporary / file.file_name)
        write_json(temporary / DONE, {"name": name, "licence": resource.licence, "page": resource.page,
                                      "sha256": hashes})
    shutil.rmtree(parts)
    return Fetched(folder, hashes)


def _fetched(file: RemoteFile, parts: Path) -> Path:
    """A complete file, from an earlier call or from its server."""
    try:
        import pooch
    except ImportError:
        raise UserError(f'fetching needs pooch: {install("fetch")}') from None
    pooch.get_logger().setLevel(logging.WARNING)
    try:
        path = Path(pooch.retrieve(file.url, file.sha256 and f"sha256:{file.sha256}", file.file_name, parts,
                                   downloader=_Resuming(file)))
    except ValueError as error:  # of another hash; the file was removed
        raise UserError(f"{file.url}: expected the SHA-256 {file.sha256}, found another one; the file has changed, or "
                        f"was damaged on its way ({first_line(error, 60)})") from None
    except OSError as error:  # the base of the errors of requests, and of the disk
        raise UserError(f"{file.url}: expected a file to fetch, found {_reason(error)}; the same command goes on where "
                        "it stopped") from None
    return path


def _reason(error: OSError) -> str:
    """Why a transfer failed, in few words."""
    from requests.exceptions import ConnectionError as NoConnection
    from requests.exceptions import HTTPError, Timeout

    if isinstance(error, HTTPError):
        return f"the status {error.response.status_code}"
    if isinstance(error, Timeout):
        return f"no answer for {PATIENCE} seconds"
    return "no connection" if isinstance(error, NoConnection) else first_line(error, 100)


class _Resuming:
    """A downloader for pooch that goes on after the bytes that are there.

    Parameters
    ----------
    file : what is fetched.
    """

    def __init__(self, file: RemoteFile):
        self._file = file

    def __call__(self, url: str, output: Any, pooch: Any, check_only: bool = False) -> None:
        """Fetch a file to ``output``, a path; the bytes so far are in ``NAME.part`` beside it."""
        part = Path(output).with_name(f"{self._file.file_name}.part")
        self._transfer(url, part)
        os.replace(part, output)

    def _transfer(self, url: str, part: Path) -> None:
        import requests
        from tqdm import tqdm

        start = part.stat().st_size if part.is_file() else 0
        headers = {"Range": f"bytes={start}-"} if start else {}
        part.parent.mkdir(parents=True, exist_ok=True)
        with requests.get(url, headers=headers, stream=True, timeout=PATIENCE) as answer:
            if answer.status_code == 416:  # nothing is left to fetch, or the file is another one
                part.unlink()
                raise OSError("a file that is shorter than what was fetched before; it has changed")
            answer.raise_for_status()
            if start and answer.status_code != 206:  # the server begins again
                start = 0
            total = start + int(answer.headers.get("content-length", 0))
            with open(part, "ab" if start else "wb") as stream, tqdm(
                    total=total or None, initial=start, unit="B", unit_scale=True, desc=self._file.file_name,
                    disable=None, leave=False) as bar:
                for block in answer.iter_content(BLOCK):
                    stream.write(block)
                    bar.update(len(block))
        found, expected = part.stat().st_size, self._file.size or total
        if expected and found != expected:
            if found > expected:
                part.unlink()
            raise OSError(f"{found:,} of {expected:,} bytes")


def _unpack(archive: Path, folder: Path) -> None:
    """The content of an archive; nothing of it is written elsewhere.

    Raises
    ------
    UserError : it is no archive, is damaged, or has entries that lead out of the folder.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as content:
                for name in content.namelist():
                    _check_entry(name, archive)
                content.extractall(folder)
        else:
            with tarfile.open(archive) as content:
                for entry in content.getmembers():
                    _check_entry(entry.name, archive)
                    if not (entry.isfile() or entry.isdir()):
                        raise UserError(f"{archive.name}: expected files and folders, found a link or a device, "
                                        f"{entry.name}")
                content.extractall(folder)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
        raise UserError(f"{archive.name}: expected an archive, found: {first_line(error, 100)}; fetch it "
                        "again") from None


def _check_entry(name: str, archive: Path) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise UserError(f"{archive.name}: expected entries inside the folder, found {name}")
