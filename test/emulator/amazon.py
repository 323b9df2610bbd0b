"""Login with Amazon's token endpoint, the profiles call, the Exports API and its S3 downloads."""

import base64
import contextlib
import datetime
import hashlib
import json
import random
import re
import threading
import urllib.parse
import uuid

import exact_json
from amazon_data import AD_PRODUCTS, STATES, TARGET_LEVELS, TARGET_TYPES
from clock import http_date, iso_text
from content import write_export
from faults import BODY_KINDS
from response import Response, with_ranges
from server import phrase

# The characters that break a client which does not percent-encode, or encodes twice.
CLIENTS = {
    "amzn1.application-oa2-client.emulator": {
        "secret": "emulator-secret+/=&%41", "refresh_token": "Atzr|emulator+refresh/token==", "authorized": True},
    "amzn1.application-oa2-client.second": {
        "secret": "second-secret", "refresh_token": "Atzr|second", "authorized": True},
    "amzn1.application-oa2-client.unauthorized": {
        "secret": "secret-5/n0t+4pproved", "refresh_token": "Atzr|5n0t4pproved", "authorized": False},
}
DEFAULT_CLIENT = "amzn1.application-oa2-client.emulator"
STATIC_ACCESS_TOKEN = "Atza|emulator-static-access-token"

# path segment: (entity, media type, id letter, folder in S3)
EXPORTS = {
    "campaigns": ("campaigns", "application/vnd.campaignsexport.v1+json", "C", "CAMPAIGN"),
    "adGroups": ("ad_groups", "application/vnd.adgroupsexport.v1+json", "A", "AD_GROUP"),
    "targets": ("targets", "application/vnd.targetsexport.v1+json", "T", "TARGET"),
    "ads": ("ads", "application/vnd.adsexport.v1+json", "R", "PRODUCT_AD"),
}
BY_ENTITY = {export[0]: export for export in EXPORTS.values()}
BY_FOLDER = {export[3]: export for export in EXPORTS.values()}
MEDIA_TYPES = [export[1] for export in EXPORTS.values()]

# filter: (allowed values, largest number of values, entities)
FILTERS = {
    "adProductFilter": (AD_PRODUCTS, 3, None),
    "stateFilter": (STATES, 3, None),
    "negativeFilter": ((True, False), 2, "targets"),
    "targetLevelFilter": (TARGET_LEVELS, 2, "targets"),
    "targetTypeFilter": (TARGET_TYPES, 9, "targets"),
}
FAILURES = {
    "INTERNAL_ERROR": "An internal error occurred while generating the export. Please try again.",
    "TIMED_OUT": "The export timed out. Use filters to reduce the size of the export.",
}
URL_LENGTH = 1370


class Refusal(Exception):
    """A request ends with this response."""

    def __init__(self, response):
        super().__init__(response.status)
        self.response = response


class Job:
    """One export from its request to its end."""

    def __init__(self, number, entity, profile, client, filters, created):
        self.number = number
        letter = BY_ENTITY[entity][2]
        self.identifier = base64.b64encode(("%s,%s" % (uuid.uuid4(), letter)).encode()).decode().rstrip("=")
        self.entity = entity
        self.profile = profile
        self.client = client
        self.filters = filters
        self.created = created          # elapsed seconds
        self.created_date = None
        self.generated_date = None
        self.change = 0                 # see the fault change_content
        self.delay = 0.0
        self.failed = None              # error code
        self.failed_message = None
        self.content = None
        self.problem = None             # exception while building the content
        self.built = threading.Event()
        self.expired = False
        self.status_word = None
        self.polls = 0
        self.last_poll = None           # elapsed seconds

    def running(self, elapsed):
        return elapsed < self.created + self.delay or not self.built.is_set()


