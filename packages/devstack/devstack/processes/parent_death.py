"""What stands between the stack and each of its children: the child ends when the stack ends, however that ends.

Run as a script, not as a module, under `python -I -S`: it may import nothing but the standard library.
`parent_death.py PARENT SIGNAL USER PIPE COMMAND...`, with `-` for no user and for no pipe.

Two ways, because two kernels. Linux can send a signal when the parent dies, so the guard asks for it and
becomes the command: no extra process, and a `kill -9` meant for PostgreSQL hits PostgreSQL and not a wrapper
that would leave it orphaned. Elsewhere the guard stays, holding one end of a pipe whose other end only the
stack holds, and ends the command when the pipe closes.
"""

import ctypes
import os
import pwd
import signal
import struct
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522

LINUX = sys.platform.startswith("linux")


def main() -> None:
    parent, number, user, pipe, *command = sys.argv[1:]
    if user != "-":
        become(user)
    if pipe != "-":
        watch(int(pipe), int(number), command)
    # After `become`: the kernel forgets the death signal when the user changes.
    prctl(PR_SET_PDEATHSIG, int(number))
    if os.getppid() != int(parent):
        sys.exit("the parent died before the guard was on")
    os.execv(command[0], command)


def become(user: str) -> None:
    """Stop being root, and still reach a data directory below a home that only root may enter."""
    account = pwd.getpwnam(user)
    if LINUX:
        prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([account.pw_gid])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    if LINUX:
        keep_one_capability(CAP_DAC_OVERRIDE)


def keep_one_capability(number: int) -> None:
    """Pass it through `exec`. Where the system withholds it, the data directory is elsewhere: placement.py."""
    header = struct.pack("Ii", CAPABILITY_VERSION_3, 0)
    bit = 1 << number
    wanted = struct.pack("6I", bit, bit, bit, 0, 0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(header, wanted) == 0:
        libc.prctl(PR_CAP_AMBIENT, *map(ctypes.c_ulong, (PR_CAP_AMBIENT_RAISE, number, 0, 0)))


def prctl(option: int, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    padded = [*arguments, 0, 0, 0, 0][:4]
    if libc.prctl(option, *(ctypes.c_ulong(value) for value in padded)) != 0:
        sys.exit(f"prctl {option}: {os.strerror(ctypes.get_errno())}")


def watch(pipe: int, number: int, command: list[str]) -> None:
    # Signals go to the whole group, so the command has its own copy. A handler, unlike SIG_IGN, is not inherited.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(each, lambda *_: None)
    child = subprocess.Popen(command)
    threading.Thread(target=leave_with, args=(child,), daemon=True).start()
    os.read(pipe, 1)
    child.send_signal(number)
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    os._exit(1)


def leave_with(child: "subprocess.Popen[bytes]") -> None:
    code = child.wait()
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
