"""A server for whose processes a clock goes before or after: by a library of our own, loaded before all others."""

import os
import shutil
import subprocess
import tempfile
import unittest
from unittest import mock

import support

LIBRARY = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long
offset(const char *clock)
{
    const char *name = getenv(clock);
    int saved = errno;
    FILE *file = name == NULL ? NULL : fopen(name, "r");
    long seconds = 0;

    if (file != NULL)
    {
        if (fscanf(file, "%ld", &seconds) != 1)
            seconds = 0;
        fclose(file);
    }
    errno = saved;
    return seconds;
}

int
gettimeofday(struct timeval *restrict value, void *restrict zone)
{
    static int (*real)(struct timeval *, void *);
    int result;

    if (real == NULL)
        real = dlsym(RTLD_NEXT, "gettimeofday");
    result = real(value, zone);
    value->tv_sec += offset("CLOCK_OF_DAY");
    return result;
}

int
clock_gettime(clockid_t clock, struct timespec *value)
{
    static int (*real)(clockid_t, struct timespec *);
    int result;

    if (real == NULL)
        real = dlsym(RTLD_NEXT, "clock_gettime");
    result = real(clock, value);
    if (clock == CLOCK_MONOTONIC)
        value->tv_sec += offset("CLOCK_MONOTONIC");
    return result;
}
"""


class ShiftedClock(support.TestCase):
    """The other server takes the place of the usual one."""

    alone = True
    CLOCK = "CLOCK_OF_DAY"  # or CLOCK_MONOTONIC, which never goes back

    @classmethod
    def setUpClass(cls):
        if os.environ.get("PGHOST") or os.environ.get("PGPORT"):
            raise unittest.SkipTest("the server is not ours")
        folder = tempfile.mkdtemp(prefix="adsexport-clock-", dir="/tmp")
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        os.chmod(folder, 0o755)
        cls.clock_file = os.path.join(folder, "offset")
        cls.set_clock(0)
        library = os.path.join(folder, "clock.so")
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, "-x", "c", "-", "-ldl"], input=LIBRARY.encode(), check=True)
        with mock.patch.dict(os.environ, {"LD_PRELOAD": library, cls.CLOCK: cls.clock_file}):
            server = support.Cluster()
        usual = support.cluster
        support.cluster = lambda: server
        cls.addClassCleanup(setattr, support, "cluster", usual)
        super().setUpClass()

    @classmethod
    def set_clock(cls, seconds):
        with open(cls.clock_file + ".new", "w") as file:
            file.write(str(seconds))
        os.rename(cls.clock_file + ".new", cls.clock_file)