class Amazon:
    def __init__(self, emulator):
        self.emulator = emulator
        self.lock = threading.RLock()
        self.reset()

    @property
    def settings(self):
        return self.emulator.settings

    @property
    def clock(self):
        return self.emulator.clock

    def reset(self):
        with self.lock:
            self.jobs = {}
            self.unfinished = []
            self.tokens = {STATIC_ACCESS_TOKEN: {"client": None, "expires": None, "number": 0, "valid": True}}
            self.tokens_issued = 0
            self.urls = {}
            self.codes = {}
            self.urls_issued = 0
            self.most_running = {}
            self.random = random.Random(self.settings.seed)

    # What a request is

    def classify(self, call):
        facts = call.facts
        facts["api"] = "amazon"
        facts["client"] = call.headers.get("Amazon-Advertising-API-ClientId")
        facts["profile"] = call.headers.get("Amazon-Advertising-API-Scope")
        parts = call.path.split("/")
        if call.path == "/auth/o2/token":
            facts["call"] = "token"
            facts["client"] = dict(urllib.parse.parse_qsl(call.body_text())).get("client_id")
        elif call.path == "/ap/oa":
            facts["call"] = "consent"
        elif call.path == "/v2/profiles":
            facts["call"] = "profiles"
        elif len(parts) == 3 and parts[1] in EXPORTS and parts[2] == "export":
            facts["call"] = "request"
            facts["entity"] = EXPORTS[parts[1]][0]
            facts["filter_values"] = self.filter_values(facts["entity"], call.body)
        elif len(parts) == 3 and parts[1] == "exports":
            facts["call"] = "status"
            facts["export"] = urllib.parse.unquote(parts[2])
            self.facts_of_job(facts, self.jobs.get(facts["export"]))
        elif parts[1] == "s3":
            facts["call"] = "download"
            if len(parts) > 2 and parts[2] in BY_FOLDER:
                facts["entity"] = BY_FOLDER[parts[2]][0]
            url = self.urls.get(call.query)
            if url is not None:
                facts["export"] = url["job"].identifier
                self.facts_of_job(facts, url["job"])
        else:
            facts["call"] = "unknown"

    def facts_of_job(self, facts, job):
        if job is not None:
            facts["entity"] = job.entity
            facts["client"] = facts["client"] or job.client
            facts["profile"] = facts["profile"] or job.profile
            facts["filter_values"] = self.filter_values(job.entity, json.dumps(job.filters))

    @staticmethod
    def filter_values(entity, body):
        try:
            filters = json.loads(body)
            product = 1
            for name, (values, _, only) in FILTERS.items():
                if (only is None or only == entity) and name != "targetTypeFilter":
                    product *= len(filters.get(name) or values)
            return product
        except (ValueError, AttributeError, TypeError):
            return 0

    @contextlib.contextmanager
    def busy(self, call):
        with self.emulator.counting("amazon " + call.facts["call"]):
            yield

    def handle(self, call):
        kind = call.facts["call"]
        try:
            if kind == "token":
                return self.token(call)
            if kind == "consent":
                return self.consent(call)
            if kind == "profiles":
                return self.profiles(call)
            if kind == "request":
                return self.request(call)
            if kind == "status":
                return self.status(call)
            if kind == "download":
                return self.download(call)
            # What API Gateway says of a path that it does not know.
            return self.refusal(call, 403, "gateway", "Missing Authentication Token")
        except Refusal as refusal:
            return refusal.response

    # Answers

    def headers(self, call, media_type="application/json"):
        return [
            ("Content-Type", media_type),
            ("x-amz-rid", call.request_id.replace("-", "").upper()[:20]),
            ("x-amzn-RequestId", call.request_id),
            ("x-amz-apigw-id", call.request_id[:14] + "="),
            ("Vary", "Content-Type,Accept-Encoding,User-Agent"),
        ]

    def answer(self, call, status, value, media_type="application/json"):
        text = value if isinstance(value, str) else exact_json.dumps(value)
        return Response(status, self.headers(call, media_type), text)

    def refusal(self, call, status, kind, message):
        media_type, make = BODY_KINDS[kind]
        return Response(status, self.headers(call, media_type), make(status, phrase(status), message, call.request_id))

    def refuse(self, call, status, kind, message):
        raise Refusal(self.refusal(call, status, kind, message))

    # Tokens

    def consent(self, call):
        """Login with Amazon's page, on which everybody agrees at once."""
        fields = dict(urllib.parse.parse_qsl(call.query))
        client = CLIENTS.get(fields.get("client_id"))
        if client is None or fields.get("response_type") != "code" or fields.get("scope") != "advertising::campaign_management":
            return self.answer(call, 400, {"error": "invalid_request", "error_description": "An unknown client, scope or response_type"})
        answer = {"state": fields.get("state", "")}
        if client["authorized"]:
            with self.lock:
                code = "AN" + hashlib.sha256(("code %d" % len(self.codes)).encode() + call.request_id.encode()).hexdigest()[:18]
                self.codes[code] = (fields["client_id"], fields.get("redirect_uri"))
            answer.update(code=code, scope=fields["scope"])
        else:
            answer.update(error="access_denied", error_description="Permission denied")
        response = self.answer(call, 302, {})
        response.set_header("Location", fields.get("redirect_uri", "") + "?" + urllib.parse.urlencode(answer))
        return response

    def token(self, call):
        def problem(status, error, description):
            return self.answer(call, status, {"error_description": description, "error": error})

        if call.method != "POST":
            return problem(400, "invalid_request", "The request must be a POST")
        if call.headers.get_content_type() != "application/x-www-form-urlencoded" or not call.headers.get("Content-Type"):
            return problem(400, "invalid_request", "Content-Type must be application/x-www-form-urlencoded")
        fields = dict(urllib.parse.parse_qsl(call.body_text(), keep_blank_values=True))
        grant = fields.get("grant_type")
        if not grant:
            return problem(400, "invalid_request", "The request is missing a required parameter : grant_type")
        if grant not in ("refresh_token", "authorization_code"):
            return problem(400, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server")
        for name in ("client_id", "client_secret") + (("refresh_token",) if grant == "refresh_token" else ("code", "redirect_uri")):
            if not fields.get(name):
                return problem(400, "invalid_request", "The request is missing a required parameter : " + name)
        client = CLIENTS.get(fields["client_id"])
        if client is None or client["secret"] != fields["client_secret"]:
            return problem(401, "invalid_client", "Client authentication failed")
        if not client["authorized"]:
            return problem(400, "unauthorized_client", "The client is not authorized to request an authorization code using this method")
        if grant == "authorization_code":
            # A code is good once, and for where it was sent.
            with self.lock:
                issued = self.codes.pop(fields["code"], None)
            if issued != (fields["client_id"], fields["redirect_uri"]):
                return problem(400, "invalid_grant", "The request has an invalid grant parameter : code")
            fields["refresh_token"] = client["refresh_token"]
        if client["refresh_token"] != fields["refresh_token"]:
            return problem(400, "invalid_grant", "The request has an invalid grant parameter : refresh_token")
        with self.lock:
            self.tokens_issued += 1
            number = self.tokens_issued
            noise = hashlib.sha512(("token %d %d" % (self.settings.seed, number)).encode()).digest() * 4
            token = "Atza|" + base64.b64encode(noise).decode()
            self.tokens[token] = {"client": fields["client_id"], "number": number, "valid": True,
                                  "expires": self.clock.elapsed() + self.settings.token_lifetime}
        call.facts["token"] = number
        response = self.answer(call, 200, {
            "access_token": token, "refresh_token": fields["refresh_token"], "token_type": "bearer",
            "expires_in": int(self.settings.token_lifetime)})
        response.set_header("Cache-Control", "no-cache, no-store, must-revalidate")
        response.set_header("Pragma", "no-cache")
        return response

    def check_credentials(self, call):
        """ClientId and bearer token, which every call but the token's needs."""
        authorization = call.headers.get("Authorization")
        client = call.headers.get("Amazon-Advertising-API-ClientId")
        if not authorization:
            self.refuse(call, 401, "gateway", "Unauthorized")
        if not client:
            self.refuse(call, 401, "universal", "Amazon-Advertising-API-ClientId header is missing")
        scheme, _, token = authorization.partition(" ")
        with self.lock:
            known = self.tokens.get(token) if scheme.lower() == "bearer" else None
            if known is not None:
                call.facts["token"] = known["number"]
                if call.faults.get("token_expired"):
                    known["valid"] = False
            if known is None or not known["valid"] or (known["expires"] is not None and self.clock.elapsed() >= known["expires"]):
                self.refuse(call, 401, "universal", "HTTP 401 Unauthorized: the access token is invalid or has expired")
            if client not in CLIENTS or known["client"] not in (None, client):
                self.refuse(call, 401, "universal", "The access token was not issued to client " + client)

    def check_scope(self, call):
        scope = call.headers.get("Amazon-Advertising-API-Scope")
        if not scope:
            self.refuse(call, 401, "universal", "Scope header is missing")
        if not re.match(r"^[0-9]{1,20}$", scope):
            self.refuse(call, 400, "universal", "Invalid scope value " + scope)
        profile = self.emulator.data().amazon.profile(scope)
        access = profile.get("access", "edit") if profile else None
        if profile is None or profile.get("accountInfo", {}).get("type") == "agency":
            self.refuse(call, 401, "universal", "No matching advertiser found for scope: " + scope)
        if access == "refused with 401":
            self.refuse(call, 401, "universal", "Not authorized to access scope " + scope)
        if access == "refused with 403":
            # The code does not fit the status, but that is what it says.
            raise Refusal(self.answer(call, 403, {"code": "UNAUTHORIZED", "details": "Not authorized to access scope " + scope,
                                                  "requestId": call.request_id}))
        return scope

    # Profiles

    def profiles(self, call):
        if call.method != "GET":
            self.refuse(call, 405, "universal", "Method Not Allowed")
        self.check_credentials(call)
        query = dict(urllib.parse.parse_qsl(call.query))
        access = query.get("accessLevel", "edit")
        if access not in ("edit", "view"):
            self.refuse(call, 400, "universal", "Invalid accessLevel " + access)
        if access == "view" and "apiProgram" not in query:
            access = "edit"
        types = query["profileTypeFilter"].split(",") if query.get("profileTypeFilter") else None
        return self.answer(call, 200, self.emulator.data().profiles(access, types))

    # Exports

    def request(self, call):
        entity, media_type, _, _ = BY_ENTITY[call.facts["entity"]]
        if call.method != "POST":
            self.refuse(call, 403, "gateway", "Missing Authentication Token")
        self.check_credentials(call)
        profile = self.check_scope(call)
        if media_of(call.headers.get("Accept")) != media_type:
            self.refuse(call, 406, "gateway", "Accept type '%s' is not acceptable. Content-Type available: '%s'"
                        % (call.headers.get("Accept"), media_type))
        if media_of(call.headers.get("Content-Type")) != media_type:
            self.refuse(call, 415, "gateway", "Cannot consume content type")
        filters = self.check_filters(call, entity)
        faults = call.faults
        client = call.facts["client"]
        with self.lock:
            running = self.running_jobs().get((client, entity), 0)
            if running >= self.settings.job_cap or faults.get("job_cap"):
                return self.cap_reached(call)
            job = Job(len(self.jobs), entity, profile, client, filters, self.clock.elapsed())
            job.created_date = self.clock.date()
            job.delay = float(faults.get("export_delay", self.settings.export_delay))
            job.failed = faults.get("failed")
            job.failed_message = faults.get("failed_message")
            job.status_word = faults.get("status_word")
            job.change = 1 if faults.get("change_content") else 0
            self.jobs[job.identifier] = job
            self.unfinished.append(job)
            key = (client, entity)
            self.most_running[key] = max(self.most_running.get(key, 0), running + 1)
        call.facts["export"] = call.entry["export"] = job.identifier
        # The file is an image of this moment: later changes of the settings must not touch it.
        threading.Thread(target=self.build, args=(job,), daemon=True).start()
        return self.answer(call, 202, {"exportId": job.identifier, "status": self.running_word(job)}, media_type)

    def check_filters(self, call, entity):
        def bad(message):
            self.refuse(call, 400, "gateway", message)

        try:
            filters = json.loads(call.body.decode("utf-8"))
        except ValueError:
            bad("Request body is missing or is not valid JSON")
        if not isinstance(filters, dict):
            bad("Request body must be a JSON object")
        for name, values in filters.items():
            if name not in FILTERS:
                bad("Unrecognized field '%s'" % name)
            allowed, most, only = FILTERS[name]
            if only is not None and entity != only:
                bad("Field '%s' is not supported for this export type" % name)
            if not isinstance(values, list):
                bad("Value at '%s' must be an array" % name)
            if not 1 <= len(values) <= most:
                bad("Value at '%s' failed to satisfy constraint: Member must have length between 1 and %d" % (name, most))
            for value in values:
                if type(value) is not type(allowed[0]) or value not in allowed:
                    bad("Value %s at '%s' failed to satisfy constraint: Member must satisfy enum value set: %s"
                        % (json.dumps(value), name, json.dumps(allowed)))
            if len(set(values)) != len(values):
                bad("Value at '%s' failed to satisfy constraint: Member must have unique values" % name)
        return filters

    def cap_reached(self, call):
        kind = self.settings.job_cap_body
        response = self.refusal(call, 429, kind, "Too Many Requests")
        if kind == "html":
            response.headers = [("Content-Type", "text/html"), ("x-amzn-RequestId", call.request_id)]
        if self.settings.job_cap_retry_after:
            response.set_header("Retry-After", self.emulator.retry_after_text(self.settings.job_cap_retry_after))
        return response

    def build(self, job):
        try:
            job.content = self.content_of(job)
        except Exception as problem:  # Shown by the status call; nobody else would see it.
            job.problem = problem
        finally:
            job.built.set()

    def content_of(self, job):
        emulator = self.emulator
        override = emulator.override_for(job.entity, job.profile)
        if override is not None:
            return emulator.store.of_file(override)
        data = emulator.data()
        settings = data.settings
        if job.change:
            settings = emulator.settings_copy(gzip_level=1 if settings.gzip_level != 1 else 2)
        key = (emulator.generation, "amazon", job.entity, job.profile, json.dumps(job.filters, sort_keys=True), settings.gzip_level)
        records = data.records(job.entity, job.profile, job.filters)
        return emulator.store.get(key, lambda path: write_export(path, records, settings))

    def running_word(self, job):
        word = job.status_word or self.settings.running_word
        if word == "alternate":
            word = "IN_PROGRESS" if (job.number + self.settings.seed) % 2 else "PROCESSING"
        return word

    def running_jobs(self):
        """{(client, entity): exports in progress}"""
        elapsed = self.clock.elapsed()
        counts = {}
        with self.lock:
            # Finished jobs are looked at once more and never again: tests make thousands.
            self.unfinished = [job for job in self.unfinished if job.running(elapsed)]
            for job in self.unfinished:
                key = (job.client, job.entity)
                counts[key] = counts.get(key, 0) + 1
        return counts

    def status(self, call):
        if call.method != "GET":
            self.refuse(call, 403, "gateway", "Missing Authentication Token")
        self.check_credentials(call)
        scope = self.check_scope(call)
        faults = call.faults
        job = self.jobs.get(call.facts["export"])
        if job is None or job.profile != scope or job.client != call.facts["client"]:
            self.refuse(call, 404, "gateway", "Export not found")
        elapsed = self.clock.elapsed()
        if faults.get("expire_export"):
            job.expired = True
        if job.expired or elapsed > job.created + job.delay + self.settings.export_lifetime:
            self.refuse(call, 404, "gateway", "Exports is expired")
        _, media_type, _, folder = BY_ENTITY[job.entity]
        accept = media_of(call.headers.get("Accept"))
        if accept != media_type:
            if accept in MEDIA_TYPES:
                self.refuse(call, 406, "gateway", "ExportId provided does not match Content-Type '%s'. Content-Type available: '%s'"
                            % (accept, media_type))
            self.refuse(call, 406, "gateway", "Content-Type '%s' is not supported. Content-Type available: %s"
                        % (accept, ", ".join("'%s'" % known for known in MEDIA_TYPES)))
        job.polls += 1
        if job.last_poll is not None and elapsed - job.last_poll < self.settings.shortest_poll:
            self.refuse(call, 429, "gateway", "Too Many Requests")
        job.last_poll = elapsed
        if "status_word" in faults:
            return self.answer(call, 200, {"exportId": job.identifier, "status": faults["status_word"]}, media_type)
        failed = faults.get("failed") or (job.failed if not job.running(elapsed) else None)
        if failed:
            job.failed = failed
            job.built.wait(60)
            job.delay = min(job.delay, elapsed - job.created)
            message = faults.get("failed_message") or job.failed_message or FAILURES.get(failed, failed)
            return self.answer(call, 200, {
                "exportId": job.identifier, "status": "FAILED", "error": {"errorCode": failed, "message": message},
                "createdAt": iso_text(job.created_date)}, media_type)
        if job.running(elapsed):
            return self.answer(call, 200, {"exportId": job.identifier, "status": self.running_word(job)}, media_type)
        if job.problem is not None:
            self.refuse(call, 500, "exports", "emulator: " + repr(job.problem))
        answer = {"exportId": job.identifier, "status": "COMPLETED"}
        date = self.clock.date()
        if not faults.get("completed_without_url"):
            answer["url"] = faults.get("url") or self.new_url(call, job, folder, date)
            answer["fileSize"] = faults.get("file_size", job.content.size)
            answer["urlExpiresAt"] = iso_text(self.clock.date(self.settings.url_lifetime))
        if job.generated_date is None:
            job.generated_date = min(date, job.created_date + datetime.timedelta(seconds=job.delay))
        answer["generatedAt"] = iso_text(job.generated_date)
        answer["createdAt"] = iso_text(job.created_date)
        return self.answer(call, 200, answer, media_type)

    # Downloads

    def new_url(self, call, job, folder, date):
        base = self.settings.download_base or call.base()
        with self.lock:
            self.urls_issued += 1
            number = self.urls_issued
            noise = random.Random((self.settings.seed << 32) + number)
        path = "/s3/%s/%s/%s/%s.json.gz" % (folder, job.client, date.strftime("%Y-%m-%d"), job.identifier)
        stamp = date.strftime("%Y%m%dT%H%M%SZ")
        before = "X-Amz-Security-Token="
        after = ("&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=%s&X-Amz-SignedHeaders=host&X-Amz-Expires=%d"
                 "&X-Amz-Credential=ASIA%s%%2F%s%%2Fus-east-1%%2Fs3%%2Faws4_request&X-Amz-Signature=%s"
                 % (stamp, int(self.settings.url_lifetime), "".join(noise.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16)),
                    stamp[:8], "%064x" % noise.getrandbits(256)))
        length = max(40, URL_LENGTH - len(base) - len(path) - 1 - len(before) - len(after))
        # The session token fills what is left; its escapes show a client that decodes or encodes the URL again.
        session = base64.b64encode(bytes(noise.getrandbits(8) for _ in range(900))).decode()
        session = ("IQoJb3JpZ2luX2VjE" + session.replace("+", "%2B").replace("/", "%2F"))[:length - 6]
        session = re.sub(r"%2?$", "A", session)
        query = before + session.ljust(length - 6, "A") + "%3D%3D" + after
        with self.lock:
            self.urls[query] = {"job": job, "path": path, "number": number, "used": False,
                                "expires": self.clock.elapsed() + (-1 if call.faults.get("expire_url") else self.settings.url_lifetime)}
        return base + path + "?" + query

    def s3_error(self, call, status, code, message, more=""):
        body = ('<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>%s</Code><Message>%s</Message>%s<RequestId>%s</RequestId>'
                '<HostId>emulator</HostId></Error>' % (code, message, more, call.request_id[:16].upper()))
        return Response(status, self.s3_headers(call) + [("Content-Type", "application/xml")], body)

    @staticmethod
    def s3_headers(call):
        return [("x-amz-id-2", base64.b64encode(call.request_id.encode()).decode()),
                ("x-amz-request-id", call.request_id[:16].upper()), ("x-amzn-RequestId", call.request_id)]

    def download(self, call):
        if call.method not in ("GET", "HEAD"):
            return self.s3_error(call, 405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
        if call.headers.get("Authorization"):
            return self.s3_error(call, 400, "InvalidArgument", "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
                                 "Signature query string parameter or the Authorization header should be specified")
        for name in call.headers.keys():
            if name.lower().startswith("amazon-advertising-"):
                return self.s3_error(call, 400, "InvalidRequest", "The header %s is not expected here" % name)
        with self.lock:
            url = self.urls.get(call.query)
            if url is None or url["path"] != call.path or call.method != "GET":
                return self.s3_error(call, 403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature "
                                     "you provided. Check your key and signing method.")
            job = url["job"]
            expired = self.clock.elapsed() >= url["expires"] or (url["used"] and self.settings.url_one_shot)
            url["used"] = True
            if call.faults.get("expire_url"):
                url["expires"] = self.clock.elapsed()
                expired = True
        if expired:
            status = self.settings.expired_url_status
            if status == "alternate":
                status = "400" if url["number"] % 2 else "403"
            if status == "400":
                return self.s3_error(call, 400, "ExpiredToken", "The provided token has expired.")
            return self.s3_error(call, 403, "AccessDenied", "Request has expired", "<X-Amz-Expires>%d</X-Amz-Expires>" % self.settings.url_lifetime)
        if job.expired or self.clock.elapsed() > job.created + job.delay + self.settings.export_lifetime:
            return self.s3_error(call, 404, "NoSuchKey", "The specified key does not exist.")
        content = job.content
        etag = content.etag
        body = content.body
        if call.faults.get("change_content"):
            # Another operating system byte in the gzip header: other bytes, same records.
            data = bytearray(body.read(0, content.size))
            if data[:2] == b"\x1f\x8b":
                data[9] ^= 3
            etag = '"changed%s' % etag[8:]
            response = Response(200, [], bytes(data))
        else:
            response = Response(200, [], body)
        response.headers = self.s3_headers(call) + [
            ("Last-Modified", http_date(job.created_date)), ("x-amz-server-side-encryption", "AES256"),
            ("Content-Type", "application/octet-stream")]
        if self.settings.export_encoding == "content-encoding":
            response.set_header("Content-Encoding", "gzip")
        if call.faults.get("ignore_range"):
            response.set_header("ETag", etag)
            return response
        return with_ranges(call, response, etag, lambda size: self.s3_error(
            call, 416, "InvalidRange", "The requested range is not satisfiable", "<ActualObjectSize>%d</ActualObjectSize>" % size))

    def expire(self, what):
        """Everything of that kind issued so far is no longer valid; returns how many there were."""
        with self.lock:
            if what == "tokens":
                issued = [token for token in self.tokens.values() if token["expires"] is not None]
                for token in issued:
                    token["valid"] = False
            elif what == "urls":
                issued = list(self.urls.values())
                for url in issued:
                    url["expires"] = self.clock.elapsed()
            elif what == "exports":
                issued = list(self.jobs.values())
                for job in issued:
                    job.expired = True
            else:
                raise ValueError("what must be tokens, urls or exports")
            return len(issued)

    def state(self):
        with self.lock:
            return {
                "jobs": len(self.jobs),
                "in_progress": [{"client": client, "entity": entity, "count": count}
                                for (client, entity), count in sorted(self.running_jobs().items())],
                "most_in_progress": [{"client": client, "entity": entity, "count": count}
                                     for (client, entity), count in sorted(self.most_running.items())],
                "tokens_issued": self.tokens_issued,
                "urls_issued": self.urls_issued,
                "exports": [{"export": job.identifier, "entity": job.entity, "profile": job.profile, "filters": job.filters,
                             "polls": job.polls, "in_progress": job.running(self.clock.elapsed())} for job in self.jobs.values()],
            }


def media_of(value):
    """The media type of an Accept or Content-Type header without its parameters."""
    return value.split(";")[0].strip().lower() if value else None
