/*-------------------------------------------------------------------------
 *
 * answer.h
 *		How a request ended: what to do about it, and the error if it failed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_ANSWER_H
#define ADSEXPORT_ANSWER_H

#include "postgres.h"

#include "option/foreign_options.h"
#include "remote/failure.h"
#include "remote/policy.h"

typedef struct Answer
{
	PolicyAction action;
	int64 retry_after; /* milliseconds; -1: the server gave no time */
	Failure failure;
} Answer;

/*
 * Judge a request that is done, failed, or has its status.  subject says what
 * it was about ("Profile 1111, export ZTc1..."); token is the access token
 * that was sent, to be redacted like the secrets of options, or NULL.
 */
extern void answer_judge(Answer *answer, ApiCall call, const RequestResult *result,
						 const char *subject, const ForeignOptions *options, const char *token);

/*
 * A server's answer was well-formed HTTP but not what it should be: worth a
 * retry, then an error (HV000).
 */
extern void
answer_unexpected(Answer *answer, ApiCall call, const RequestResult *result, const char *subject,
				  const ForeignOptions *options, const char *token, const char *reason);

/* The state of one request's retries; zero it before the first attempt. */
typedef struct Retry
{
	int attempts;
	int most;            /* attempts; 0: as many as the time allows */
	int64 patience_ends; /* monotonic milliseconds; 0: not throttled yet */
	char last[160];      /* what went wrong last, for people */
} Retry;

/*
 * May the request be repeated?  Then *due says when (monotonic milliseconds);
 * otherwise answer->failure is to be raised.
 */
extern bool retry_allowed(Retry *retry, Answer *answer, ApiCall call, const ForeignOptions *options,
						  int64 *due);

#endif /* ADSEXPORT_ANSWER_H */
