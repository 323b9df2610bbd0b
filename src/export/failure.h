/*-------------------------------------------------------------------------
 *
 * failure.h
 *		Why an export can't be had: noted where it happens, raised where it
 *		is needed.
 *
 * The control requests of all scans progress whenever any scan waits, so a
 * failure must not be raised in the scan that happened to be waiting.  It is
 * written down in fixed-size fields, which needs no memory, and raised by the
 * scan that wants the export.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_FAILURE_H
#define ADSEXPORT_FAILURE_H

#include "postgres.h"

#include "compat.h"

#include "export/policy.h"
#include "export/settings.h"

/* Reads as: could not <task> for foreign table "t": <reason> */
typedef struct Failure
{
	int sqlstate; /* 0: there is none */
	char task[64];
	char reason[256];
	char detail[1200];
	char hint[512];
	bool unreachable; /* the server could not be reached, and never was in this session */
} Failure;

/*
 * Words are our own here, or have come through foreign_text.h.
 */
extern void failure_set(Failure *failure, int sqlstate, const char *task, const char *reason, ...)
	pg_attribute_printf(4, 5);

/* Add a sentence. */
extern void failure_add_detail(Failure *failure, const char *format, ...) pg_attribute_printf(2, 3);
extern void failure_set_hint(Failure *failure, const char *format, ...) pg_attribute_printf(2, 3);

/* The same in some words, into a text of that size. */
extern void failure_summary(const Failure *failure, char *text, size_t size);

/* What went wrong, in a line; palloc'd. */
extern char *failure_text(const Failure *failure);

/* Raise it as an error; does not return. */
extern void failure_raise(const Failure *failure, const char *table_name) pg_attribute_noreturn();

/*
 * What became of a request, and if it is bad news, the words for it.
 */
typedef struct Answer
{
	PolicyAction action;
	int64 retry_after; /* milliseconds; -1: the server named no time */
	Failure failure;
} Answer;

/*
 * Judge a request that is done, failed, or has its status.  subject says what
 * it was about ("profile 1111, export ZTc1..."); token is the access token
 * that was sent, to be redacted like the secrets of settings, or NULL.
 */
extern void answer_judge(Answer *answer, ApiCall call, const Request *request, const char *subject,
						 const Settings *settings, const char *token);

/*
 * A server's answer was well-formed HTTP but not what it should be.  It is
 * worth a retry, then an error (HV000).
 */
extern void
answer_unexpected(Answer *answer, ApiCall call, const Request *request, const char *subject,
				  const Settings *settings, const char *token, const char *reason);

/* The state of one request's retries; zero it before the first try. */
typedef struct Retry
{
	int attempts;
	int most;            /* attempts; 0: as many as fit into the time */
	int64 patience_ends; /* monotonic milliseconds; 0: not throttled yet */
	char last[160];      /* what went wrong last, for people */
} Retry;

/*
 * May the request be repeated?  Then *due says when (monotonic milliseconds);
 * else answer->failure is to be raised.
 */
extern bool
retry_allowed(Retry *retry, Answer *answer, ApiCall call, const Settings *settings, int64 *due);

/* A random number in [0, 1). */
extern double random_fraction(void);

#endif /* ADSEXPORT_FAILURE_H */
