"""The CURVE keys of a TCP daemon: made at first start, kept in the user's state folder, readable by that user alone."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from fishvoice.files import write_whole
from fishvoice.paths import Curve
from fishvoiced.errors import DaemonError
from fishvoiced.transport.curve_gate import new_keys


class KeysError(DaemonError):
    """The key file is damaged or open to others."""

    code = "bad_keys"


class Keys(msgspec.Struct, frozen=True):
    """Z85 CURVE keys, the daemon's own and the one pair that its clients share."""

    server_public: str
    server_secret: str
    client_public: str
    client_secret: str

    def for_clients(self) -> Curve:
        """What goes into the runtime folder for clients; the daemon's secret stays out."""
        return Curve(self.server_public, self.client_public, self.client_secret)


def load_or_make(folder: Path) -> Keys:
    """The keys of this user's daemon. Raises KeysError."""
    path = folder / "curve-keys.json"
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise KeysError(f"{path} can be read by others: delete it, and new keys are made")
        return msgspec.json.decode(path.read_bytes(), type=Keys)
    except FileNotFoundError:
        pass
    except msgspec.DecodeError as error:
        raise KeysError(f"{path} is damaged ({error}): delete it, and new keys are made") from error
    keys = Keys(*new_keys(), *new_keys())
    write_whole(path, msgspec.json.encode(keys))
    return keys
