"""Fetching: from a server on the loopback that breaks off, sends something else, or is not there; through a proxy."""

import http.server
import io
import tarfile
import threading
import zipfile
from hashlib import sha256

import pytest

from ner_mx.errors import UserError
from ner_mx.resources import downloads
from ner_mx.resources.downloads import BLOCK, RemoteFile, Resource, catalogue, fetch

CONTENT = bytes(range(256)) * 2000


class Server:
    """Files by path; what is asked is noted.

    broken : the first answers break off after so many bytes.
    ranges : whether parts of files can be asked for.
    """

    def __init__(self):
        self.files, self.broken, self.ranges, self.asked = {}, [], True, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.asked.append((self.path, self.headers.get("Range")))
                content = outer.files.get(self.path.rpartition("/")[2])
                if content is None:
                    self.send_error(404)
                    return
                start = 0
                if outer.ranges and self.headers.get("Range"):
                    start = int(self.headers["Range"].partition("=")[2].rstrip("-"))
                    if start >= len(content):
                        self.send_error(416)
                        return
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                limit = outer.broken.pop(0) if outer.broken else len(content)
                self.wfile.write(content[start:start + limit])
                if limit < len(content) - start:
                    self.close_connection = True

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    yield server
    server.server.shutdown()
    server.server.server_close()


def resource(server, *names, **options):
    files = [RemoteFile(url=f"{server.address}/data/{name}", **options) for name in names]
    return {"thing": Resource(about="", licence="CC0", page="https://example.org", use="{folder}", files=files)}


def test_files_are_fetched_and_noted(server, tmp_path):
    server.files = {"a.txt": CONTENT, "b.txt": b"b"}
    fetched = fetch("thing", tmp_path / "thing", resource(server, "a.txt", "b.txt"))
    assert (fetched.folder / "a.txt").read_bytes() == CONTENT and (fetched.folder / "b.txt").read_bytes() == b"b"
    assert fetched.hashes == {"a.txt": sha256(CONTENT).hexdigest(), "b.txt": sha256(b"b").hexdigest()}
    assert "CC0" in (fetched.folder / "fetched.json").read_text()
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith("lock")] == ["thing"]
    with pytest.raises(UserError, match="exists already"):
        fetch("thing", tmp_path / "thing", resource(server, "a.txt"))


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_transfer_goes_on(ranges, server, tmp_path):
    server.files, server.broken, server.ranges = {"a.txt": CONTENT, "b.txt": b"b"}, [len(CONTENT), 0], ranges
    files = resource(server, "a.txt", "b.txt")
    with pytest.raises(UserError, match="goes on where it stopped"):  # at the second file
        fetch("thing", tmp_path / "thing", files)
    assert not (tmp_path / "thing").exists()
    server.broken = []
    fetch("thing", tmp_path / "thing", files)
    assert [path for path, _ in server.asked].count("/data/a.txt") == 1  # the first was complete
    server.broken, server.asked = [3 * BLOCK], []
    with pytest.raises(UserError, match="goes on where it stopped"):
        fetch("thing", tmp_path / "again", resource(server, "a.txt"))
    assert (tmp_path / ".again.parts/a.txt.part").stat().st_size == 3 * BLOCK
    fetch("thing", tmp_path / "again", resource(server, "a.txt"))
    assert server.asked[1] == ("/data/a.txt", f"bytes={3 * BLOCK}-")
    assert (tmp_path / "again/a.txt").read_bytes() == CONTENT


def test_a_wrong_hash_leaves_nothing(server, tmp_path):
    server.files = {"a.txt": CONTENT}
    with pytest.raises(UserError, match="expected the SHA-256 0{64}, found another one"):
        fetch("thing", tmp_path / "thing", resource(server, "a.txt", sha256="0" * 64))
    assert not (tmp_path / "thing").exists() and not list(tmp_path.glob(".thing.parts/*"))
    fetch("thing", tmp_path / "thing", resource(server, "a.txt", sha256=sha256(CONTENT).hexdigest()))


def test_a_wrong_size_is_noticed(server, tmp_path):
    server.files = {"a.txt": CONTENT}
    with pytest.raises(UserError, match="512,000 of 5 bytes"):
        fetch("thing", tmp_path / "thing", resource(server, "a.txt", size=5))


