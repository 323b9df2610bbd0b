"""Generated WHERE clauses: the rows are those of a local copy under the same clause, whatever of it became part of the request.

Each clause is a tree of AND, OR and NOT over comparisons, whose values are written as constants, casts, stable expressions, subqueries,
arrays, or parameters of a generic plan. Beside the rows, the request is held against two bounds: it has all that the rows of the copy need,
and nothing that the clause rules out by itself, column by column (worked out here from the tree, with the server's own comparisons).

The seed is fixed, so that each run has the same clauses, and a time limit cuts them short on a slow machine. For a longer run:

    ADSEXPORT_PROPERTY_CLAUSES=3000 ADSEXPORT_PROPERTY_SEED=17 test/t/run test_property
"""

import datetime
import json
import os
import random
import re
import threading
import time
import unittest

import mapping
import support

CLAUSES = int(os.environ.get("ADSEXPORT_PROPERTY_CLAUSES", "0"))  # for each table; 0: a short run
SEED = int(os.environ.get("ADSEXPORT_PROPERTY_SEED", "1"))
SHORT_RUN = 240  # clauses for each table
SHORT_TIME = 6.0  # seconds for each table, if that comes first
LEAST = 20  # clauses, however long they take
SESSIONS = 3  # side by side, since each waits for polls

PRODUCTS = ["SPONSORED_PRODUCTS", "SPONSORED_BRANDS", "SPONSORED_DISPLAY"]
STATES = ["ENABLED", "PAUSED", "ARCHIVED"]
LEVELS = ["AD_GROUP", "CAMPAIGN"]
TYPES = ["AUDIENCE", "AUTO", "KEYWORD", "PRODUCT", "PRODUCT_AUDIENCE", "PRODUCT_CATEGORY", "THEME", "PRODUCT_CATEGORY_AUDIENCE"]
PROFILES = ["1111", "2222", "18014398509481985"]
ODD_WORDS = ["paused", "PAUSED ", "", "NONSENSE", "SEASONAL_EVENT"]
UTC = datetime.timezone.utc

# What a comparison can come to.
ANYTHING = frozenset((True, False, None))


class Atom:
    """A condition. column: what it is about, if the request can hold it; checked: the same without parameters and subqueries."""

    def __init__(self, sql, column=None, checked=None, fixed=False):
        self.sql, self.column, self.checked, self.fixed = sql, column, checked or sql, fixed

    def text(self):
        return self.sql

    def atoms(self):
        yield self

    def outcomes(self, known):
        return known.get(self, ANYTHING)

    def hours(self, known, negated):
        return known.get((self, negated), known[None])


class Tree:
    def __init__(self, kind, *children):
        self.kind, self.children = kind, children

    def text(self):
        if self.kind == "NOT":
            return "NOT (%s)" % self.children[0].text()
        return (" %s " % self.kind).join("(%s)" % child.text() for child in self.children)

    def atoms(self):
        for child in self.children:
            yield from child.atoms()

    def outcomes(self, known):
        """All that it can come to, with those outcomes of its atoms; each is taken to be independent of the others."""
        results = [child.outcomes(known) for child in self.children]
        if self.kind == "NOT":
            return frozenset(None if one is None else not one for one in results[0])
        decisive = self.kind == "OR"
        total = results[0]
        for more in results[1:]:
            total = frozenset(decisive if decisive in (a, b) else (None if None in (a, b) else not decisive) for a in total for b in more)
        return total

    def hours(self, known, negated):
        """The range of hours in which it can be true (or false, if negated)."""
        if self.kind == "NOT":
            return self.children[0].hours(known, not negated)
        ranges = [child.hours(known, negated) for child in self.children]
        if (self.kind == "OR") != negated:
            ranges = [one for one in ranges if one is not None]
            return (min(one[0] for one in ranges), max(one[1] for one in ranges)) if ranges else None
        if None in ranges:
            return None
        first, last = max(one[0] for one in ranges), min(one[1] for one in ranges)
        return (first, last) if first <= last else None


FIRST_HOUR = datetime.datetime(2025, 3, 1, 0, 0, tzinfo=UTC)
EVENT_HOURS = 30
MINUTES = (0, 0, 0, 15, 30, 45)


