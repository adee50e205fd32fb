"""Files that are there completely, or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from composer.errors import WriteError


def write_bytes(data: bytes, path: str | Path) -> Path:
    """Write bytes under a temporary name beside ``path``, sync, then rename; raises :class:`WriteError`."""
    target = Path(path)
    temporary = None
    try:
        if target.is_dir():
            raise WriteError(f"{path}: is a folder; give a file name")
        if any(kind(target) for kind in (Path.is_block_device, Path.is_char_device, Path.is_fifo, Path.is_socket)):
            raise WriteError(f"{path}: is not a file; give the name of one")
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            temporary = file.name
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
        temporary = None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WriteError(f"{path}: cannot be written ({reason})") from None
    finally:
        if temporary is not None:  # it failed, or was stopped
            Path(temporary).unlink(missing_ok=True)
    return target


def make_folder(path: Path) -> None:
    """A folder, with those it lies in, if it is not there; raises :class:`WriteError`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{path}: cannot be made ({error.strerror})") from None
