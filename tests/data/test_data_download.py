"""Downloads against a stand-in for the network: case 36 of the list of bad inputs, the mirrors and the cache."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field

import numpy as np
import pytest
import requests
from dualport.common.data import MIRRORS, fetch_mnist, load
from dualport.common.data.sources import mnist
from dualport.common.errors import BadInput, EnvironmentFailed

FIRST, SECOND, THIRD = (mirror.split("/")[2] for mirror in MIRRORS)


@dataclass
class Answer:
    """What a mirror sends: the parts of `requests.Response` that a download uses."""

    body: bytes = b""
    status_code: int = 200
    headers: dict = field(default_factory=dict)

    @property
    def is_redirect(self) -> bool:
        return "Location" in self.headers

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def close(self):
        pass

    def iter_content(self, size):
        stream = io.BytesIO(self.body)
        while piece := stream.read(size):
            yield piece


@pytest.fixture
def net(monkeypatch, tmp_path, idx):
    """A network of our own: `net.answers[host]` is an Answer, an exception or a function of the address."""
    monkeypatch.delenv("DUALPORT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DUALPORT_DATA", raising=False)
    folder = idx()
    bodies = {}
    for name in mnist.FILES:
        bodies[name] = (folder / name.replace("t10k", "train")).read_bytes()
    pinned = {name: (len(body), hashlib.sha256(body).hexdigest()) for name, body in bodies.items()}
    monkeypatch.setattr(mnist, "FILES", pinned)

    class Net:
        def __init__(self):
            self.asked, self.answers, self.bodies = [], {}, bodies

        def get(self, url, *, stream, allow_redirects, timeout, headers):
            assert stream
            assert not allow_redirects
            assert all(seconds <= 30 for seconds in timeout), "a mirror that hangs must be given up"
            host, name = url.split("/")[2], url.split("/")[-1]
            self.asked.append((host, name))
            answer = self.answers.get(host, Answer(bodies.get(name, b"")))
            answer = answer(url) if callable(answer) else answer
            if isinstance(answer, Exception):
                raise answer
            return answer

    stub = Net()
    monkeypatch.setattr(requests, "get", stub.get)
    return stub


def test_mnist_is_downloaded_once_and_read(net, images):
    np.testing.assert_array_equal(load("mnist").images, images[:, None])
    assert net.asked == [(FIRST, name) for name in mnist.FILES]
    assert load("mnist", "test").name == "mnist"
    assert len(net.asked) == 4, "the cache was not used"


def test_progress_ends_at_the_size(net):
    seen = {}
    fetch_mnist(lambda name, done, size: seen.update({name: (done, size)}))
    assert seen == {name: (size, size) for name, (size, _) in mnist.FILES.items()}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(b"<html>Please sign in</html>"), "it sent 27 bytes instead of"),
        (Answer(b"<html></html>", headers={"Content-Length": "13"}), "it offers 13 bytes instead of"),
        (Answer(b"x" * 10_000_000), "it sent more than"),
        (Answer(status_code=404), "it answered 404"),
        (Answer(status_code=302, headers={"Location": "http://plain.example/mnist"}), "away from https"),
        (Answer(status_code=302, headers={"Location": "file:///etc/passwd"}), "away from https"),
        (lambda url: Answer(status_code=302, headers={"Location": url}), "redirects more than 3 times"),
        (requests.ReadTimeout("hung"), "ReadTimeout"),
        (requests.ConnectionError("no route"), "ConnectionError"),
        (requests.exceptions.InvalidURL("odd"), "InvalidURL"),
    ],
    ids=[
        "html",
        "html-length",
        "longer",
        "404",
        "http-redirect",
        "file-redirect",
        "loop",
        "hang",
        "offline",
        "invalid",
    ],
)
def test_a_bad_mirror_is_passed_over_then_named_36(net, tmp_path, answer, words):
    net.answers[FIRST] = answer
    fetch_mnist()  # the second one gave it
    assert all(mnist.is_pinned(mnist.cache_folder() / name) for name in mnist.FILES)
    for file in mnist.cache_folder().iterdir():
        file.unlink()
    net.answers = {FIRST: answer, SECOND: answer, THIRD: answer}
    with pytest.raises(EnvironmentFailed) as caught:
        load("mnist")
    message = str(caught.value)
    assert message.count(words) == 3
    assert "\n" not in message
    assert "DUALPORT_DATA" in message
    assert not list(mnist.cache_folder().iterdir()), "something partial was left"


def test_right_size_wrong_bytes_36(net):
    def flipped(url):
        body = net.bodies[url.split("/")[-1]]
        return Answer(body[:-1] + bytes([body[-1] ^ 1]))

    net.answers = dict.fromkeys((FIRST, SECOND, THIRD), flipped)
    with pytest.raises(EnvironmentFailed, match="its sha256 is not the published one"):
        fetch_mnist()
    assert not list(mnist.cache_folder().iterdir())


def test_a_slow_drip_is_given_up_36(net, monkeypatch):
    from dualport.common.data.sources import download

    monkeypatch.setattr(download, "DEADLINE_S", -1)
    with pytest.raises(EnvironmentFailed, match="it took more than"):
        fetch_mnist()


def test_a_redirect_within_https_is_followed(net):
    def elsewhere(url):
        return Answer(status_code=302, headers={"Location": url.replace(FIRST, "other.example")})

    net.answers[FIRST] = elsewhere
    fetch_mnist()
    assert net.asked[:2] == [(FIRST, next(iter(mnist.FILES))), ("other.example", next(iter(mnist.FILES)))]


def test_cached_files_are_hashed_again_36(net):
    folder = fetch_mnist()
    name = "train-labels-idx1-ubyte.gz"
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1] + b"?")
    net.asked.clear()
    load("mnist")
    assert net.asked == [(FIRST, name)]
    assert (folder / name).read_bytes() == content


@pytest.mark.parametrize(
    "mirror", ["http://plain.example/mnist", "ftp://a.example", "file:///tmp", "mirror", "https://"]
)
def test_only_https_mirrors(net, mirror):
    with pytest.raises(BadInput, match="not an https address"):
        fetch_mnist(mirrors=[mirror])
    assert not net.asked


def test_a_cache_that_cannot_be_written_36(net, tmp_path):
    (tmp_path / "cache").write_text("a file in the way")
    with pytest.raises(EnvironmentFailed, match="XDG_CACHE_HOME"):
        fetch_mnist()


def test_the_named_folder_comes_before_a_download(net, monkeypatch, tmp_path, idx, mat):
    monkeypatch.setenv("DUALPORT_DATA", str(tmp_path / "named"))
    with pytest.raises(BadInput, match="DUALPORT_DATA names no folder"):
        load("mnist")
    (tmp_path / "named" / "mnist_mat").mkdir(parents=True)
    mat().rename(tmp_path / "named" / "mnist_mat" / "train.mat")
    assert "mnist_mat" in load("mnist").source
    idx().rename(tmp_path / "named" / "mnist")
    assert "mnist_mat" not in load("mnist").source
    assert not net.asked
    load("mnist", "test")  # the folder has no such part
    assert net.asked


def test_the_published_hashes_are_pinned():
    """Sizes and md5 sums are the published ones; the sha256 of the test labels is checked against the real file."""
    assert [size for size, _ in mnist.FILES.values()] == [9912422, 28881, 1648877, 4542]
    assert all(len(sha256) == 64 for _, sha256 in mnist.FILES.values())
    assert all(mirror.startswith("https://") for mirror in MIRRORS)


@pytest.mark.mnist
def test_real_files_have_the_pinned_hashes(shared_data):
    names = [name for name in mnist.FILES if name != "train-images-idx3-ubyte.gz"]  # packed anew there
    assert all(mnist.is_pinned(shared_data / "mnist" / name) for name in names)