class Generator:
    """Writes clauses. Values become parameters now and then: types and values of these pile up in self.parameters."""

    first_hour = FIRST_HOUR  # of the events

    def __init__(self, chance):
        self.chance = chance
        self.parameters = []

    def pick(self, *choices):
        return self.chance.choice(choices)

    def value(self, literal, kind, others=()):
        """(as in the query, as a constant) of a value of that type; literal None is a NULL."""
        constant = "NULL::%s" % kind if literal is None else "%s::%s" % (support.quote(literal), kind)
        form = self.pick("plain", "plain", "constant", "cast", "stable", "subquery", "parameter", "parameter")
        if form == "plain" and literal is not None and kind in ("text", "bigint"):
            return (support.quote(literal) if kind == "text" else literal), constant
        if form == "cast" and others:
            other = self.pick(*others)
            return constant + "::" + other, constant + "::" + other
        if form == "stable":
            return "coalesce(%s, nullif(current_setting('adsexport_t.empty', true), '')::%s)" % (constant, kind), constant
        if form == "subquery":
            return "(SELECT %s%s)" % (constant, self.pick("", " WHERE now() IS NOT NULL")), constant
        if form == "parameter":
            return self.parameter(literal, kind), constant
        return constant, constant

    def parameter(self, value, kind):
        self.parameters.append((kind, value))
        return "$%d" % len(self.parameters)

    def array(self, literals, kind):
        written = "{%s}" % ",".join("NULL" if one is None else '"%s"' % one for one in literals)
        constant = "%s::%s[]" % (support.quote(written), kind)
        form = self.pick("constant", "constructor", "subquery", "parameter")
        if form == "constructor":
            return "ARRAY[%s]::%s[]" % (", ".join(self.value(one, kind)[0] for one in literals), kind), constant
        if form == "subquery":
            return "ARRAY(SELECT unnest(%s))" % constant, constant
        if form == "parameter":
            return self.parameter(written, kind + "[]"), constant
        return constant, constant

    def comparison(self, column, values, kind="text", others=(), negations=True, pushed=True, written=None):
        """A comparison of the column with some of these values (and NULLs, now and then), for equality."""
        written = written or column
        some = lambda: None if self.chance.random() < 0.06 else self.chance.choice(values)  # noqa: E731
        name = column if pushed else None
        form = self.pick("=", "=", "<>", "any", "all", "in", "not in", "turned")
        if not negations and form in ("<>", "all", "not in"):
            name = None
        if form in ("=", "<>", "turned"):
            text, constant = self.value(some(), kind, others)
            if form == "turned":
                return Atom("%s = %s" % (text, written), name, "%s = %s" % (constant, written))
            return Atom("%s %s %s" % (written, form, text), name, "%s %s %s" % (written, form, constant))
        literals = [some() for _ in range(self.chance.randrange(0 if form in ("any", "all") else 1, 4))]
        if form in ("any", "all"):
            text, constant = self.array(literals, kind)
            operator = "= ANY" if form == "any" else "<> ALL"
            return Atom("%s %s (%s)" % (written, operator, text), name, "%s %s (%s)" % (written, operator, constant))
        pairs = [self.value(one, kind) for one in literals]
        operator = "IN" if form == "in" else "NOT IN"
        if len(pairs) == 1 and pairs[0][0].startswith("(SELECT"):
            name = None  # that is IN of a subquery, which may have any number of rows
        return Atom("%s %s (%s)" % (written, operator, ", ".join(pair[0] for pair in pairs)), name,
                    "%s %s (%s)" % (written, operator, ", ".join(pair[1] for pair in pairs)))

    def negative(self):
        form = self.pick("negative", "NOT negative", "negative IS TRUE", "negative IS FALSE", "compare", "compare", "negative IS NOT TRUE", "negative IS NOT FALSE",
                         "negative IS NULL",
                         "negative IS NOT UNKNOWN")
        if form == "compare":
            return self.comparison("negative", ["true", "false"], "boolean")
        return Atom(form, "negative")

    def fixed(self):
        """A condition that is about no column."""
        form = self.pick("true", "false", "NULL::boolean", "parameter", "parameter", "null", "stable")
        if form == "parameter":
            value = self.pick("true", "false", None)
            return Atom(self.parameter(value, "boolean"), None, "%s::boolean" % (support.quote(value) if value else "NULL"), True)
        if form == "null":
            value = self.pick("x", None)
            return Atom("%s IS NULL" % self.parameter(value, "text"), None, "true" if value is None else "false", True)
        if form == "stable":
            return Atom("current_setting('adsexport_t.empty', true) = ''", None, "true", True)
        return Atom(form, None, form, True)

    def tree(self, depth, atom):
        if depth == 0 or self.chance.random() < 0.15:
            return atom(self)
        kind = self.pick("AND", "AND", "OR", "OR", "OR", "NOT")
        if kind == "NOT":
            return Tree("NOT", self.tree(depth - 1, atom))
        return Tree(kind, *(self.tree(depth - 1, atom) for _ in range(self.pick(2, 2, 3))))


