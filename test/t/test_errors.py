"""Every error that docs/errors.md lists is provoked and compared with it, and every one in the source is listed."""

import collections
import glob
import os
import re
import tempfile
import unittest
import zipfile

import psycopg2

import support

CHECKOUT = os.path.join(support.FOLDER, "../..")
CAMPAIGNS = "SELECT * FROM ads.campaigns"
PROFILES = "SELECT * FROM ads.profiles"
EVENTS = "SELECT * FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < '2025-03-01 02:00Z'"


# The catalogue

def code(cell):
    """The text of a cell that is in code style, else None."""
    cell = cell.strip()
    return cell[1:-1] if len(cell) > 2 and cell[0] == cell[-1] == "`" and "`" not in cell[1:-1] else None


def pattern(template):
    """A last " …" stands for sentences that may follow."""
    if template.endswith(" …"):
        return re.compile(pattern(template[:-2]).pattern[:-2] + r"(?: .*)?\Z", re.S)
    return re.compile("".join(".*" if part == "…" else re.escape(part) for part in re.split("(…)", template)) + r"\Z", re.S)


class Row:
    def __init__(self, cells):
        self.message, self.sqlstate = code(cells[0]), cells[1].strip()
        self.detail, self.hint = (code(cells[3]), code(cells[4])) if len(cells) > 4 else (None, None)
        self.key = (self.message, self.sqlstate)


def catalogue():
    rows, seen = [], collections.Counter()
    with open(os.path.join(CHECKOUT, "docs/errors.md"), encoding="utf-8") as file:
        for line in file:
            cells = re.split(r"(?<!\\)\|", line.strip())[1:-1]
            if len(cells) in (3, 5) and code(cells[0]):
                rows.append(Row(cells))
                # The same message may stand there again, for another cause.
                seen[rows[-1].key] += 1
                if seen[rows[-1].key] > 1:
                    rows[-1].key += (seen[rows[-1].key],)
    return rows


ROWS = catalogue()


# The source

def without_comments(text):
    return re.sub(r'"(?:[^"\\]|\\.)*"|/\*.*?\*/', lambda found: found.group(0) if found.group(0)[0] == '"' else " ", text, flags=re.S)


def arguments(text, start):
    """Of the call whose parenthesis is at start."""
    found, depth, begin = [], 0, start + 1
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[(){}\[\],]', text[start:]):
        if token.group(0) in "([{":
            depth += 1
        elif token.group(0) in ")]}":
            depth -= 1
        if depth == 0 or (depth == 1 and token.group(0) == ","):
            found.append(text[begin:start + token.start()])
            begin = start + token.end()
        if depth == 0:
            return found
    raise ValueError("a call does not end")


def template_of(argument):
    """A format of C as it would stand in the catalogue."""
    argument = re.sub(r"\bU?INT64_FORMAT\b", '"%d"', argument)
    text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', argument))
    text = text.replace('\\"', '"').replace("\\\\", "\\")
    return re.sub(r"(?:%[-+ #0]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:ll|l|z|h)?[a-zA-Z])+", "…", text)


# Function that is called -> which argument is the message, and what stands before it.
MESSAGES = {"errmsg": (0, ""), "failure_set": (3, "could not … for foreign table \"…\": "), "answer_unexpected": (6, "could not … for foreign table \"…\": "),
            "problem_set": (3, "")}

# What cannot be provoked from outside, or says nothing by itself.
NOT_LISTED = {
    "…", "could not … for foreign table \"…\": …",
    "column \"…\" of foreign table \"…\" has an invalid json_path: \"…\"",  # the validator has seen to it
    "invalid JSON path \"…\" of column \"…\" of foreign table \"…\"",
    "set-valued function called in context that cannot accept a set",
    "default conversion function for encoding \"…\" to \"…\" does not exist",
    "timestamp out of range",
    # limits of the server's own types
    "value is too large for a field of the database", "array size exceeds the maximum allowed (…)",
    "total size of jsonb elements exceeds the maximum of … bytes", "JSON is nested deeper than … levels", "invalid JSON: expected …, but the value ends",
    "invalid JSON: …", "character … has no equivalent in encoding \"…\"",
    # A token that was given and refused is not asked for again.
    "the access_token of the user mapping was refused",
    # An endpoint that may not be asked was refused by the validator, and so was a link with its export.
    "the link is refused", "network error",
    # notices, the log, and ANALYZE VERBOSE
    '"…": the export has … rows; … rows are in the sample',
    "…: … for … s", "…, …: … for … s", "…, …: downloaded … of … MB, …", "…, …: downloaded … MB, …",
    "export …: table \"…\", server \"…\", …, … s, polls …, retries …, bytes …, records …",
}


