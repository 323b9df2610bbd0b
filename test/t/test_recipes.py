"""What docs/managed.md and docs/scale.md set up: other servers, which have no adsexport_fdw, reach one that has it by postgres_fdw."""

import unittest

import psycopg2

import support


class Beside(support.TestCase):
    """A second cluster, as a managed service is one, beside that of the tests."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.managed = support.Cluster() if support.cluster().folder else None
        if cls.managed is None:
            raise unittest.SkipTest("the tests run against a server that is not theirs")
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
        self.amazon(profile_ids="1111,2222")
        self.amplitude()
        self.session.run("DROP SCHEMA IF EXISTS served CASCADE; CREATE SCHEMA served; CREATE VIEW served.campaigns AS SELECT * FROM ads.campaigns; "
                         "CREATE VIEW served.amplitude_events AS SELECT * FROM product.amplitude_events")

    def other_session(self, statements):
        """A session of the second cluster, in a database of its own."""
        self.managed.run("DROP DATABASE IF EXISTS beside", "CREATE DATABASE beside")
        connection = self.managed.connect("beside")
        self.addCleanup(connection.close)
        session = object.__new__(support.Session)
        session.connection, session.pid = connection, connection.get_backend_pid()
        session.run("CREATE EXTENSION postgres_fdw")
        for statement in statements:
            session.run(statement)
        return session

    def server_statements(self, name, more=""):
        return ["CREATE SERVER %s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%s', port '%s', dbname '%s'%s)"
                % (name, support.cluster().host, support.cluster().port, self.database, more),
                "CREATE USER MAPPING FOR CURRENT_USER SERVER %s OPTIONS (user 'postgres')" % name]

    def bodies(self):
        return [call["body"] for call in self.calls("request")]


class Sidecar(Beside):
    def managed_session(self):
        return self.other_session(self.server_statements("exports", ", use_remote_estimate 'true'") + ["CREATE SCHEMA ads", "IMPORT FOREIGN SCHEMA served FROM SERVER exports INTO ads",
                                                                       "CREATE TABLE report (profile_id text, campaign_id text, cost numeric)"])

    def test_where_and_group_by_reach_the_request(self):
        session = self.managed_session()
        plan = session.explain("SELECT state, count(*) FROM ads.campaigns WHERE state = 'ENABLED' AND profile_id = '1111' GROUP BY state", "VERBOSE")
        self.assertRegex(plan, r"Remote SQL: SELECT state, count\(\*\) FROM served.campaigns WHERE .*GROUP BY")
        rows = session.rows("SELECT state, count(*) FROM ads.campaigns WHERE state = 'ENABLED' AND profile_id = '1111' GROUP BY state")
        enabled = sum(1 for record in self.data().records("campaigns", 1111) if record["state"] == "ENABLED")
        self.assertEqual(rows, [("ENABLED", enabled)])
        self.assertEqual(len(self.bodies()), 1)
        self.assertIn('"stateFilter":["ENABLED"]', self.bodies()[0].replace(" ", ""))

    def test_join_with_a_local_report(self):
        session = self.managed_session()
        session.run("INSERT INTO report SELECT profile_id, campaign_id, 1.5 FROM ads.campaigns")
        self.assertEqual(session.value("SELECT sum(cost) FROM report JOIN ads.campaigns USING (profile_id, campaign_id) WHERE profile_id = '2222'"), 60)

    def test_now_is_not_shipped(self):
        session = self.managed_session()
        query = "SELECT count(*) FROM ads.amplitude_events WHERE server_upload_time >= %s AND server_upload_time < '2025-03-01 03:00Z'"
        error = self.expect_error(("HV00L", "HV000"), query % "now() - interval '10 years'", "gives no lower bound on server_upload_time", session=session)
        self.assertIn("default_start", support.text_of_error(error))
        right = sum(1 for _ in self.data().events("2025-03-01T01", "2025-03-01T02"))
        self.assertEqual(session.value(query % "'2025-03-01 01:00Z'"), right)
        self.assertEqual(session.value(query % "%s", "2025-03-01 01:00Z"), right)

    def test_default_start(self):
        self.emulator.settings(amplitude_ranges="now-5h..now", amplitude_latency=0)
        self.session.run("ALTER FOREIGN TABLE product.amplitude_events OPTIONS (ADD default_start '4h', ADD incomplete_hours 'ignore')")
        session = self.managed_session()
        self.assertGreater(session.value("SELECT count(*) FROM ads.amplitude_events WHERE server_upload_time >= now() - interval '3 hours'"), 0)


class SeveralNodes(Beside):
    def test_partitions_by_profile(self):
        statements = ["CREATE TABLE campaigns (profile_id text, campaign_id text, name text, state text) PARTITION BY LIST (profile_id)"]
        asynchronous = ", async_capable 'true'" if self.session.value("SELECT current_setting('server_version_num')::int") >= 140000 else ""
        for node, profile in (("node_a", "1111"), ("node_b", "2222")):
            statements += self.server_statements(node, asynchronous)
            # Each node serves its own profiles: postgres_fdw does not send a partition's bounds.
            self.session.run("CREATE VIEW served.%s AS SELECT * FROM ads.campaigns WHERE profile_id = '%s'" % (node, profile))
            statements.append("CREATE FOREIGN TABLE campaigns_%s PARTITION OF campaigns FOR VALUES IN ('%s') SERVER %s "
                              "OPTIONS (schema_name 'served', table_name '%s')" % (node, profile, node, node))
        session = self.other_session(statements)
        self.assertEqual(session.rows("SELECT profile_id, count(*) FROM campaigns GROUP BY 1 ORDER BY 1"), [("1111", 40), ("2222", 40)])
        # What a node is not asked for it does not ask the vendor for.
        self.assertEqual(sorted(call["profile"] for call in self.calls("request")), ["1111", "2222"])
        self.clear_log()
        self.session.run("ALTER SERVER amazon OPTIONS (ADD max_age '0')")
        self.assertEqual(session.value("SELECT count(*) FROM campaigns WHERE profile_id = '2222'"), 40)
        self.assertEqual([call["profile"] for call in self.calls("request")], ["2222"])


if __name__ == "__main__":
    unittest.main()