def text_atoms(table, unpushed):
    """What clauses on one of the four tables are made of."""

    def atom(generator):
        kinds = ["state", "state", "ad_product", "profile_id", "other", "other", "fixed"]
        if table == "targets":
            kinds += ["negative", "negative", "target_level", "target_type", "target_type"]
        kind = generator.pick(*kinds)
        strings = ("varchar", "varchar(40)", "char(40)")
        if kind == "state":
            return generator.comparison("state", STATES * 2 + ODD_WORDS, others=strings[:2])
        if kind == "ad_product":
            return generator.comparison("ad_product", PRODUCTS * 2 + ODD_WORDS, others=strings[:2])
        if kind == "profile_id":
            return generator.comparison("profile_id", PROFILES * 2 + ["999", "01111", ""])
        if kind == "target_level":
            return generator.comparison("target_level", LEVELS * 2 + ODD_WORDS)
        if kind == "target_type":
            return generator.comparison("target_type", TYPES[:4] * 2 + ODD_WORDS, negations=False)
        if kind == "negative":
            return generator.negative()
        if kind == "fixed":
            return generator.fixed()
        return Atom(generator.pick(*unpushed))

    return atom


def typed_atoms(generator):
    """On a table with columns of other types: an enum, a varchar, a bigint, a domain, a char."""
    kind = generator.pick("state", "state", "ad_product", "profile_id", "target_level", "negative", "target_type", "other", "fixed")
    if kind == "state":
        return generator.comparison("state", STATES + ["OTHER"], "ads.state")
    if kind == "ad_product":
        return generator.comparison("ad_product", PRODUCTS * 2 + ODD_WORDS, others=("varchar", "varchar(40)"))
    if kind == "profile_id":
        return generator.comparison("profile_id", PROFILES * 2 + ["999", "-1"], "bigint")
    if kind == "target_level":
        return generator.comparison("target_level", LEVELS * 2 + ODD_WORDS)
    if kind == "target_type":
        return generator.comparison("target_type", TYPES[:4] * 2 + ODD_WORDS, "char(40)", pushed=False)
    if kind == "negative":
        return generator.negative()
    if kind == "fixed":
        return generator.fixed()
    return Atom(generator.pick("state > 'ENABLED'", "state::text = 'PAUSED'", "profile_id > 2000", "target_level < 'B'", "length(ad_product) > 16", "state IS NULL"))


def profile_atoms(generator):
    kind = generator.pick("profile_id", "country", "other", "fixed")
    if kind == "profile_id":
        return generator.comparison("profile_id", PROFILES + ["999"])
    if kind == "country":
        return generator.comparison("country_code", ["US", "DE", "CA", "us", ""])
    if kind == "fixed":
        return generator.fixed()
    return Atom(generator.pick("daily_budget > 100", "account_valid_payment_method", "timezone LIKE '%/%'", "account_sub_type IS NULL", "NOT account_valid_payment_method"))


def moment(generator):
    minutes = generator.pick(*MINUTES)
    step = generator.pick(0, 0, 0, 1, -1)
    return generator.first_hour + datetime.timedelta(hours=generator.chance.randrange(1, EVENT_HOURS - 1), minutes=minutes, microseconds=step)


def time_value(generator):
    """A moment as a value of one of the types that it can be compared with."""
    kind = generator.pick("timestamptz", "timestamptz", "timestamptz", "timestamp", "date")
    when = moment(generator)
    if generator.chance.random() < 0.04:
        return generator.value(generator.pick(None, "infinity", "-infinity"), kind)
    if kind == "date":
        return generator.value(when.date().isoformat(), kind)
    if kind == "timestamp":
        return generator.value(when.replace(tzinfo=None).isoformat(" "), kind, others=("timestamptz",))
    zone = generator.pick(0, 330, -210, 345)
    return generator.value(when.astimezone(datetime.timezone(datetime.timedelta(minutes=zone))).isoformat(" "), kind)


