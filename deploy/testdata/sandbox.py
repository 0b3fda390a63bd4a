#!/usr/bin/env python3
"""Runs a program under what a unit of systemd forbids it, where there is no systemd to do it.

    sandbox.py UNIT PROGRAM [ARGUMENT...]

By its own means, those of systemd: system calls and address families by libseccomp, memory that
is written and run by prctl, capabilities, the user, the mask of files. Folders are left alone: that
is for whoever mounts them.
"""

import ctypes
import os
import re
import resource
import subprocess
import sys

ALLOW, ERRNO, EQUAL = 0x7FFF0000, 0x00050000, 4
PR_SET_NO_NEW_PRIVS, PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 38, 65, 1
NOBODY = 65534


def settings(path):
    found = {}
    for line in open(path):
        if match := re.match(r"(\w+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2].strip())
    return found


def calls(words):
    """The names of the system calls of a list of names and of sets of them."""
    names = set()
    for word in words:
        if word.startswith("@"):
            text = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", word], check=True, capture_output=True, text=True).stdout
            names |= calls(line.strip() for line in text.splitlines() if line.startswith("    ") and not line.strip().startswith("#"))
        else:
            names.add(word)
    return names


class Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("operation", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def restrict(unit):
    libc = ctypes.CDLL(None, use_errno=True)
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    seccomp.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(Comparison)]
    seccomp.seccomp_load.argtypes = [ctypes.c_void_p]
    denied = ERRNO | 1  # EPERM

    def done(result, what):
        if result != 0:
            sys.exit(f"sandbox: {what}: {result}, errno {ctypes.get_errno()}")

    def number(name):
        return seccomp.seccomp_syscall_resolve_name(name.encode())

    allowed = set()
    for line in unit["SystemCallFilter"]:
        if line.startswith("~"):
            allowed -= calls(line[1:].split())
        else:
            allowed |= calls(line.split())
    context = seccomp.seccomp_init(denied)
    for name in sorted(allowed - {"socket"} | {"execve"}):  # what starts the program is not systemd
        if number(name) >= 0:
            done(seccomp.seccomp_rule_add_array(context, ALLOW, number(name), 0, None), name)
    for name in unit["RestrictAddressFamilies"][0].split():
        family = Comparison(0, EQUAL, {"AF_INET": 2, "AF_INET6": 10}[name], 0)
        done(seccomp.seccomp_rule_add_array(context, ALLOW, number("socket"), 1, ctypes.byref(family)), name)

    assert unit["MemoryDenyWriteExecute"] == ["yes"] and unit["CapabilityBoundingSet"] == [""] and unit["NoNewPrivileges"] == ["yes"]
    files = min(int(unit["LimitNOFILE"][0]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    os.umask(int(unit["UMask"][0], 8))
    if os.getuid() == 0:
        for capability in range(64):
            libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    done(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    done(libc.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0), "mdwe, which Linux has from 6.3 on")
    done(seccomp.seccomp_load(context), "filter")


restrict(settings(sys.argv[1]))
os.execv(sys.argv[2], sys.argv[2:])
