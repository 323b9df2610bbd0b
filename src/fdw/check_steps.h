/*-------------------------------------------------------------------------
 *
 * check_steps.h
 *		What the vendors' checks have in common: requests, and rows about them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_CHECK_STEPS_H
#define ADSEXPORT_CHECK_STEPS_H

#include "postgres.h"

#include "fdw/result_set.h"
#include "net/request.h"
#include "option/foreign_options.h"
#include "remote/answer.h"

#define CHECK_COLUMNS 4

typedef enum CheckOutcome
{
	CHECK_OK,
	CHECK_FAILED,
	CHECK_UNKNOWN
} CheckOutcome;

typedef struct Check
{
	const ForeignOptions *options;
	ResultSet rows;
	MemoryContextCallback callback;
	Reactor *reactor;
	Request *request; /* under way or judged, or NULL */
	char *token;      /* NULL: none */
} Check;

/* A vendor's check: run adds a row for each step, until one fails. */
typedef struct VendorCheck
{
	ApiKind api;
	void (*run)(Check *check);
} VendorCheck;

extern const VendorCheck amazon_check;
extern const VendorCheck amplitude_check;

/* Callback of the memory context that holds the Check. */
extern void check_release(void *argument);

extern char *check_subject_of_server(const Check *check);
extern void check_add_row(Check *check, const char *step, CheckOutcome outcome, const char *detail,
						  const char *hint);
extern void
check_add_failure(Check *check, const char *step, CheckOutcome outcome, const Failure *failure);

/* Wait until the request has ended or, if the status is enough, until it is 200. */
extern void check_finish_request(Check *check, bool status_is_enough);

/* Wait for more of a body. */
extern void check_wait(Check *check);
extern void check_judge(const Check *check, Answer *answer, ApiCall call, const char *subject);
extern void check_drop_request(Check *check);

/*
 * Add rows on how far the request got below HTTP: name, connection and TLS of
 * the URL that the option names. False if it did not get through.
 */
extern bool check_network(Check *check, const char *option, const char *url, ApiCall call);

#endif /* ADSEXPORT_CHECK_STEPS_H */
