"""What docs/managed.md and docs/scale.md set up: other servers, which have no adsexport_fdw, reach those that have it by postgres_fdw.

The blocks are read from the pages; what differs is where the servers are.
"""

import os
import re
import subprocess
import unittest

import support
import pages  # noqa: E402  (found by support)

SMALL = "1234567890"
OTHER = "2345678901"


class Server:
    """A database of a cluster, in which blocks are run by psql."""

    def __init__(self, cluster, database, hosts=(), password=None):
        self.cluster, self.database, self.hosts, self.password = cluster, database, hosts, password

    def psql(self, sql, user="postgres"):
        for name, server in self.hosts:
            sql = sql.replace("host '%s', dbname 'warehouse'" % name, "host '%s', port '%s', dbname '%s'" % (
                getattr(server.cluster, "address", server.cluster.host), server.cluster.port, server.database))
        if self.password:
            sql = re.sub("(?i)(password) '...'", r"\1 '%s'" % self.password, sql)
        else:
            # None is asked for on a socket.
            sql = sql.replace(", password '...'", "").replace(" PASSWORD '...'", "")
        environment = dict(os.environ, PGHOST=self.cluster.host, PGPORT=self.cluster.port, PGUSER=user, PGDATABASE=self.database, PGTZ="UTC")
        done = subprocess.run([self.cluster.program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-P", "pager=off", "-f", "-"], input=sql.encode(), env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, re.sub(r"(?m)^psql:<stdin>:\d+: ", "", done.stdout.decode())

    def session(self, test, user=None):
        """As support.Session, on this server."""
        connection = self.cluster.connect(self.database, user)
        test.addCleanup(connection.close)
        session = object.__new__(support.Session)
        session.connection, session.pid = connection, connection.get_backend_pid()
        return session


class Beside(support.TestCase):
    """A second cluster, as a managed service is one, beside that of the tests, which is the small server."""

    emulator_options = ("--names", "account", "--drift", "false")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not support.cluster().folder:
            raise unittest.SkipTest("the tests run against a server that is not theirs")
        cls.managed = support.Cluster()
        if not cls.available("postgres_fdw"):
            raise unittest.SkipTest("postgres_fdw is not installed")

    @classmethod
    def available(cls, extension):
        connection = cls.managed.connect("postgres")
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_available_extensions WHERE name = %s", (extension,))
            found = cursor.fetchall()
        connection.close()
        return bool(found)

    def setUp(self):
        super().setUp()
        self.small = Server(support.cluster(), self.database)
        self.serve(self.small, self.session)
        self.managed.run("DROP DATABASE IF EXISTS beside WITH (FORCE)", "CREATE DATABASE beside")

    def serve(self, server, session):
        """What README.md and the page make on a server that has the extension."""
        self.amazon(profile_ids=None)
        self.amplitude(schema="ads")
        session.run("DROP SCHEMA IF EXISTS served CASCADE")
        self.serve_views(server, session)

    def serve_views(self, server, session):
        # Of one cluster both classes make the role.
        with server.cluster.lock:
            if not session.rows("SELECT FROM pg_roles WHERE rolname = 'managed'"):
                self.run_block(server, "docs/managed.md", "CREATE ROLE managed")
        self.run_block(server, "docs/managed.md", "CREATE SCHEMA served")

    def run_block(self, server, page, words, user="postgres", leave_out=""):
        """A block of a page, which must print what the page says."""
        block = pages.block(page, words)
        self.assertIn(leave_out, block.code)
        status, output = server.psql(block.code.replace(leave_out, ""), user)
        if block.output is None:
            self.assertEqual((status, output), (0, ""))
        elif self.session.connection.server_version >= 150000:  # before, other words are printed
            self.assertTrue(block.prints(output), "%s:%d prints\n%s" % (page, block.line, output))


class Sidecar(Beside):
    def setUp(self):
        super().setUp()
        self.server = Server(self.managed, "beside", (("small.internal", self.small),))
        self.run_block(self.server, "docs/managed.md", "CREATE SERVER exports")
        self.managed_session = self.server.session(self)
        self.managed_session.run("CREATE TABLE report (profile_id text, campaign_id text, cost numeric)")

    def bodies(self):
        return [call["body"] for call in self.calls("request")]

    def test_what_the_page_shows(self):
        for words in ("GROUP BY state", "EXPLAIN", "now() - interval"):
            self.run_block(self.server, "docs/managed.md", words)

    def test_where_and_group_by_reach_the_request(self):
        plan = self.managed_session.explain("SELECT state, count(*) FROM ads.campaigns WHERE state = 'ENABLED' AND profile_id = '%s' GROUP BY state" % SMALL, "VERBOSE")
        self.assertRegex(plan, r"Remote SQL: SELECT state, count\(\*\) FROM served.campaigns WHERE .*GROUP BY")
        rows = self.managed_session.rows("SELECT state, count(*) FROM ads.campaigns WHERE state = 'ENABLED' AND profile_id = '%s' GROUP BY state" % SMALL)
        enabled = sum(1 for record in self.data().records("campaigns", int(SMALL)) if record["state"] == "ENABLED")
        self.assertEqual(rows, [("ENABLED", enabled)])
        self.assertEqual(len(self.bodies()), 1)
        self.assertIn('"stateFilter":["ENABLED"]', self.bodies()[0].replace(" ", ""))

    def test_join_with_a_local_report(self):
        self.managed_session.run("INSERT INTO report SELECT profile_id, campaign_id, 1.5 FROM ads.campaigns")
        count = sum(1 for _ in self.data().records("campaigns", int(OTHER)))
        self.assertEqual(self.managed_session.value("SELECT sum(cost) FROM report JOIN ads.campaigns USING (profile_id, campaign_id) WHERE profile_id = '%s'" % OTHER), 1.5 * count)

    def test_now_is_not_shipped(self):
        query = "SELECT count(*) FROM ads.amplitude_events WHERE server_upload_time >= %s AND server_upload_time < '2025-03-01 03:00Z'"
        error = self.expect_error(("HV00L", "HV000"), query % "now() - interval '10 years'", "gives no lower bound on server_upload_time", session=self.managed_session)
        self.assertIn("default_start", support.text_of_error(error))
        right = sum(1 for _ in self.data().events("2025-03-01T01", "2025-03-01T02"))
        self.assertEqual(self.managed_session.value(query % "'2025-03-01 01:00Z'"), right)
        self.assertEqual(self.managed_session.value(query % "%s", "2025-03-01 01:00Z"), right)

    def test_default_start(self):
        self.emulator.settings(amplitude_ranges="now-5h..now", amplitude_latency=0)
        self.session.run("ALTER FOREIGN TABLE ads.amplitude_events OPTIONS (ADD default_start '4h', ADD incomplete_hours 'ignore')")
        self.assertGreater(self.managed_session.value("SELECT count(*) FROM ads.amplitude_events WHERE server_upload_time >= now() - interval '3 hours'"), 0)


    def test_a_history_from_the_managed_side(self):
        """Over one connection the exports are made one after the other, unless the small server is asked for all of them first."""
        tables = {"campaigns": "campaign_id", "ad_groups": "ad_group_id", "targets": "target_id", "ads": "ad_id"}
        self.run_block(self.small, "docs/managed.md", "CREATE VIEW served.export_counts")
        for table, key in tables.items():
            if table != "campaigns":
                self.session.run("CREATE VIEW served.%s AS SELECT * FROM ads.%s" % (table, table))
            self.managed_session.run("CREATE TABLE kept_%s (profile_id text, %s text, state text)" % (table, key))
        self.session.run("GRANT SELECT ON ALL TABLES IN SCHEMA served TO managed")
        self.managed_session.run("IMPORT FOREIGN SCHEMA served EXCEPT (campaigns, amplitude_events) FROM SERVER exports INTO ads")
        self.emulator.settings(export_delay=3)
        insert = "WITH " + ", ".join("%s AS (INSERT INTO kept_%s SELECT profile_id, %s, state FROM ads.%s RETURNING 1)" % (table[:-1], table, key, table)
                                     for table, key in tables.items())
        insert += " SELECT " + ", ".join("(SELECT count(*) FROM %s)" % table[:-1] for table in tables)
        data = self.data()
        right = [tuple(sum(1 for profile in data.profiles() for _ in data.records(table, profile["profileId"])) for table in tables)]
        for first, side_by_side in ((None, False), ("SELECT * FROM ads.export_counts", True)):
            # What was exported before is stale then.
            self.session.run("ALTER SERVER amazon OPTIONS (%s)" % ("SET max_age '5min'" if first else "ADD max_age '4min'"))
            self.clear_log()
            if first:
                self.assertEqual(self.managed_session.rows(first), right)
            self.assertEqual(self.managed_session.rows(insert), right)
            self.assertEqual(self.count_calls("request"), 4 * len(data.profiles()))
            last_request = max(call["time"] for call in self.calls("request"))
            first_download = min(call["time"] for call in self.calls("download"))
            self.assertEqual(last_request < first_download, side_by_side)


class Loopback(support.Cluster):
    """With TCP on 127.0.0.1, where the managed server's role needs its password."""

    address = "127.0.0.1"

    def create(self):
        self.port = str(support.free_port())
        super().create()
        with open(os.path.join(self.folder, "data", "pg_hba.conf"), "w", encoding="utf-8") as file:
            file.write("local all all trust\nhost warehouse managed 127.0.0.1/32 scram-sha-256\n")
        self.run("SELECT pg_reload_conf()")


class OverLoopback(Beside):
    """As docs/managed.md has it: TCP, a password, and ordinary roles on both servers."""

    PASSWORD = "managed's own"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.loopback = Loopback("listen_addresses = '127.0.0.1'\npassword_encryption = 'scram-sha-256'\n")

    def setUp(self):
        support.TestCase.setUp(self)
        password = self.PASSWORD.replace("'", "''")
        self.small = Server(self.loopback, "warehouse", password=password)
        self.server = Server(self.managed, "beside", (("small.internal", self.small),), password)
        self.make_small_server()
        self.managed.run("DROP DATABASE IF EXISTS beside WITH (FORCE)", "DROP ROLE IF EXISTS admin", "CREATE ROLE admin LOGIN", "CREATE DATABASE beside OWNER admin")
        # A managed service lets its customers do that.
        self.managed.run("CREATE EXTENSION postgres_fdw", "GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO admin", database="beside")

    def make_small_server(self):
        self.loopback.run("CREATE DATABASE warehouse", "CREATE ROLE analyst LOGIN")
        self.loopback.run("CREATE EXTENSION adsexport_fdw", "GRANT USAGE ON FOREIGN DATA WRAPPER adsexport_fdw TO analyst", "GRANT CREATE ON DATABASE warehouse TO analyst",
                          "ALTER DATABASE warehouse SET adsexport_fdw.allow_loopback = on", database="warehouse")
        url = self.emulator.url
        status, output = self.small.psql(
            "CREATE SERVER amazon FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', endpoint '%s', token_endpoint '%s/auth/o2/token', poll_interval '100ms');"
            "CREATE SERVER amplitude FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amplitude');"
            "CREATE USER MAPPING FOR CURRENT_USER SERVER amazon %s; CREATE SCHEMA ads; IMPORT FOREIGN SCHEMA exports FROM SERVER amazon INTO ads;"
            "IMPORT FOREIGN SCHEMA exports FROM SERVER amplitude INTO ads" % (url, url, support.option_list(self.amazon_mapping())), "analyst")
        self.assertEqual((status, output), (0, ""))
        self.run_block(self.small, "docs/managed.md", "CREATE ROLE managed")
        self.run_block(self.small, "docs/managed.md", "CREATE SCHEMA served", "analyst")

    def test_as_the_page_says(self):
        self.run_block(self.server, "docs/managed.md", "CREATE SERVER exports", "admin", leave_out="CREATE EXTENSION postgres_fdw;\n")
        self.run_block(self.server, "docs/managed.md", "GROUP BY state", "admin")
        session = self.server.session(self, "admin")
        self.assertGreater(session.value("SELECT count(*) FROM ads.campaigns"), 0)
        small = self.small.session(self)
        self.assertEqual(small.rows("SELECT DISTINCT host(client_addr) FROM pg_stat_activity WHERE usename = 'managed'"), [("127.0.0.1",)])
        self.assertFalse(session.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))

        # It is the password that lets it in, and it lets it see the views only.
        as_managed = self.small.session(self, "managed")
        self.assertEqual(as_managed.rows("SELECT umoptions FROM pg_user_mappings"), [(None,)])
        self.expect_error("42501", "SELECT count(*) FROM ads.campaigns", "permission denied", session=as_managed)
        session.run("ALTER USER MAPPING FOR CURRENT_USER SERVER exports OPTIONS (SET password 'another')")
        self.expect_error("08001", "SELECT count(*) FROM ads.campaigns", "password authentication failed", session=session)


class SeveralNodes(Beside):
    """A third cluster: the two nodes have the extension and an account each, the one that is asked has neither."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if support.Session("postgres").connection.server_version < 140000:
            raise unittest.SkipTest("async Append is there from PostgreSQL 14 on")
        cls.second = support.Cluster()

    def setUp(self):
        super().setUp()
        self.session.run("ALTER SERVER amazon OPTIONS (ADD profile_ids '%s')" % SMALL)
        self.second.run("DROP DATABASE IF EXISTS warehouse WITH (FORCE)", "CREATE DATABASE warehouse")
        self.node_b = Server(self.second, "warehouse")
        self.node_b_session = self.node_b.session(self)
        self.node_b_session.run("CREATE EXTENSION adsexport_fdw; CREATE SCHEMA ads")
        mapping = self.amazon_mapping("amzn1.application-oa2-client.second")
        self.node_b_session.run("CREATE SERVER amazon FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', endpoint '%s', token_endpoint '%s/auth/o2/token', "
                                "poll_interval '100ms', profile_ids '%s')" % (self.emulator.url, self.emulator.url, OTHER))
        self.node_b_session.run("CREATE USER MAPPING FOR CURRENT_USER SERVER amazon " + support.option_list(mapping))
        self.node_b_session.run("CREATE SERVER amplitude FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amplitude')")
        for server in ("amazon", "amplitude"):
            self.node_b_session.run("IMPORT FOREIGN SCHEMA exports FROM SERVER %s INTO ads" % server)
        self.serve_views(self.node_b, self.node_b_session)
        self.asked = Server(self.managed, "beside", (("a.internal", self.small), ("b.internal", self.node_b)))
        self.clear_log()
        self.run_block(self.asked, "docs/scale.md", "CREATE SERVER node_b")

    def askers(self):
        """Whose exports were requested of which profile."""
        headers = [({name.lower(): value for name, value in call["headers"].items()}, call["profile"]) for call in self.calls("request")]
        return sorted((found["amazon-advertising-api-clientid"].rsplit(".", 1)[1], profile) for found, profile in headers)

    def test_partitions_by_profile(self):
        # Each node asked for its own profile, with its own account.
        self.assertEqual(self.askers(), [("emulator", SMALL), ("second", OTHER)])
        self.run_block(self.asked, "docs/scale.md", "EXPLAIN")
        # What a node is not asked for it does not ask the vendor for.
        self.clear_log()
        for session in (self.session, self.node_b_session):
            session.run("ALTER SERVER amazon OPTIONS (ADD max_age '0')")
        count = sum(1 for _ in self.data().records("campaigns", int(OTHER)))
        self.assertEqual(self.asked.session(self).value("SELECT count(*) FROM campaigns WHERE profile_id = '%s'" % OTHER), count)
        self.assertEqual(self.askers(), [("second", OTHER)])

    def test_the_nodes_work_at_the_same_time(self):
        for session in (self.session, self.node_b_session):
            session.run("ALTER SERVER amazon OPTIONS (ADD max_age '0')")
        self.emulator.settings(export_delay=3)
        self.clear_log()
        self.assertGreater(self.asked.session(self).value("SELECT count(*) FROM campaigns"), 0)
        requests = sorted(call["time"] for call in self.calls("request"))
        downloads = sorted(call["time"] for call in self.calls("download"))
        self.assertEqual(len(requests), 2)
        self.assertLess(requests[-1], downloads[0], "both are requested before the first is read")


class Replication(support.TestCase):
    """docs/scale.md: what one server loads, others read."""

    emulator_options = ("--names", "account", "--drift", "false")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not support.cluster().folder or support.Session("postgres").connection.server_version < 150000:
            raise unittest.SkipTest("it needs servers of its own, and lists of columns, which are there from PostgreSQL 15 on")
        cls.loader = Server(support.Cluster("wal_level = logical\n"), "postgres")
        cls.reader = Server(support.Cluster("# a reader\n"), "postgres")

    def test_what_is_loaded_arrives(self):
        session, reader = self.loader.session(self), self.reader.session(self)
        session.run("CREATE EXTENSION adsexport_fdw; CREATE SCHEMA ads; CREATE SCHEMA warehouse")
        session.run("CREATE SERVER amazon FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', endpoint '%s', token_endpoint '%s/auth/o2/token', poll_interval '100ms', "
                    "max_age '0')" % (self.emulator.url, self.emulator.url))
        session.run("CREATE USER MAPPING FOR CURRENT_USER SERVER amazon " + support.option_list(self.amazon_mapping()))
        session.run("IMPORT FOREIGN SCHEMA exports FROM SERVER amazon INTO ads")
        history = pages.block("README.md", "CREATE TABLE warehouse.campaign_history").code
        session.run(history)
        session.run(pages.block("docs/scale.md", "CREATE PUBLICATION").code)
        statements = pages.block("docs/scale.md", "CREATE SUBSCRIPTION").code.replace(
            "host=load.internal dbname=warehouse user=replicator password=...",
            "host=%s port=%s dbname=postgres user=postgres" % (self.loader.cluster.host, self.loader.cluster.port))
        # A subscription is not made within several statements that are sent together.
        for statement in statements.split(";\n"):
            if statement.strip():
                reader.run(statement)
        self.addCleanup(reader.run, "DROP SUBSCRIPTION loaded")
        wanted = "SELECT profile_id, campaign_id, name, state, budget_amount, last_updated_date_time FROM warehouse.campaign_history ORDER BY 1, 2, 6"
        self.assertEqual(len(session.rows(wanted)), 56)
        self.eventually(lambda: reader.rows(wanted) == session.rows(wanted), "the copy of what was loaded", 60)
        self.emulator.settings(inject=[{"entity": "campaigns", "profile": int(SMALL), "index": 2, "path": "lastUpdatedDateTime", "literal": '"2026-11-01T00:00:00.000Z"'}])
        (insert,) = re.findall("(?m)^INSERT INTO .*;", history)
        session.run(insert)
        self.assertEqual(len(session.rows(wanted)), 57)
        self.eventually(lambda: reader.rows(wanted) == session.rows(wanted), "the row that a load added", 60)
        self.expect_error(("0A000", "22023"), "CREATE PUBLICATION foreign_one FOR TABLE ads.campaigns", "campaigns", session=session)


if __name__ == "__main__":
    unittest.main()
