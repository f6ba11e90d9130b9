"""A command under a unit's own walls: ``python -m tests.daemon.hardened UNIT COMMAND …``.

Where no systemd runs for this user, this applies what a process notices of the sandbox in ``UNIT``: no new privileges,
no memory both written and executed (by the kernel's own switch and by systemd 252's seccomp rules), the system calls
and address families on its lists, and as root a file system read-only but for its folders.
"""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# <linux/prctl.h>, <sys/mount.h>, <sched.h>, <seccomp.h>
PR_SET_NO_NEW_PRIVS, PR_SET_MDWE, MDWE_REFUSE_EXEC_GAIN = 38, 65, 1
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE, CLONE_NEWNS = 1, 32, 4096, 16384, 1 << 18, 0x20000
ALLOW, REFUSE_EPERM = 0x7FFF0000, 0x00050001
EQUAL, MASKED_EQUAL = 4, 7
WRITE, EXECUTE = 2, 4
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2}


class Comparison(ctypes.Structure):
    """struct scmp_arg_cmp."""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def settings(unit: Path) -> dict[str, list[str]]:
    """The unit's ``Key=value`` lines, in order."""
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


def calls(name: str) -> Iterator[str]:
    """The system calls of a name or of a set such as ``@system-service``."""
    if not name.startswith("@"):
        yield name
        return
    listed = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines()[1:]:
        if not line.strip().startswith("#"):
            yield from calls(line.strip())


def allowed(filters: list[str]) -> set[str]:
    """What remains of ``SystemCallFilter=`` lines; the sets that systemd always adds included."""
    remaining = set(calls("@default"))
    for line in filters:
        names = {call for word in line.lstrip("~").split() for call in calls(word)}
        remaining = remaining - names if line.startswith("~") else remaining | names
    return remaining


def checked(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno() or -result, "the wall cannot be built")


def read_only_but(folders: list[str]) -> None:
    """ProtectSystem=strict."""
    libc = ctypes.CDLL(None, use_errno=True)
    checked(libc.unshare(CLONE_NEWNS))
    checked(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None))
    for folder in folders:
        checked(libc.mount(folder.encode(), folder.encode(), None, MS_BIND, None))
    checked(libc.mount(None, b"/", None, MS_REMOUNT | MS_BIND | MS_RDONLY, None))


def filter_calls(names: set[str], families: list[str], *, deny_write_execute: bool) -> None:
    """Refuse everything else with EPERM, as ``SystemCallErrorNumber`` says."""
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(REFUSE_EPERM)))

    def allow(name: str, *conditions: tuple[int, int, int, int]) -> None:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # else this machine has no such call
            wanted = (Comparison * len(conditions))(*(Comparison(*condition) for condition in conditions))
            checked(seccomp.seccomp_rule_add_array(context, ctypes.c_uint32(ALLOW), number, len(conditions), wanted))

    special = {"socket"} | ({"mmap", "mprotect", "pkey_mprotect"} if deny_write_execute else set())
    for name in names - special:
        allow(name)
    for family in families:
        allow("socket", (0, EQUAL, FAMILIES[family], 0))
    if deny_write_execute:
        for name in ("mprotect", "pkey_mprotect"):
            allow(name, (2, MASKED_EQUAL, EXECUTE, 0))
        for protection in (0, WRITE, EXECUTE):
            allow("mmap", (2, MASKED_EQUAL, WRITE | EXECUTE, protection))
    checked(seccomp.seccomp_load(context))


def main(unit: Path, command: list[str]) -> None:
    wanted = settings(unit)
    libc = ctypes.CDLL(None, use_errno=True)
    (folders,) = wanted["ReadWritePaths"]
    names = allowed(wanted["SystemCallFilter"])
    if os.getuid() == 0:
        read_only_but(shlex.split(folders))
    deny = wanted["MemoryDenyWriteExecute"] == ["yes"]
    checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if deny:
        libc.prctl(PR_SET_MDWE, MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)  # before Linux 6.3 there is only seccomp's way
    filter_calls(names, wanted["RestrictAddressFamilies"][0].split(), deny_write_execute=deny)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
