"""Runs one query, and notes what happened when: for the picture of a query's way.

A cluster and the emulator are started as the tests do it; PG_CONFIG selects the installation, which must have the extension. What is noted comes
from the emulator's journal (calls), adsexport_exports(), the log line of each finished export (log_exports) and from looking at the threads of
the backend each millisecond.
"""

import glob
import gzip
import json
import os
import re
import shutil
import sys
import tempfile
import threading
import time

FOLDER = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(FOLDER)), "test", "t"))
sys.dont_write_bytecode = True

import support  # noqa: E402  (which finds the emulator's client)
import client  # noqa: E402
from data import Data  # noqa: E402

QUERY = """SELECT c.name, count(DISTINCT g.ad_group_id), count(*)
FROM ads.campaigns c JOIN ads.ad_groups g USING (profile_id, campaign_id)
JOIN ads.targets t USING (profile_id, ad_group_id) JOIN ads.ads a USING (profile_id, ad_group_id)
GROUP BY 1"""

# How long the vendor takes for each, here: real ones take from a second to minutes.
DELAYS = {"campaigns": 1.2, "ad_groups": 1.5, "targets": 2.3, "ads": 1.9}
PROFILE = 1234567890
AD_GROUPS = 1000
TARGETS = 400000
BYTES_PER_SECOND = 12000000


def make_targets(path):
    """Many targets of the account's ad groups, made more quickly than by the emulator."""
    groups = [record["adGroupId"] for record in Data(names="account", drift=False, ad_groups=AD_GROUPS).records("ad_groups", PROFILE)]
    record = ('{"adProduct":"SPONSORED_PRODUCTS","targetId":"%d","adGroupId":"%s","state":"ENABLED","negative":false,"bid":{"bid":%d.%02d},'
              '"targetType":"KEYWORD","targetDetails":{"keyword":"trail shoes %d","matchType":"BROAD"}}')
    with gzip.open(path, "wb", 1) as file:
        file.write(b"[")
        for block in range(0, TARGETS, 10000):
            file.write(("," if block else "").encode() +
                       ",".join(record % (288368653576677 + row * 7919, groups[row % len(groups)], row % 5, row % 100, row)
                                for row in range(block, block + 10000)).encode())
        file.write(b"]")


def watch_threads(pid, seen, stop):
    """Notes when each thread beside the first ran, by the processor time it had."""
    while not stop.is_set():
        now = time.time()
        for path in glob.glob("/proc/%d/task/*/stat" % pid):
            thread = int(path.split("/")[4])
            if thread == pid:
                continue
            try:
                with open(path) as file:
                    fields = file.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            ticks = int(fields[11]) + int(fields[12])
            first, last, _ = seen.get(thread, (now, now, 0))
            seen[thread] = (first, now, ticks)
        stop.wait(0.001)


def measure():
    cluster = support.cluster()
    folder = tempfile.mkdtemp(prefix="adsexport-picture-")
    os.chmod(folder, 0o755)
    emulator = client.Emulator("--names", "account", "--drift", "false", "--ad-groups", str(AD_GROUPS), "--ads", "2000")
    cluster.create_database("adsexport_picture")
    try:
        path = os.path.join(folder, "targets.json.gz")
        make_targets(path)
        emulator.settings(serve={"targets": path})
        for entity, delay in DELAYS.items():
            emulator.fault({"call": "request", "entity": entity}, {"export_delay": delay})
        emulator.fault({"call": "download"}, {"drip": BYTES_PER_SECOND})
        session = support.Session("adsexport_picture", **{"adsexport_fdw.log_exports": "on"})
        url = emulator.url
        session.run("CREATE SERVER amazon FOREIGN DATA WRAPPER adsexport_fdw " + support.option_list(
            {"api": "amazon_ads", "endpoint": url, "token_endpoint": url + "/auth/o2/token", "profile_ids": PROFILE}))
        session.run("CREATE USER MAPPING FOR CURRENT_USER SERVER amazon " + support.option_list(support.TestCase.amazon_mapping()))
        session.run("CREATE SCHEMA ads; IMPORT FOREIGN SCHEMA exports FROM SERVER amazon INTO ads")
        emulator.control("DELETE", "/log")
        start_of_log = cluster.log_size()
        threads, stop = {}, threading.Event()
        watcher = threading.Thread(target=watch_threads, args=(session.pid, threads, stop))
        watcher.start()
        began = time.time()
        rows = session.rows(QUERY)
        ended = time.time()
        stop.set()
        watcher.join()
        calls = [{"call": call["call"], "entity": call["entity"], "at": round(call["time"] - began, 3), "seconds": round(call["seconds"], 3),
                  "bytes": call["bytes_sent"]}
                 for call in emulator.log()]
        read = {}
        for moment, entity, records in re.findall(r'(?m)^(\S+ \S+) UTC .*LOG:  export read: table "(\w+)".* records (\d+)', cluster.log_text(start_of_log)):
            whole, fraction = moment.split(".")
            at = time.mktime(time.strptime(whole, "%Y-%m-%d %H:%M:%S")) - time.timezone + float("0." + fraction)
            read[entity] = {"at": round(at - began, 3), "records": int(records)}
        exports = {row["entity"]: {"polls": row["polls"], "bytes": row["bytes_downloaded"], "inflated": row["bytes_inflated"]}
                   for row in session.table("SELECT * FROM adsexport_exports()")}
        session.close()
        return {"query": QUERY, "rows": len(rows), "seconds": round(ended - began, 3), "calls": calls, "read": read, "exports": exports,
                "threads": [{"from": round(first - began, 3), "to": round(last - began, 3), "ticks": ticks}
                            for first, last, ticks in threads.values()]}
    finally:
        emulator.stop()
        cluster.drop_database("adsexport_picture")
        shutil.rmtree(folder)


if __name__ == "__main__":
    json.dump(measure(), sys.stdout, indent=1)
