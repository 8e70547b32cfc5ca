"""Weights are downloaded whole and checked, or not at all; a server of this test's own stands for the network."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ldae.cli.main import main
from ldae.config.published import FILES, PublishedFile
from ldae.errors import UserError, UserErrors
from ldae.use.fetch import SUMS, fetch_weights

NET, OTHER = b"weights of a net" * 100_000, b"weights of another"
SHA = {"net": hashlib.sha256(NET).hexdigest(), "other": hashlib.sha256(OTHER).hexdigest()}


class Server(BaseHTTPRequestHandler):
    """Serves `content` by name; notes what was asked for."""

    content: dict
    asked: list
    fault: str

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        self.asked.append(name)
        if name not in self.content or self.fault == "404":
            self.send_error(404)
            return
        body = self.content[name]
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if self.fault == "web page" else "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.fault == "cut off" else body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def served(monkeypatch):
    """A server of two files, one with its hash in its name, as `FILES`."""
    handler = type("Handler", (Server,), {"asked": [], "fault": "", "content": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    site = f"http://127.0.0.1:{server.server_port}/models"
    hashed = PublishedFile(f"net-{SHA['net'][:8]}.pth", site, "a net")
    monkeypatch.setitem(FILES, "net", hashed)
    monkeypatch.setitem(FILES, "other", PublishedFile("other.pth", site, "another net"))
    handler.content |= {hashed.file: NET, "other.pth": OTHER}
    yield handler
    server.shutdown()
    server.server_close()
    thread.join()


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_are_downloaded_once_and_their_hashes_kept(served, tmp_path):
    first = list(fetch_weights(["net", "other"], tmp_path / "weights"))
    hashed = FILES["net"].file
    sums = f"{SHA['net']}  {hashed}\n{SHA['other']}  other.pth\n"
    assert files(tmp_path / "weights") == {hashed: NET, "other.pth": OTHER, SUMS: sums.encode()}
    assert SHA["net"] in first[0] and "as published" in first[0] and "downloaded" in first[0]
    assert SHA["other"] in first[1] and "none is published" in first[1]
    again = list(fetch_weights(["net", "other"], tmp_path / "weights"))
    assert served.asked == [hashed, "other.pth"]
    assert all("was there" in line for line in again) and "as in SHA256SUMS" in again[1]


@pytest.mark.parametrize(
    "fault, found",
    [
        ("404", "404"),
        ("cut off", f"{len(NET) // 2} bytes, then the connection ended|IncompleteRead"),
        ("web page", "a web page"),
    ],
)
def test_half_a_file_is_no_file_and_the_next_run_mends_it(served, tmp_path, fault, found):
    served.fault = fault
    with pytest.raises(UserError, match=found) as error:
        list(fetch_weights(["net"], tmp_path))
    assert FILES["net"].url in str(error.value) and str(tmp_path / FILES["net"].file) in str(error.value)
    assert not list(tmp_path.iterdir())
    served.fault = ""
    list(fetch_weights(["net"], tmp_path))
    assert files(tmp_path)[FILES["net"].file] == NET


def test_a_download_with_another_hash_is_refused_by_its_address(served, tmp_path):
    served.content[FILES["net"].file] = NET[:-1]
    with pytest.raises(UserError, match=rf"127.0.0.1[\s\S]*begins with {SHA['net'][:8]}"):
        list(fetch_weights(["net"], tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_that_is_there_is_refused_and_kept(served, tmp_path):
    (tmp_path / FILES["net"].file).write_bytes(b"damaged")
    with pytest.raises(UserError, match=rf"net-{SHA['net'][:8]}\.pth[\s\S]*damaged"):
        list(fetch_weights(["net"], tmp_path))
    assert files(tmp_path) == {FILES["net"].file: b"damaged"} and served.asked == []


@pytest.mark.parametrize("removed", [False, True])
def test_without_a_published_hash_the_first_one_is_held_to(served, tmp_path, removed):
    list(fetch_weights(["other"], tmp_path))
    served.content["other.pth"] = b"a new version"
    (tmp_path / "other.pth").unlink() if removed else (tmp_path / "other.pth").write_bytes(b"changed")
    with pytest.raises(UserError, match=rf"SHA256SUMS holds, {SHA['other'][:12]}"):
        list(fetch_weights(["other"], tmp_path))
    assert (tmp_path / "other.pth").exists() != removed


def test_a_file_put_there_by_hand_is_checked_and_taken(served, tmp_path):
    (tmp_path / "other.pth").write_bytes(OTHER)
    (line,) = fetch_weights(["other"], tmp_path)
    assert "was there" in line and SHA["other"] in line and "none is published" in line
    assert files(tmp_path)[SUMS].decode() == f"{SHA['other']}  other.pth\n"


def test_one_failure_does_not_keep_the_others_away_and_all_are_said(served, tmp_path, monkeypatch):
    nowhere = PublishedFile("gone.pth", "http://127.0.0.1:1/models", "nothing")
    monkeypatch.setitem(FILES, "gone", nowhere)
    monkeypatch.setitem(FILES, "lost", PublishedFile("lost.pth", FILES["net"].site, "nothing"))
    with pytest.raises(UserErrors) as error:
        list(fetch_weights(["gone", "net", "lost"], tmp_path))
    assert [each.where for each in error.value.errors] == [nowhere.url, FILES["lost"].url]
    assert "refused" in error.value.errors[0].found and "404" in error.value.errors[1].found
    assert files(tmp_path)[FILES["net"].file] == NET


def test_a_sums_file_of_another_kind_is_said(served, tmp_path):
    (tmp_path / SUMS).write_text("nonsense\n")
    with pytest.raises(UserError, match="SHA256SUMS"):
        list(fetch_weights(["net"], tmp_path))


def test_the_command_prints_what_it_did_and_fails_without_a_traceback(served, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["fetch-weights", "net"]) == 0
    assert SHA["net"] in capsys.readouterr().out and (tmp_path / "weights" / FILES["net"].file).is_file()
    served.fault = "404"
    assert main(["fetch-weights", "other", "--into", "there"]) == 1
    said = capsys.readouterr().err
    assert "there/other.pth" in said and "Traceback" not in said
    assert main(["fetch-weights", "nothing"]) == 1
    assert "names of squeezenet" in capsys.readouterr().err