def test_a_file_that_has_become_shorter_is_fetched_from_the_beginning(server, tmp_path):
    server.files, server.broken = {"a.txt": CONTENT}, [100_000]
    with pytest.raises(UserError):
        fetch("thing", tmp_path / "thing", resource(server, "a.txt"))
    server.files["a.txt"] = b"short"
    with pytest.raises(UserError, match="it has changed"):
        fetch("thing", tmp_path / "thing", resource(server, "a.txt"))
    assert (fetch("thing", tmp_path / "thing", resource(server, "a.txt")).folder / "a.txt").read_bytes() == b"short"


def test_no_server_and_no_file(server, tmp_path):
    with pytest.raises(UserError, match="found the status 404"):
        fetch("thing", tmp_path / "thing", resource(server, "a.txt"))
    server.server.shutdown()
    server.server.server_close()
    with pytest.raises(UserError, match="found no connection") as error:
        fetch("thing", tmp_path / "thing", resource(server, "a.txt"))
    assert "\n" not in str(error.value) and not (tmp_path / "thing").exists()


def test_a_server_that_goes_silent(server, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "PATIENCE", 0.3)
    silent = threading.Event()
    server.files = {"a.txt": CONTENT}
    server.server.RequestHandlerClass.do_GET = lambda self: silent.wait(5)
    with pytest.raises(UserError, match="found no answer|found no connection"):
        fetch("thing", tmp_path / "thing", resource(server, "a.txt"))
    silent.set()


def test_a_proxy_is_used(server, tmp_path, monkeypatch):
    server.files = {"a.txt": CONTENT}
    monkeypatch.setenv("http_proxy", server.address)
    elsewhere = {"thing": Resource(about="", licence="", page="", use="", files=[
        RemoteFile(url="http://corpora.invalid/data/a.txt")])}
    fetch("thing", tmp_path / "thing", elsewhere)
    assert server.asked == [("http://corpora.invalid/data/a.txt", None)]


def zipped(entries):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(*entries):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for entry in entries:
            archive.addfile(entry, io.BytesIO(b"x" * entry.size))
    return buffer.getvalue()


def entry(name, **values):
    made = tarfile.TarInfo(name)
    made.size = 1
    for key, value in values.items():
        setattr(made, key, value)
    return made


def test_archives_are_unpacked(server, tmp_path):
    server.files = {"a.zip": zipped({"corpus/train.txt": "t"}), "b.tgz": tarred(entry("lists/per.lst"))}
    folder = fetch("thing", tmp_path / "thing", resource(server, "a.zip", "b.tgz", unpack=True)).folder
    assert (folder / "corpus/train.txt").read_text() == "t" and (folder / "lists/per.lst").read_text() == "x"
    assert not (folder / "a.zip").exists()


@pytest.mark.parametrize("content, message", [
    (zipped({"../evil.txt": "x"}), "inside the folder"), (zipped({"/evil.txt": "x"}), "inside the folder"),
    (tarred(entry("../evil.txt")), "inside the folder"), (b"no archive", "expected an archive"),
    (tarred(entry("evil", type=tarfile.SYMTYPE, linkname="/etc/passwd", size=0)), "a link or a device"),
    (zipped({"a.txt": "x" * 500})[:-30], "expected an archive")])
def test_hostile_archives_write_nothing(content, message, server, tmp_path):
    server.files = {"a.zip": content}
    with pytest.raises(UserError, match=message):
        fetch("thing", tmp_path / "deep/thing", resource(server, "a.zip", unpack=True))
    assert not (tmp_path / "deep/thing").exists() and not list(tmp_path.rglob("evil*"))


def test_the_catalogue_is_complete():
    for name, known in catalogue().items():
        assert known.licence and known.page.startswith("https://") and known.use.format(folder="x"), name
        assert bool(known.files) != bool(known.manual), name
        assert all(file.url.startswith("https://") and file.file_name for file in known.files), name


def test_the_command(call_command):
    listed = call_command("ner-mx", "fetch").stdout
    assert all(name in listed for name in catalogue())
    by_hand = call_command("ner-mx", "fetch", "gmb", "-o", "somewhere")
    assert by_hand.returncode == 2 and "put ner_dataset.csv into somewhere" in by_hand.stderr
    unknown = call_command("ner-mx", "fetch", "wnut17")
    assert unknown.returncode == 2 and "did you mean wnut-17" in unknown.stderr