def messages_of_source():
    for path in sorted(glob.glob(os.path.join(CHECKOUT, "src/*/*.c"))):
        with open(path, encoding="utf-8") as file:
            text = without_comments(file.read())
        for call in re.finditer(r"\b(%s)\s*\(" % "|".join(MESSAGES), text):
            position, before = MESSAGES[call.group(1)]
            values = arguments(text, call.end() - 1)
            if len(values) > position and '"' in values[position]:
                for part in re.split(r"\?|:(?=[^\"]*(?:\"[^\"]*\"[^\"]*)*$)", values[position]) if "?" in re.sub(r'"(?:[^"\\]|\\.)*"', "", values[position]) else [values[position]]:
                    if '"' in part:
                        yield os.path.relpath(path, CHECKOUT), before, template_of(part)
        # Messages that a table has.
        for table in re.findall(r"\btroubles\[\] = \{(.*?)\};", text, re.S):
            for part in re.findall(r'= ("[^"]*")', table):
                yield os.path.relpath(path, CHECKOUT), MESSAGES["failure_set"][1], template_of(part)


class Catalogue(unittest.TestCase):
    def test_every_message_of_the_source_is_listed(self):
        with open(os.path.join(CHECKOUT, "docs/errors.md"), encoding="utf-8") as file:
            whole = re.sub(r"\s+", " ", file.read())
        found = 0
        for path, before, template in messages_of_source():
            found += 1
            if template in NOT_LISTED or "`%s`" % template in whole:
                continue
            # "could not request ...: HTTP status 401" is a case of "HTTP status …".
            wanted = pattern(before + template)
            with self.subTest(path=path, message=template):
                self.assertTrue(any(wanted.match(row.message) or pattern(row.message).match(before + template) for row in ROWS) or template.startswith(("out of memory", "could not set up")),
                                "docs/errors.md does not list: %s" % template)
        self.assertGreater(found, 60, "the source was not understood")

    def test_every_row_has_a_case(self):
        self.assertGreater(len(ROWS), 60)
        self.assertEqual(len({row.key for row in ROWS}), len(ROWS), "a row stands there twice")
        names = {row.key for row in ROWS}
        self.assertEqual(sorted(names - set(CASES)), [], "rows without a case")
        self.assertEqual(sorted(set(CASES) - names), [], "cases without a row")


# The cases: (message, SQLSTATE) -> what sets things up and returns the statement that fails

CASES = {}


def case(*key):
    def remember(function):
        assert key not in CASES
        CASES[key] = function
        return function
    return remember


def simply(message, sqlstate, statement):
    case(message, sqlstate)(lambda test: statement)


SERVER = "CREATE SERVER s FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads'%s)"