def time_atoms(generator):
    column = "server_upload_time"
    kind = generator.pick("compare", "compare", "compare", "turned", "between", "in", "array", "other", "fixed")
    if kind in ("compare", "turned"):
        operator = generator.pick("<", "<=", ">", ">=", "=", "<>")
        text, constant = time_value(generator)
        if kind == "turned":
            return Atom("%s %s %s" % (text, operator, column), column, "%s %s %s" % (constant, operator, column))
        return Atom("%s %s %s" % (column, operator, text), column, "%s %s %s" % (column, operator, constant))
    if kind == "between":
        low, high = time_value(generator), time_value(generator)
        return Tree("AND", Atom("%s >= %s" % (column, low[0]), column, "%s >= %s" % (column, low[1])),
                    Atom("%s <= %s" % (column, high[0]), column, "%s <= %s" % (column, high[1])))
    if kind in ("in", "array"):
        literals = [None if generator.chance.random() < 0.05 else moment(generator).isoformat(" ") for _ in range(generator.chance.randrange(1, 4))]
        text, constant = generator.array(literals, "timestamptz")
        operator = "= ANY" if kind == "in" else "%s %s" % (generator.pick("<", "<=", ">", ">=", "=", "<>"), generator.pick("ANY", "ALL"))
        return Atom("%s %s (%s)" % (column, operator, text), column, "%s %s (%s)" % (column, operator, constant))
    if kind == "fixed":
        return generator.fixed()
    return Atom(generator.pick("event_id % 2 = 0", "event_type = 'session_start'", "server_upload_time IS NULL", "event_time > server_upload_time",
                               "server_upload_time + interval '1 hour' > '2025-03-01 12:00Z'", "user_id IS NULL"))


