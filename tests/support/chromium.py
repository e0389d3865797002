"""A Chromium for the browser test and a Chinese font for its pictures: found, or installed.

`python -m tests.support.chromium` is the step of `make test`; `executable()` is what the browser
test asks. Found on PATH first; else installed as a Debian package by root, else by playwright.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FONT_PACKAGE = "fonts-wqy-microhei"
_APT_TIMEOUT_S = 600


class ChromiumMissing(Exception):
    """Install Chromium so that `chromium` is on PATH, or let playwright fetch its own with
    `.venv/bin/python -m playwright install --with-deps chromium`.
    """

    def __str__(self) -> str:
        return f"{self.args[0]}\n→ {' '.join((self.__doc__ or '').split())}"


def executable() -> Path:
    """The path of a Chromium that is there already.

    Raises:
        ChromiumMissing: none is.
    """
    found = _on_path() or _of_playwright()
    if found is None:
        raise ChromiumMissing(f"no Chromium: none of {', '.join(_NAMES)} is on PATH")
    return found


def ensure() -> Path:
    """The path of a Chromium, installed if need be; and a font with Chinese characters.

    Raises:
        ChromiumMissing: neither way of installing worked.
    """
    found = _on_path() or _of_playwright()
    if found is None and _can_apt():
        _apt_install("chromium")
        found = _on_path()
    if found is None:
        done = subprocess.run(
            [sys.executable, "-m", "playwright", "install", "chromium"], check=False
        )
        found = _of_playwright()
        if done.returncode != 0 or found is None:
            raise ChromiumMissing("neither apt-get nor playwright could install Chromium")
    _ensure_font()
    return found


def _on_path() -> Path | None:
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    return None if found is None else Path(found)


def _of_playwright() -> Path | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.is_file() else None


def _can_apt() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _apt_install(package: str) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    steps = (("update",), ("install", "--yes", "--no-install-recommends", package))
    codes = [
        subprocess.run(
            ["apt-get", "--quiet", *arguments],
            env=environment,
            stdout=sys.stderr,
            timeout=_APT_TIMEOUT_S,
            check=False,
        ).returncode
        for arguments in steps
    ]
    return codes[-1] == 0  # an update that failed in part may still do


def _ensure_font() -> None:
    if _has_chinese_font() or (_can_apt() and _apt_install(_FONT_PACKAGE)):
        return
    sys.stderr.write(
        "warning: no Chinese font found, so screenshots show boxes; "
        f"install {_FONT_PACKAGE} or any other\n"
    )


def _has_chinese_font() -> bool:
    if (lister := shutil.which("fc-list")) is None:
        return False
    done = subprocess.run([lister, ":lang=zh"], capture_output=True, check=False)
    return bool(done.stdout.strip())


if __name__ == "__main__":
    try:
        sys.stdout.write(f"Chromium: {ensure()}\n")
    except ChromiumMissing as error:
        sys.exit(str(error))