simply('option "…" is required on …', "HV002", "CREATE SERVER s FOREIGN DATA WRAPPER adsexport_fdw")
simply('invalid option "…"', "HV00D", SERVER % ", max_ag '1h'")
simply('option "…" cannot be set on …', "HV00D", SERVER % ", secret_key 'x'")
simply('invalid value for option "…": "…"', "HV024", "CREATE SERVER s FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazonads')")
simply('invalid value for option "…"', "HV024", SERVER % ", endpoint 'http://example.com'")
case('invalid value for option "…"', "HV024", 2)(lambda test: "CREATE SERVER s FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amplitude', endpoint 'https://amplitude.com/api/2/export/')")
case('invalid value for option "…"', "HV024", 3)(lambda test: SERVER % ", endpoint 'https://user:pass@advertising-api.amazon.com'")
case('invalid value for option "…"', "HV024", 4)(lambda test: "CREATE SERVER s FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amplitude', endpoint 'https://amplitude.com?start=1')")
simply('value "…" is out of range for option "…"', "HV024", SERVER % ", max_jobs '0'")
simply('option "…" does not fit api "…"', "HV00D", SERVER % ", request_span '1d'")
simply('option "poll_interval" exceeds "poll_interval_max"', "HV024", SERVER % ", poll_interval '2s', poll_interval_max '1s'")
simply('catalog with OID … holds no objects that have options', "HV000", "SELECT adsexport_fdw_validator('{}', 0)")
simply('server "…" is not one of adsexport_fdw', "42809", "CREATE FOREIGN DATA WRAPPER another; CREATE SERVER other FOREIGN DATA WRAPPER another; "
       "SELECT * FROM adsexport_check('other')")
simply('schema with OID … does not exist', "3F000", "SELECT adsexport_comment(0)")


@case('option "…" does not fit entity "…"', "HV00D")
def option_of_entity(test):
    test.amazon()
    return "CREATE FOREIGN TABLE t (a text) SERVER amazon OPTIONS (entity 'profiles', profile_ids '1')"


@case('options "…" and "…" exclude each other', "HV00D")
def both_vendors(test):
    test.amazon()
    return "CREATE USER MAPPING FOR PUBLIC SERVER amazon OPTIONS (client_id 'x', api_key 'y')"


@case('options "access_token" and "refresh_token" exclude each other', "HV00D")
def both_tokens(test):
    test.amazon()
    return "ALTER USER MAPPING FOR CURRENT_USER SERVER amazon OPTIONS (ADD access_token 'y')"


@case('permission denied to set option "…"', "42501")
def superusers_only(test):
    test.amazon()
    test.session.run("DO $$ BEGIN CREATE ROLE adsexport_t_errors; EXCEPTION WHEN duplicate_object THEN NULL; END $$; "
                     "GRANT USAGE ON FOREIGN DATA WRAPPER adsexport_fdw TO adsexport_t_errors; ALTER SERVER amazon OWNER TO adsexport_t_errors")
    test.addCleanup(test.session.run, "RESET ROLE; DROP SERVER IF EXISTS amazon CASCADE; DROP OWNED BY adsexport_t_errors; DROP ROLE adsexport_t_errors")
    test.session.run("SET ROLE adsexport_t_errors")
    return "ALTER SERVER amazon OPTIONS (ADD proxy 'http://proxy:1')"


@case('permission denied to set option "…" to a loopback address', "42501")
def superusers_on_loopback(test):
    superusers_only(test)
    return "ALTER SERVER amazon OPTIONS (ADD max_jobs '1')"


def importing(message, sqlstate, options, schema="exports", limit=""):
    @case(message, sqlstate)
    def run(test):
        test.amazon()
        test.session.run("CREATE SCHEMA IF NOT EXISTS again")
        return "IMPORT FOREIGN SCHEMA %s %s FROM SERVER amazon INTO again %s" % (schema, limit, support.option_list(options))


importing('there is no remote schema "…"', "HV00Q", {}, "public")
importing('invalid import option "…"', "HV00D", {"id_typ": "text"})
importing('option "…" cannot be an import option', "HV00D", {"max_jobs": "1"})
importing('option "entity" cannot be an import option', "HV00D", {"entity": "ads"})
importing('import option "…" applies to no table of api "…"', "HV00D", {"default_start": "1d"})
importing('invalid value for import option "id_type": "…"', "HV024", {"id_type": "uuid"})
importing('invalid value for import option "raw": "…"', "HV024", {"raw": "maybe"})
importing('there is no table "…" for a server of api "…"', "HV00R", {}, limit="EXCEPT (campaign)")


def by_hand(message, sqlstate, columns, entity="campaigns"):
    @case(message, sqlstate)
    def run(test):
        test.amazon()
        test.session.run("CREATE FOREIGN TABLE ads.t (%s) SERVER amazon OPTIONS (entity '%s')" % (columns, entity))
        return "SELECT * FROM ads.t"


