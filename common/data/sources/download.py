"""One https download, bounded in bytes, in time and in where it may be led."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    import pooch
    import requests

PIECE = 1 << 16
MOST_REDIRECTS = 3
CONNECT_S = 10
SILENCE_S = 20  # without a byte for so long, a mirror counts as hung
DEADLINE_S = 600


class HttpsDownloader:
    """Fetches for pooch, which hashes what came and moves it into place.

    Args:
        size: how many bytes the file must have.
        progress: called with the bytes so far.
    """

    def __init__(self, size: int, progress: Callable[[int], None] | None = None) -> None:
        self.size = size
        self.progress = progress

    def __call__(self, url: str, output_file: str | os.PathLike[str], pooch: pooch.Pooch | None) -> None:
        """Write the body at `url` to `output_file`.

        Raises:
            ValueError: a redirect away from https, an error page, or another number of bytes.
            requests.RequestException: the network failed.
        """
        with self._opened(url) as response, Path(output_file).open("wb") as out:
            announced = response.headers.get("Content-Length", str(self.size))
            if announced != str(self.size):
                raise ValueError(f"it offers {announced} bytes instead of {self.size}")
            done = 0
            end = time.monotonic() + DEADLINE_S
            for piece in response.iter_content(PIECE):
                done += len(piece)
                if done > self.size:
                    raise ValueError(f"it sent more than {self.size} bytes")
                if time.monotonic() > end:
                    raise ValueError(f"it took more than {DEADLINE_S} s")
                out.write(piece)
                if self.progress:
                    self.progress(done)
            if done != self.size:
                raise ValueError(f"it sent {done} bytes instead of {self.size}")

    def _opened(self, url: str) -> requests.Response:
        import requests

        for _ in range(MOST_REDIRECTS + 1):
            if urlsplit(url).scheme != "https":
                raise ValueError("it redirects away from https")
            # A gzip file sent with a content encoding would be unpacked on the way, and would not match its hash.
            response = requests.get(
                url,
                stream=True,
                allow_redirects=False,
                timeout=(CONNECT_S, SILENCE_S),
                headers={"Accept-Encoding": "identity"},
            )
            if not response.is_redirect:
                break
            response.close()
            url = urljoin(url, response.headers["Location"])
        else:
            raise ValueError(f"it redirects more than {MOST_REDIRECTS} times")
        if response.status_code != 200:
            response.close()
            raise ValueError(f"it answered {response.status_code}")
        return response
