"""Runs demo/run, and notes each line that it prints and when, from its first statement on."""

import os
import re
import subprocess
import time

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
LONGEST = 120  # seconds
TOGETHER = 0.25  # lines that come this soon after each other are one picture


def record():
    process = subprocess.Popen([os.path.join(CHECKOUT, "demo/run")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines, began = [], None
    for line in process.stdout:
        text = line.decode("utf-8").rstrip("\n").expandtabs()
        now = time.monotonic()
        if began is None and text.startswith("--"):
            began = now
        if began is not None and now - began <= LONGEST:
            lines.append((now - began, re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8000", text)))
    if process.wait() != 0:
        raise RuntimeError("demo/run failed")
    result, moment = [], 0.0
    for seconds, text in lines:
        if seconds - moment > TOGETHER:
            moment = round(seconds, 2)
        result.append([moment, text])
    return result