by_hand('foreign table "…" does not fit its server "…"', "HV024", "uuid uuid", "amplitude_events")
by_hand('column "…" of foreign table "…" is not known to entity "…"', "HV005", "stat text")
by_hand('column "…" of foreign table "…" is bound to "…", which entity "…" does not have', "HV005", "a text OPTIONS (json_path '@stat')")
by_hand('column "…" of foreign table "…" is generated and stored', "0A000", "name text, a text GENERATED ALWAYS AS (lower(name)) STORED")
by_hand('invalid input syntax for type …: "…"', "22P02", "state integer")
by_hand('a JSON … is not a value of type …: …', "22P02", "a integer OPTIONS (json_path 'budgetCaps')")
by_hand('value too long for type character varying(…): "…"', "22001", "state varchar(3)")


@case('no user mapping for user "…" on server "…"', "28000")
def no_mapping(test):
    test.amazon()
    test.session.run("DROP USER MAPPING FOR CURRENT_USER SERVER amazon")
    return CAMPAIGNS


@case('no user mapping for user "…" on server "…"', "28000", 2)
def no_mapping_of_the_owner(test):
    test.amazon(user="PUBLIC")
    test.session.run("DO $$ BEGIN CREATE ROLE adsexport_t_viewer; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    test.session.run("GRANT USAGE ON SCHEMA ads TO adsexport_t_viewer; CREATE OR REPLACE VIEW ads.seen AS SELECT * FROM ads.campaigns")
    test.session.run("GRANT SELECT ON ads.seen TO adsexport_t_viewer; DROP USER MAPPING FOR PUBLIC SERVER amazon")
    test.session.run("CREATE USER MAPPING FOR adsexport_t_viewer SERVER amazon " + support.option_list(test.amazon_mapping()))
    test.session.run("SET ROLE adsexport_t_viewer")
    return "SELECT * FROM ads.seen"


def mapping(message, sqlstate, options, query=CAMPAIGNS, twice=False, **settings):
    @case(message, sqlstate)
    def run(test):
        test.amazon(mapping=options if isinstance(options, dict) else options(test), max_retries=0, **settings)
        if twice:
            test.try_once(query)
        return query


mapping('user mapping of user "…" on server "…" lacks credentials: …', "28000", {"client_id": "x"})
mapping('option "…" of the user mapping of user "…" does not fit api "…"', "HV00D", {"api_key": "x", "secret_key": "y"})
mapping('could not get an access token for foreign table "…": HTTP status 401 (not authorized)', "28000", lambda test: test.amazon_mapping(client_secret="x"))
mapping('could not get an access token for foreign table "…": HTTP status 400 (bad request)', "28000", lambda test: test.amazon_mapping(refresh_token="x"))
mapping('could not get an access token for foreign table "…": the credentials of the user mapping are too long', "HV024",
        lambda test: test.amazon_mapping(refresh_token="x" * 40000))
mapping('could not get an access token for foreign table "…": network error: …', "08006", lambda test: test.amazon_mapping(),
        token_endpoint="http://127.0.0.1:1/auth/o2/token")


def query(message, sqlstate, sql, **options):
    @case(message, sqlstate)
    def run(test):
        test.amplitude(**options)
        return sql


query('foreign table "…" cannot be analyzed without the option default_start', "HV00L", "ANALYZE product.amplitude_events")
query('foreign table "…" has no system column "…"', "0A000", "SELECT ctid FROM product.amplitude_events")
query('the query gives no lower bound on server_upload_time of foreign table "…"', "HV00L", "SELECT * FROM product.amplitude_events")
query('the most recent hours requested for foreign table "…" may be incomplete', "HV00L",
      "SELECT * FROM product.amplitude_events WHERE server_upload_time > now() - interval '1 hour'", incomplete_hours="error")
query('the most recent hours requested for foreign table "…" may be incomplete', "01000",
      "SELECT * FROM product.amplitude_events WHERE server_upload_time > now() - interval '1 hour'")
query('range of server_upload_time is out of the range of years that can be requested', "22008",
      "SELECT * FROM product.amplitude_events WHERE server_upload_time >= '4000-01-01 BC' AND server_upload_time < '3000-01-01 BC'")


@case('could not request an export for foreign table "…": the account has no profile that can have exports', "HV00L")
def no_profile(test):
    test.emulator.settings(profiles=[])
    test.amazon(profile_ids=None)
    return CAMPAIGNS


@case('cannot insert into foreign table "…"', "0A000")
def writing(test):
    test.amazon()
    return "INSERT INTO ads.campaigns (name) VALUES ('x')"


def fault_2(template, sqlstate, *arguments, **action):
    fault(template, sqlstate, *arguments, number=(2,), **action)


def fault(template, sqlstate, sql, call, options=None, number=(), **action):
    @case(template, sqlstate, *number)
    def run(test):
        settings = {"max_retries": 0, "export_timeout": "5s"}
        settings.update(options or {})
        if "product." in sql:
            test.amplitude(**settings)
        else:
            test.amazon(**settings)
        test.emulator.fault({"call": call}, action)
        return sql


TOKEN, LISTING, REQUEST, STATUS, GET, DOWNLOAD, READ = (
    'could not %s for foreign table "…": ' % task for task in ("get an access token", "list the profiles", "request an export", "ask for the status of an export",
                                                               "get an export", "download an export", "read an export"))
ALL = {"profile_ids": None}

fault(TOKEN + "HTTP status 503 (service unavailable)", "08006", CAMPAIGNS, "token", status=503, body_kind="html")
fault(TOKEN + "HTTP status 403 (forbidden)", "28000", CAMPAIGNS, "token", status=403, body_kind="gateway", message="Missing Authentication Token")
fault(TOKEN + "the answer holds no access token", "HV000", CAMPAIGNS, "token", status=200, body="{}")
fault(TOKEN + "the answer holds no access token", "28000", CAMPAIGNS, "token", status=200, body={"error": "invalid_grant"})
fault(LISTING + "HTTP status 401 (not authorized)", "28000", CAMPAIGNS, "profiles", ALL, status=401, body_kind="universal")
fault(LISTING + "HTTP status 403 (forbidden)", "42501", CAMPAIGNS, "profiles", ALL, status=403, body_kind="gateway")
fault(LISTING + "HTTP status 404 (not found)", "HV000", CAMPAIGNS, "profiles", ALL, status=404, body_kind="html")
fault(LISTING + "the answer is not a list of profiles", "HV000", CAMPAIGNS, "profiles", ALL, status=200, body_kind="html")
for number, words, sqlstate, kind in ((401, "not authorized", "28000", "universal"), (403, "forbidden", "42501", "service"), (400, "bad request", "HV000", "exports"),
                                      (404, "not found", "HV000", "html"), (406, "not acceptable", "HV000", "gateway"),
                                      (415, "unsupported media type", "HV000", "text"), (422, "unprocessable", "HV000", "detail"),
                                      (429, "too many requests", "53400", "html"), (500, "internal server error", "08006", "universal")):
    fault(REQUEST + "HTTP status %d (%s)" % (number, words), sqlstate, CAMPAIGNS, "request", status=number, body_kind=kind)

fault(LISTING + "no entry of the list has a profileId that can be used", "HV000", CAMPAIGNS, "profiles", ALL, status=200, body=[{}])
fault(LISTING + "the account has more than 100000 profiles", "54000", CAMPAIGNS, "profiles", ALL, status=200,
      body="[" + ",".join('{"profileId": %d}' % number for number in range(1, 100002)) + "]")


@case(REQUEST + "it would be one for each of … profiles, and a scan can ask for 10000 at most", "54000")
def many_profiles(test):
    test.amazon(profile_ids=None)
    test.emulator.settings(profiles=[{"profileId": 1000000 + number, "access": "edit", "accountInfo": {"type": "seller"}} for number in range(10001)])
    return CAMPAIGNS


fault(REQUEST + "the answer is not the status of an export", "HV000", CAMPAIGNS, "request", status=202, body_kind="html")
fault(STATUS + "HTTP status 404 (not found)", "HV000", CAMPAIGNS, "status", {"export_timeout": "1min"}, status=404, body_kind="gateway")
fault(STATUS + "the answer is too large", "HV000", CAMPAIGNS, "status", status=200, body="x" * (9 << 20))
fault(STATUS + "HTTP status 502 (bad gateway)", "08006", CAMPAIGNS, "status", status=502, body_kind="html")
fault(STATUS + "the answer is about another export", "HV000", CAMPAIGNS, "status", status=200, body={"exportId": "another", "status": "COMPLETED"})
fault(GET + "the export failed at the vendor with INTERNAL_ERROR", "HV000", CAMPAIGNS, "request", {"export_timeout": "1min"}, failed="INTERNAL_ERROR")
fault(GET + "the export failed at the vendor with TIMED_OUT", "HV000", "SELECT * FROM ads.campaigns WHERE state = 'PAUSED' AND ad_product = 'SPONSORED_BRANDS'",
      "request", failed="TIMED_OUT")
fault_2(GET + "the export failed at the vendor with TIMED_OUT", "HV000",
        "SELECT * FROM ads.targets WHERE state = 'PAUSED' AND ad_product = 'SPONSORED_BRANDS' AND target_level = 'CAMPAIGN' AND negative", "request", failed="TIMED_OUT")
fault(GET + "it is still in progress after export_timeout (… s)", "53400", CAMPAIGNS, "request", {"export_timeout": "2s"}, export_delay=10)
fault(GET + "it is completed, but has no link after export_timeout (… s)", "53400", CAMPAIGNS, "status", {"export_timeout": "2s"}, completed_without_url=True)
fault(GET + "it is completed, but its link cannot be used", "HV000", CAMPAIGNS, "status", url="ftp://store.example/x")
fault(DOWNLOAD + "HTTP status 403 (forbidden)", "HV000", CAMPAIGNS, "download", status=403, body_kind="s3")
fault(DOWNLOAD + "HTTP status 403 (forbidden)", "28000", EVENTS, "export", status=403, body_kind="text", message="Invalid API Key")
fault(DOWNLOAD + "HTTP status 400 (bad request)", "HV000", EVENTS.replace("02:00", "01:00"), "export", status=400, body_kind="text",
      message="The file size of the exported data is too large. Shorten the time ranges and try again. The limit size is 4GB.")
fault_2(DOWNLOAD + "HTTP status 400 (bad request)", "HV000", EVENTS, "export", status=400, body_kind="text", message="Invalid start: expected YYYYMMDDTHH")
fault(DOWNLOAD + "HTTP status 413 (content too large)", "HV000", EVENTS, "export", status=413, body_kind="text", message="Request Entity Too Large")
fault(DOWNLOAD + "HTTP status 404 (not found)", "HV000", EVENTS, "export", {"max_retries": 5}, status=404, body_kind="html")
fault(REQUEST + "HTTP status 302 (found elsewhere)", "HV000", CAMPAIGNS, "request", status=302, body_kind="html",
      headers={"Location": "https://login.example/ap/signin?openid.return_to=secret"})
fault(DOWNLOAD + "HTTP status 504 (gateway timeout)", "08006", EVENTS.replace("02:00", "01:00"), "export", status=504, body_kind="gateway")
fault(DOWNLOAD + "HTTP status 429 (too many requests)", "53400", EVENTS, "export", status=429, body_kind="text")
fault(READ + "gzip member … (at byte …): …", "HV000", CAMPAIGNS, "download", corrupt_byte=-6)
fault(READ + "what the server sent is not an archive", "HV000", EVENTS, "export", status=200, body="rate limit exceeded")
fault(READ + "what the server sent is not an export", "HV000", CAMPAIGNS, "download", status=200, body="rate limit exceeded")
fault(READ + "what the server sent is not a list of profiles", "HV000", "SELECT * FROM ads.profiles", "profiles", status=200, body="rate limit exceeded")


@case(REQUEST + "network error: …", "08006")
def nobody_listens(test):
    test.amazon(endpoint="http://127.0.0.1:1", token_endpoint=test.emulator.url + "/auth/o2/token", max_retries=0)
    return CAMPAIGNS


@case(REQUEST + "network error: the proxy does not let the connection through", "08006")
def proxy_that_wants_a_user(test):
    test.amazon(endpoint="https://api.example", token_endpoint=test.emulator.url + "/auth/o2/token", proxy=support.RefusingProxy(test, 407).url, max_retries=3)
    return CAMPAIGNS


@case(REQUEST + "network error: …", "08006", 2)
def unknown_authority(test):
    test.amazon(endpoint=test.emulator.tls_url, token_endpoint=test.emulator.url + "/auth/o2/token", max_retries=0)
    return CAMPAIGNS


@case(DOWNLOAD + "network error: …", "08006")
def store_that_nobody_can_reach(test):
    test.amazon(max_retries=0)
    test.fault({"call": "status"}, url="http://127.0.0.1:1/x?X-Amz-Signature=" + "0123456789abcdef" * 4)
    return CAMPAIGNS


@case(DOWNLOAD + "network error: …", "08006", 2)
def broken_download(test):
    test.amplitude(max_retries=0, stall_timeout="300ms")
    test.fault({"call": "export"}, stall_after=0.2)
    return EVENTS


def content(message, sqlstate, sql=CAMPAIGNS, entity="campaigns", text=None, settings=None, **more):
    @case(message, sqlstate)
    def run(test):
        test.amazon(max_retries=0)
        test.amplitude(max_retries=0)
        if settings is not None:
            test.emulator.settings(**settings)
        else:
            body = {"entity": entity}
            body.update(more if text is None else {"text": text})
            test.emulator.control("POST", "/content", body)
        return sql


content(READ + "data is empty", "HV000", base64="")
content(READ + 'zip entry "…": …', "HV000", EVENTS, settings={"archive": "encrypted"})
content(READ + 'malformed JSON in record …: … at "…"', "HV000", text='[{"name": nonsense}]')
content(READ + "JSON data ends too early: … (record …)", "HV000", text='[{"name": "a"}')
content(READ + "record … is nested more than … levels deep", "54000", text="[" + '{"a":' * 5000 + "1" + "}" * 5000 + "]")
content(READ + "record … is larger than … bytes", "54000", text='[{"name":"%s"}]' % ("x" * (65 << 20)))
content('value "…" is out of range for type …', "22003", "SELECT budget_amount::int, * FROM ads.campaigns", text='[{"name":"a","budgetCaps":{"budgetValue":{"monetaryBudget":{"amount":1e200000}}}}]')
content('date/time field value out of range: "…"', "22008", text='[{"startDate":"2024-02-30"}]')
content('\\u… in a JSON string cannot be converted to text: "…"', "22P05", text='[{"name":"a\\u0000b"}]')
content('control character 0x… in a JSON string is not escaped: "…"', "22P05", text='[{"name":"a\tb"}]')
content('invalid UTF-8 in a JSON string at "…": "…"', "22021", settings={"inject": [{"entity": "campaigns", "index": 0, "path": "name", "literal": '"a\udcffb"'}]})
content('invalid JSON: expected …, but found "…"', "22P02", text='[{"tags":[1,x]}]')


@case(READ + "the download has … bytes, but the status of the export announced …", "HV000")
def wrong_size(test):
    test.amazon(max_retries=0)
    test.fault({"call": "status"}, file_size=12)
    return CAMPAIGNS


@case(READ + "its content changed between two downloads", "HV000")
def changed(test):
    test.amazon(max_retries=3)
    test.fault({"call": "download", "nth": 1}, drip=15000, cut_after=0.6)
    test.fault({"call": "download", "after": 1}, change_content=True, ignore_range=True)
    return "SELECT * FROM ads.targets"


@case('… values of foreign table "…" did not fit their columns and were read as NULL', "01000")
def read_as_null(test):
    test.amazon(imports={"on_invalid": "null"})
    test.session.run("CREATE FOREIGN TABLE ads.t (state integer) SERVER amazon OPTIONS (entity 'campaigns', on_invalid 'null')")
    return "SELECT * FROM ads.t"


@case('extension "…" has version … in this database, but its library has version …', "01000")
def other_version(test):
    test.amazon()
    test.session.run("UPDATE pg_extension SET extversion = '9.9' WHERE extname = 'adsexport_fdw'")
    test.addCleanup(test.session.run, "UPDATE pg_extension SET extversion = adsexport_fdw_version() WHERE extname = 'adsexport_fdw'")
    return CAMPAIGNS


@case("…, profile …, export …: export in progress for … s", "00000")
def progress(test):
    test.emulator.settings(export_delay=1.5)
    test.amazon()
    test.session.run("SET adsexport_fdw.progress_interval = '100ms'")
    return CAMPAIGNS


@case("…: … of … exports read, … in progress, … queued; longest: profile …, for … s", "00000")
def progress_of_many(test):
    test.emulator.settings(export_delay=1.5)
    test.amazon(profile_ids="1111,2222", max_jobs=1)
    test.session.run("SET adsexport_fdw.progress_interval = '100ms'")
    return CAMPAIGNS


@case("…, profile …, export …: downloaded … of … MB, …", "00000")
def progress_of_download(test):
    test.amazon()
    test.fault({"call": "download"}, drip=30000)
    test.session.run("SET adsexport_fdw.progress_interval = '100ms'")
    return "SELECT * FROM ads.targets"


def serve_archive(test, *files):
    """An archive of these files; the server of the test is made."""
    file, path = tempfile.mkstemp(suffix=".zip")
    os.close(file)
    test.addCleanup(os.unlink, path)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files:
            archive.writestr(name, content)
    test.amplitude(max_retries=0, schema="ads")
    test.emulator.control("POST", "/content", {"entity": "amplitude_events", "file": path})
    return "SELECT count(*) FROM ads.amplitude_events WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < '2025-03-02Z'"


@case(READ + 'zip archive holds no export file, but … other: "…"', "HV000")
def no_export_in_the_archive(test):
    return serve_archive(test, ("readme.txt", b"words"))


@case('… files in the archives of foreign table "…" are not exports and were passed over', "01000")
def files_that_are_no_exports(test):
    return serve_archive(test, ("readme.txt", b"words"), ("notes.txt", b"words"), ("a.json", b'{"uuid": null}\n'))


class Errors(support.TestCase):
    emulator_options = ("--tls",)

    def setUp(self):
        super().setUp()
        self.session.run("SET client_min_messages = notice")

    def try_once(self, sql):
        try:
            self.session.rows(sql)
        except psycopg2.Error:
            pass

    def check_row(self, row):
        statement = CASES[row.key](self)
        if row.sqlstate in ("00000", "01000", "HV00R"):
            self.session.run(statement)
            text = self.session.take_notices()
            self.assertTrue(any(pattern(row.message).match(re.sub(r"^\w+:  ", "", line)) for line in text.splitlines()), text)
            return
        with self.assertRaises(psycopg2.Error) as caught:
            self.session.run(statement)
        found = caught.exception.diag
        self.assertEqual(caught.exception.pgcode, row.sqlstate, caught.exception)
        self.assertRegex(found.message_primary, pattern(row.message))
        if row.detail is None:
            self.assertIsNone(found.message_detail)
        else:
            self.assertRegex(found.message_detail or "", pattern(row.detail))
        if row.hint is None:
            self.assertIn(found.message_hint, (None,), "a hint that is not documented")
        else:
            self.assertRegex(found.message_hint or "", pattern(row.hint))
        # PostgreSQL's style
        self.assertNotRegex(found.message_primary, r"(?<!\.\.)\.\Z")
        for text in (found.message_detail, found.message_hint):
            self.assertRegex(text or "X.", r"\A[A-Z\"].*[.;:]\Z")
        self.assertFalse(any("emulator-secret" in (text or "") for text in (found.message_primary, found.message_detail, found.message_hint)))


def add_tests():
    for number, row in enumerate(ROWS):
        name = "test_%02d_%s_%s" % (number, row.sqlstate, re.sub(r"\W+", "_", row.message.replace("…", "")).strip("_").lower()[:60])
        setattr(Errors, name, lambda self, row=row: self.check_row(row))


add_tests()


if __name__ == "__main__":
    unittest.main()
