"""Fetching a data set by name, against a small server that answers as figshare does."""

import hashlib
import io
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from semioscope.core.errors import CohortError, ConfigError, StoreError
from semioscope.features import DATA_SETS, fetch_data_set
from semioscope.features import data_sets as module

NAME = "gestures-features"
FILES = {"set/seizures.csv": b"header\n", "set/features/a/0.pth": b"abc" * 5000, "set/empty": b""}


def archive(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name, content in files.items():
            made.writestr(name, content)
    return stream.getvalue()


CONTENT = archive(FILES)


class Repository:
    """What the server has, and how it behaves."""

    def __init__(self):
        self.files, self.cuts, self.requests, self.url = {}, [], [], ""
        self.publish(CONTENT)

    def publish(self, content, **changes):
        entry = {
            "id": DATA_SETS[NAME].file,
            "name": "features.zip",
            "size": len(CONTENT),
            "computed_md5": hashlib.md5(CONTENT).hexdigest(),
            "download_url": f"{self.url}/files/28668096",
        }
        about = {"files": [{"id": 1, "name": "other.txt"}, entry | changes], "license": {"name": "CC BY 4.0"}}
        self.files = {"articles/14781771": json.dumps(about).encode(), "files/28668096": content}


@pytest.fixture
def repository(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = Repository()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers.get("Range")
            made.requests.append((self.path, asked))
            content = made.files.get(self.path.lstrip("/"))
            if content is None:
                self.send_error(404)
                return
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            cut = made.cuts.pop() if made.cuts and "files" in self.path else len(content)
            self.wfile.write(content[start : start + cut])
            self.close_connection = True

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    made.publish(CONTENT)
    monkeypatch.setenv(module.BASE_VARIABLE, made.url)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def no_network(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv(module.BASE_VARIABLE, "http://127.0.0.1:9")


def unpacked(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def test_it_is_fetched_checked_and_unpacked(repository, tmp_path):
    done = fetch_data_set(NAME, tmp_path / "data")
    assert unpacked(done.folder) == FILES
    assert done.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert (done.num_files, done.licence) == (3, "CC BY 4.0")
    assert done.checked == "the size and MD5 that the repository publishes"
    count = len(repository.requests)
    (tmp_path / "data" / "set" / "empty").unlink()
    (tmp_path / "data" / "set" / "features" / "a" / "0.pth").write_bytes(b"cut")
    assert unpacked(fetch_data_set(NAME, tmp_path / "data").folder) == FILES
    assert [path for path, _ in repository.requests[count:]] == ["/articles/14781771"]


def test_a_broken_connection_is_taken_up_where_it_ended(repository, tmp_path):
    repository.cuts = [1000]
    assert unpacked(fetch_data_set(NAME, tmp_path).folder) == FILES
    assert repository.requests[-1] == ("/files/28668096", "bytes=1000-")


def test_what_arrived_is_kept_for_the_next_command(repository, tmp_path):
    repository.cuts = [10, 10, 1000]
    with pytest.raises(CohortError, match="could not be fetched: the connection ended after 1020 of"):
        fetch_data_set(NAME, tmp_path)
    assert not (tmp_path / "set").exists()
    assert unpacked(fetch_data_set(NAME, tmp_path).folder) == FILES
    assert repository.requests[-1] == ("/files/28668096", "bytes=1020-")


def test_a_wrong_hash_is_refused_and_removed(repository, tmp_path):
    other = bytearray(CONTENT)
    other[60] ^= 1
    repository.publish(bytes(other))
    with pytest.raises(
        CohortError, match=r"must be the published file .* It was removed; give the same command"
    ):
        fetch_data_set(NAME, tmp_path)
    assert not (tmp_path / "gestures-features.zip").exists()
    assert not (tmp_path / "set").exists()


def test_a_wrong_size_is_refused(repository, tmp_path):
    repository.publish(CONTENT + b"more")
    with pytest.raises(
        CohortError, match=r"is not the published file: it must have \d+ bytes. It was removed"
    ):
        fetch_data_set(NAME, tmp_path)


def test_without_a_network_it_says_what_to_bring(no_network, tmp_path):
    with pytest.raises(
        CohortError, match=r"download the file 28668096 of https://doi.org/10.5522/04/14781771"
    ) as caught:
        fetch_data_set(NAME, tmp_path)
    assert f"put it here as {tmp_path / 'gestures-features.zip'}" in str(caught.value)


def test_a_file_that_was_brought_is_unpacked_without_a_network(no_network, tmp_path):
    (tmp_path / "gestures-features.zip").write_bytes(CONTENT)
    done = fetch_data_set(NAME, tmp_path)
    assert unpacked(tmp_path) == FILES
    assert done.checked.startswith("nothing: there is no network")
    assert done.licence == DATA_SETS[NAME].licence


def test_a_file_that_was_brought_is_checked_and_kept(repository, tmp_path):
    (tmp_path / "gestures-features.zip").write_bytes(CONTENT[:-1])
    with pytest.raises(CohortError, match="Delete it, and give the command again"):
        fetch_data_set(NAME, tmp_path)
    assert (tmp_path / "gestures-features.zip").exists()


@pytest.mark.parametrize(
    "name", ["../outside.txt", "/etc/outside", "a/../../outside", "C:/outside", "..\\outside"]
)
def test_nothing_is_unpacked_outside(no_network, tmp_path, name):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "gestures-features.zip").write_bytes(archive({"fine.txt": b"x", name: b"x"}))
    with pytest.raises(CohortError, match="must unpack into its own folder, but names"):
        fetch_data_set(NAME, folder)
    assert [path.name for path in folder.iterdir()] == ["gestures-features.zip"]


def test_an_archive_that_is_none_or_damaged(no_network, tmp_path):
    path = tmp_path / "gestures-features.zip"
    path.write_bytes(b"<html>")
    with pytest.raises(CohortError, match="must be a whole zip archive, but is not"):
        fetch_data_set(NAME, tmp_path)
    content = bytearray(CONTENT)
    content[CONTENT.index(b"abcabc") + 7] ^= 1
    path.write_bytes(content)
    with pytest.raises(CohortError, match=r"must be a whole zip archive, but is not \(Bad CRC-32"):
        fetch_data_set(NAME, tmp_path)


def test_an_article_without_the_file(repository, tmp_path):
    repository.publish(CONTENT, id=7)
    with pytest.raises(
        CohortError, match=r"must have the file 28668096, but has 1 \(other.txt\), 7 \(features.zip\)"
    ):
        fetch_data_set(NAME, tmp_path)


@pytest.mark.parametrize("answer", [b"<html>log in</html>", b"[]"])
def test_an_answer_that_is_no_record(repository, tmp_path, answer):
    repository.files["articles/14781771"] = answer
    with pytest.raises(CohortError, match="did not answer with"):
        fetch_data_set(NAME, tmp_path)


def test_names_and_addresses(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"Unknown data set 'gestures'. Did you mean gestures-features\?"):
        fetch_data_set("gestures", tmp_path)
    monkeypatch.setenv(module.BASE_VARIABLE, "ftp://x")
    with pytest.raises(ConfigError, match="SEMIOSCOPE_DATA_URL must be an address that begins with http"):
        fetch_data_set(NAME, tmp_path)


def test_a_folder_that_is_a_file(repository, tmp_path):
    (tmp_path / "data").write_text("x")
    with pytest.raises(StoreError, match="must be a folder"):
        fetch_data_set(NAME, tmp_path / "data")


@pytest.mark.parametrize("name", sorted(DATA_SETS))
def test_every_data_set_is_described(name):
    data_set = DATA_SETS[name]
    assert data_set.name == name
    assert data_set.landing.startswith("https://doi.org/")
    assert "{folder}" in data_set.then
    assert data_set.licence
