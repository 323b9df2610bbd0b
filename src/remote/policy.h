/*-------------------------------------------------------------------------
 *
 * policy.h
 *		The table that says what to do about an answer, or a missing one.
 *
 * Plain C, no PostgreSQL header.  Sources: the status tables of
 * docs/vendors/amazon-ads-exports.md 1.8 and 1.5 and of
 * docs/vendors/amplitude-export.md 1.1.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_POLICY_H
#define ADSEXPORT_POLICY_H

#include "net/request.h"

/* The calls that the two APIs consist of. */
typedef enum ApiCall
{
	CALL_TOKEN,    /* Login with Amazon: POST /auth/o2/token */
	CALL_PROFILES, /* Amazon Ads: GET /v2/profiles */
	CALL_REQUEST,  /* Amazon Ads: POST /{entity}/export */
	CALL_STATUS,   /* Amazon Ads: GET /exports/{id} */
	CALL_DOWNLOAD, /* the store: GET of a pre-signed URL */
	CALL_ARCHIVE   /* Amplitude: GET /api/2/export */
} ApiCall;

typedef enum PolicyAction
{
	ACTION_SUCCESS,
	ACTION_EMPTY,            /* complete, and nothing in it */
	ACTION_RETRY,            /* repeat the same request after a while */
	ACTION_RETRY_ONCE,       /* repeat it once: it is transient, or else permanent */
	ACTION_THROTTLED,        /* repeat it; export_timeout limits how long */
	ACTION_REAUTHENTICATE,   /* repeat it with a new access token, once */
	ACTION_REMINT_URL,       /* ask for a new download URL, once */
	ACTION_REQUEST_ANEW,     /* the export is gone: ask for another one */
	ACTION_SPLIT,            /* ask for less at a time */
	ACTION_FAIL_CREDENTIALS, /* 28000 */
	ACTION_FAIL_PERMISSION,  /* 42501 */
	ACTION_FAIL_REQUEST,     /* HV000: the request is rejected */
	ACTION_FAIL_NETWORK      /* 08006: and a retry is pointless */
} PolicyAction;

/* The kinds of body that make a difference. */
typedef enum BodyKind
{
	BODY_OTHER,
	BODY_NO_DATA, /* Amplitude: "Raw data files were not found" */
	BODY_PAGE     /* HTML or XML, from some other server */
} BodyKind;

/* status 0: no answer, failure says why. */
extern PolicyAction policy_decide(ApiCall call, RequestFailure failure, int status, BodyKind body);

extern BodyKind policy_body_kind(const char *body, size_t length);

/* Could an error mean that too much was requested, by its words or because it has none? */
extern bool policy_mentions_size(const char *body, size_t length);

/*
 * Milliseconds before the next attempt: exponential with +-25 % jitter.
 * attempt counts from 0; random is in [0, 1).  Amplitude's 429 starts at 30 s,
 * everything else at 1 s; no wait is longer than two minutes.
 */
extern int64_t policy_backoff(ApiCall call, PolicyAction action, int attempt, double random);

/*
 * Retry-After in milliseconds: seconds or an HTTP date, counted from now
 * (seconds since 1970).  -1 if absent or not understood; never negative
 * otherwise.
 */
extern int64_t policy_retry_after(const char *header, int64_t now);

#endif /* ADSEXPORT_POLICY_H */