class Property(support.TestCase):
    emulator_options = ("--campaigns", "24", "--ad-groups", "24", "--targets", "60", "--ads", "24",
                        "--amplitude-ranges", "2025-03-01T00..2025-03-02T05", "--events-per-hour", "5", "--amplitude-even", "true")
    unpushed = {
        "campaigns": ["name > 'M'", "state LIKE 'P%'", "state > 'F'", "budget_amount > 10", "state IS NULL", "lower(state) = 'paused'", "end_date IS NULL"],
        "ad_groups": ["name > 'M'", "state LIKE 'P%'", "default_bid > 1", "state IS NOT NULL", "campaign_id > ad_group_id"],
        "targets": ["keyword IS NULL", "bid > 1", "state > 'F'", "state = target_level", "lower(state) = 'paused'", "target_type IS NULL", "state IS DISTINCT FROM 'PAUSED'",
                    "(state = 'PAUSED') IS NOT TRUE", "CASE WHEN negative THEN state = 'PAUSED' ELSE bid > 1 END"],
        "ads": ["name > 'M'", "state LIKE 'P%'", "asin IS NULL", "state || '' = 'PAUSED'"],
    }

    def setUp(self):
        super().setUp()
        self.amazon(profile_ids=",".join(PROFILES), max_age="1d", max_jobs="50")
        self.emulator.settings(job_cap=1000)
        self.amplitude(request_span="365d", incomplete_hours="ignore")

    # The copies

    def copy(self, table, rows, name=None):
        columns = mapping.COLUMNS[table]
        self.session.run("DROP TABLE IF EXISTS local_%s CASCADE" % (name or table))
        self.session.run("CREATE TABLE local_%s (%s)" % (name or table, ", ".join("%s %s" % (column, mapping.SQL_TYPES.get(kind, kind)) for column, kind, _ in columns)))
        with self.session.connection.cursor() as cursor:
            for row in rows:
                cursor.execute("INSERT INTO local_%s VALUES (%s)" % (name or table, ", ".join(["%s"] * len(columns))),
                               ["{}" if kind == "jsonb" else row[column] for column, kind, _ in columns])

    def copy_records(self, table):
        self.copy(table, [mapping.expected_row(table, record, profile_id=profile, export_id="", exported_at=None)
                          for profile in PROFILES for record in self.data().records(table, profile)])

    # One clause

    def prepare(self, session, name, query, parameters):
        types = ", ".join(kind for kind, _ in parameters)
        session.run("PREPARE %s%s AS %s" % (name, " (%s)" % types if types else "", query))

    def call(self, name, parameters):
        values = ", ".join("NULL" if value is None else support.quote(value) for _, value in parameters)
        return "EXECUTE %s%s" % (name, "(%s)" % values if values else "")

    def run_clause(self, session, foreign, local, columns, clause, parameters, generic):
        """(rows, rows of the copy, scan nodes of the plan as it was executed)."""
        session.run("SET plan_cache_mode = %s" % ("force_generic_plan" if generic else "auto"))
        results = []
        for table in (foreign, local):
            self.prepare(session, "p", "SELECT %s FROM %s WHERE %s" % (columns, table, clause), parameters)
            try:
                results.append(session.rows(self.call("p", parameters)))
                if table == foreign:
                    (((plan,),),) = session.rows("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + self.call("p", parameters))
            finally:
                session.run("DEALLOCATE p")
        return results[0], results[1], plan["Plan"]

    @staticmethod
    def scan_of(plan):
        """The foreign scan, if it is all that the plan has beside subqueries; else None."""
        if plan["Node Type"] == "Foreign Scan":
            return plan
        return None

    def run_all(self, table, atoms, check, columns, foreign=None, local=None, zones=("UTC",), wrap=None, share=1):
        """Clauses on a table until there were enough (that part of them); check(session, clause tree, rows of the copy, scan)."""
        count = (CLAUSES or SHORT_RUN) // share
        foreign, local = foreign or "ads." + table, local or "local_" + table
        deadline = time.monotonic() + SHORT_TIME / share
        lock = threading.Lock()
        numbers = iter(range(count))
        done = []
        problems = []

        def work():
            session = self.connect(statement_timeout="60s")
            while not problems and (CLAUSES or time.monotonic() < deadline or len(done) < LEAST):
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                generator = Generator(random.Random("%d %s %s %d" % (SEED, table, foreign, number)))
                generator.first_hour = self.first_hour
                tree = generator.tree(generator.pick(1, 2, 2, 3), atoms)
                if wrap:
                    tree = wrap(generator, tree)
                zone = generator.pick(*zones)
                generic = generator.chance.random() < 0.6
                try:
                    session.run("SET TimeZone = '%s'" % zone)
                    found, expected, plan = self.run_clause(session, foreign, local, columns, tree.text(), generator.parameters, generic)
                    self.assertEqual(sorted(found, key=repr), sorted(expected, key=repr), "rows")
                    check(session, tree, expected, self.scan_of(plan))
                except Exception as problem:  # of any kind: it is told with the clause that brought it up
                    problems.append("clause %d of %s (TimeZone %s, %s): %s\nparameters %r\n%s: %s" % (
                        number, foreign, zone, "generic plan" if generic else "custom plan", tree.text(), generator.parameters, type(problem).__name__, problem))
                    return
                done.append(bool(expected))

        threads = [threading.Thread(target=work) for _ in range(SESSIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if problems:
            self.fail("\n".join(problems))
        self.assertGreaterEqual(len(done), count if CLAUSES else LEAST)
        # That some find something and some do not shows that they tell something.
        self.assertGreater(sum(done), len(done) // 8)
        if CLAUSES:
            print("%s: %d clauses, %d of them with rows" % (foreign, len(done), sum(done)))

    # The four tables

    def evaluate(self, session, tree, domains, kinds):
        """Outcomes of each atom for each value of its column: {column: {value: {atom: outcomes}}}."""
        result = {column: {value: {} for value in values} for column, values in domains.items()}
        fixed = [atom for atom in tree.atoms() if atom.fixed]
        if fixed:
            (values,) = session.rows("SELECT " + ", ".join("(%s)" % atom.checked for atom in fixed))
        for column, values_of in domains.items():
            atoms = [atom for atom in tree.atoms() if atom.column == column]
            for value in values_of:
                for index, atom in enumerate(fixed):
                    result[column][value][atom] = frozenset((values[index],))
            if not atoms:
                continue
            kind = kinds.get(column, "boolean" if column == "negative" else "text")
            rows = session.rows("SELECT %s FROM (SELECT v AS key, v::%s AS %s FROM unnest(%s) v) d" % (
                ", ".join(["key"] + ["(%s)" % atom.checked for atom in atoms]), kind, column, "%s::text[]"), list(values_of))
            for row in rows:
                for atom, outcome in zip(atoms, row[1:]):
                    result[column][row[0]][atom] = frozenset((outcome,))
        return result

    def check_export(self, session, tree, rows, scan, kinds=None, typed=False):
        """rows: (profile, id, product, state[, negative, level, type])."""
        if scan is None:
            return
        request, body = scan["Export"], json.loads(scan.get("Export Filter", "null"))
        targets = len(rows[0]) > 4 if rows else "negativeFilter" in (body or {}) or "/targets/" in request
        domains = {"ad_product": PRODUCTS, "state": STATES, "profile_id": PROFILES}
        if targets:
            domains.update(negative=["true", "false", None], target_level=LEVELS)
        known = self.evaluate(session, tree, domains, kinds or {})
        wanted = {column: {value for value in values if True in tree.outcomes(known[column][value])} for column, values in domains.items()}
        if targets and None in wanted["negative"]:
            wanted["negative"] = {"true", "false"}  # the vendor has no word for records without the key
        if body is None:
            self.assertEqual(rows, [])
            return
        profiles = re.match(r".*, profiles? (.*)$", request)
        asked = {"ad_product": body["adProductFilter"], "state": body["stateFilter"], "profile_id": profiles.group(1).split(", ") if profiles else []}
        if targets:
            asked["negative"] = [str(value).lower() for value in body.get("negativeFilter", [True, False])]
            asked["target_level"] = body.get("targetLevelFilter", LEVELS)
        place = {"profile_id": 0, "ad_product": 2, "state": 3, "negative": 4, "target_level": 5}
        for column in domains:
            needed = {str(row[place[column]]).lower() if column == "negative" else str(row[place[column]]).strip() for row in rows} - {"none", "None"}
            self.assertLessEqual(needed, set(asked[column]), "the request is narrower than the rows need: " + column)
            self.assertLessEqual(set(asked[column]), wanted[column], "the request is wider than the clause: " + column)
        if all(wanted.values()):
            self.assertNotIn("none", request)
        else:
            self.fail("the clause rules out everything, yet it is asked for: %s" % wanted)
        if targets:
            self.check_types(session, tree, {row[6] for row in rows if row[6] is not None}, body.get("targetTypeFilter"), typed)

    def check_types(self, session, tree, needed, asked, typed):
        """Target types: an open list, of which those that are named can be asked for if no other can pass."""
        if asked is not None:
            self.assertLessEqual({one.strip() for one in needed}, set(asked), "target types are missing")
            self.assertLessEqual(set(asked), set(TYPES))
        if typed:
            return
        known = self.evaluate(session, tree, {"target_type": TYPES + ODD_WORDS + ["never"]}, {})["target_type"]
        wanted = {value for value, outcomes in known.items() if True in tree.outcomes(outcomes)}
        negated = any(word in tree.text() for word in ("NOT", "<>"))  # a list that is open can't be asked for by what is not in it
        if "never" not in wanted and wanted <= set(TYPES) and not (negated and not wanted):
            if not negated:
                self.assertTrue(wanted, "the clause rules out everything, yet it is asked for")
            self.assertIsNotNone(asked, "target types could be asked for")
            self.assertLessEqual(set(asked), wanted)

    def check_amazon(self, table, key):
        self.copy_records(table)
        columns = "profile_id, %s, ad_product, state" % key + (", negative, target_level, target_type" if table == "targets" else "")
        self.run_all(table, text_atoms(table, self.unpushed[table]), self.check_export, columns)

    def test_campaigns(self):
        self.check_amazon("campaigns", "campaign_id")

    def test_ad_groups(self):
        self.check_amazon("ad_groups", "ad_group_id")

    def test_targets(self):
        self.check_amazon("targets", "target_id")

    def test_ads(self):
        self.check_amazon("ads", "ad_id")

    def test_other_column_types(self):
        self.copy("targets", [mapping.expected_row("targets", record, profile_id=profile, export_id="", exported_at=None)
                              for profile in PROFILES for record in self.data().records("targets", profile)], "typed_source")
        self.session.run("CREATE TYPE ads.state AS ENUM ('ARCHIVED', 'OTHER', 'ENABLED', 'PAUSED')")
        self.session.run("CREATE DOMAIN ads.word AS text CHECK (length(VALUE) < 100)")
        types = (("profile_id", "bigint"), ("target_id", "text"), ("ad_product", "varchar(40)"), ("state", "ads.state"), ("negative", "boolean"),
                 ("target_level", "ads.word"), ("target_type", "char(40)"))
        self.session.run("CREATE FOREIGN TABLE ads.typed (%s) SERVER amazon OPTIONS (entity 'targets')" % ", ".join("%s %s" % pair for pair in types))
        self.session.run("CREATE VIEW local_typed AS SELECT %s FROM local_typed_source" % ", ".join("%s::%s AS %s" % (name, kind, name) for name, kind in types))
        kinds = dict(types)
        self.run_all("typed", typed_atoms, lambda session, tree, rows, scan: self.check_export(session, tree, rows, scan, kinds, True),
                     ", ".join(name for name, _ in types))

    # Profiles: nothing is pushed

    def test_profiles(self):
        self.copy("profiles", [mapping.expected_row("profiles", record) for record in self.data().profiles(access="view")])
        if len(self.session.rows("SELECT 1 FROM ads.profiles")) != self.session.value("SELECT count(*) FROM local_profiles"):
            self.session.run("DROP TABLE local_profiles")
            self.copy("profiles", [mapping.expected_row("profiles", record) for record in self.data().profiles()])
        self.run_all("profiles", profile_atoms, lambda session, tree, rows, scan: None, "profile_id, country_code")

    # Events

    ZONES = ("UTC", "UTC", "Asia/Kolkata", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "America/New_York")

    first_hour = FIRST_HOUR

    def copy_events(self):
        last = self.first_hour + datetime.timedelta(hours=EVENT_HOURS - 1)
        self.copy("amplitude_events", [mapping.expected_row("amplitude_events", record, archive_entry="")
                                       for record in self.data().events(self.first_hour.strftime("%Y-%m-%dT%H"), last.strftime("%Y-%m-%dT%H"))])

    @staticmethod
    def bounded(generator, tree):
        """Within the hours that there are events of; the bounds are written in many ways, too."""
        first, last = generator.chance.randrange(0, 6), generator.chance.randrange(EVENT_HOURS - 6, EVENT_HOURS + 1)
        low, high = (generator.value((generator.first_hour + datetime.timedelta(hours=hour)).isoformat(" "), "timestamptz") for hour in (first, last))
        column = "server_upload_time"
        return Tree("AND", Atom("%s >= %s" % (column, low[0]), column, "%s >= %s" % (column, low[1])),
                    Atom("%s < %s" % (column, high[0]), column, "%s < %s" % (column, high[1])), tree)

    def check_hours(self, session, tree, rows, scan):
        """rows: (uuid, server_upload_time)"""
        if scan is None:
            return
        match = re.match(r".*, hours (\d{8}T\d\d) to (\d{8}T\d\d)$", scan["Export"])
        expected = tree.hours(self.hours_of_atoms(session, tree), False)
        if match is None:
            self.assertRegex(scan["Export"], "^none")
            self.assertEqual(rows, [])
            return
        asked = [datetime.datetime.strptime(text, "%Y%m%dT%H").replace(tzinfo=UTC) for text in match.groups()]
        for row in rows:
            hour = row[1].astimezone(UTC).replace(minute=0, second=0, microsecond=0)
            self.assertTrue(asked[0] <= hour <= asked[1], "hours are missing: %s is not in %s" % (hour, asked))
        self.assertIsNotNone(expected, "no hour is needed, yet some are asked for: %s" % asked)
        self.assertLessEqual(expected[0], asked[0])
        self.assertGreaterEqual(expected[1], asked[1])

    def hours_of_atoms(self, session, tree):
        """For each atom, the first and the last hour with a moment for which it is true, and for which it is false."""
        atoms = list(tree.atoms())
        pushed = [atom for atom in atoms if atom.column]
        known = {}
        parts = []
        for atom in pushed:
            for test in ("(%s) IS TRUE", "(%s) IS FALSE"):
                parts += ["%s(server_upload_time) FILTER (WHERE %s)" % (function, test % atom.checked) for function in ("min", "max")]
        (values,) = session.rows("SELECT min(server_upload_time), max(server_upload_time)%s FROM moments" % "".join(", " + part for part in parts))
        hours = [value and value.astimezone(UTC).replace(minute=0, second=0, microsecond=0) for value in values]
        known[None] = (hours[0], hours[1])
        for index, atom in enumerate(pushed):
            for negated in (False, True):
                first, last = hours[2 + 4 * index + 2 * negated:4 + 4 * index + 2 * negated]
                known[atom, negated] = (first, last) if first else None
        for atom in atoms:
            if atom.fixed:
                value = session.value("SELECT (%s)" % atom.checked)
                known[atom, False] = known[None] if value is True else None
                known[atom, True] = known[None] if value is False else None
        return known

    def copy_moments(self):
        # All moments at which something may begin or end, of these hours and some around them.
        self.session.run("DROP TABLE IF EXISTS moments")
        self.session.run("CREATE TABLE moments AS SELECT timestamptz '%s' - interval '48 hours' + n * interval '15 min' + d * interval '1 microsecond' AS server_upload_time "
                         "FROM generate_series(0, 4 * %d) n, generate_series(-1, 1) d WHERE n > 0 OR d >= 0" % (self.first_hour.isoformat(), EVENT_HOURS + 96))
        self.session.run("DELETE FROM moments WHERE server_upload_time >= (SELECT date_trunc('hour', max(server_upload_time)) FROM moments)")

    def test_events(self):
        self.copy_events()
        self.copy_moments()
        self.run_all("amplitude_events", time_atoms, self.check_hours, "uuid, server_upload_time", "product.amplitude_events", zones=self.ZONES, wrap=self.bounded)

    def test_events_where_clocks_change(self):
        """Begin and end of summer time, for a whole hour and for half of one: local times that do not exist, and such that exist twice."""
        for first, zones in (("2025-03-08T16", ("America/New_York", "America/St_Johns", "America/Havana")), ("2025-11-01T16", ("America/New_York", "America/St_Johns")),
                             ("2025-04-05T00", ("Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Chatham")), ("2025-10-04T00", ("Australia/Lord_Howe",))):
            with self.subTest(first=first):
                self.first_hour = datetime.datetime.strptime(first, "%Y-%m-%dT%H").replace(tzinfo=UTC)
                last = self.first_hour + datetime.timedelta(hours=EVENT_HOURS - 1)
                self.emulator.settings(amplitude_ranges="%s..%s" % (first, last.strftime("%Y-%m-%dT%H")))
                self.copy_events()
                self.copy_moments()
                self.run_all("amplitude_events", time_atoms, self.check_hours, "uuid, server_upload_time", "product.amplitude_events", zones=zones, wrap=self.bounded, share=4)
                for kind in ("timestamp", "date"):
                    self.run_other_type(kind, zones, 8)

    def test_events_with_other_column_types(self):
        """A timestamp and a date, which hold UTC, compared in whatever zone: no row is missing."""
        self.copy_events()
        for kind in ("timestamp", "timestamp(0)", "timestamptz(1)", "date"):
            self.run_other_type(kind, self.ZONES, 2)

    def run_other_type(self, kind, zones, share):
        name = "as_" + re.sub(r"\W", "_", kind)
        self.session.run("DROP FOREIGN TABLE IF EXISTS product.%s; DROP TABLE IF EXISTS local_%s" % (name, name))
        self.session.run("CREATE FOREIGN TABLE product.%s (uuid uuid, server_upload_time %s, event_time timestamptz, event_id bigint, event_type text, user_id text) "
                         "SERVER amplitude OPTIONS (entity 'amplitude_events')" % (name, kind))
        source = "server_upload_time" if "tz" in kind else "server_upload_time AT TIME ZONE 'UTC'"
        self.session.run("CREATE TABLE local_%s AS SELECT uuid, (%s)::%s AS server_upload_time, event_time, event_id, event_type, user_id "
                         "FROM local_amplitude_events" % (name, source, kind))
        self.run_all(name, time_atoms, lambda session, tree, rows, scan: None, "uuid, server_upload_time", "product." + name, zones=zones, wrap=self.bounded, share=share)


if __name__ == "__main__":
    unittest.main()
