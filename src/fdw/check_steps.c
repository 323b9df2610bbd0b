/*-------------------------------------------------------------------------
 *
 * check_steps.c
 *		What the vendors' checks have in common: requests, and rows about them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"

#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/builtins.h"

#include "fdw/check_steps.h"
#include "remote/foreign_text.h"
#include "session/network.h"

/*-------------------------------------------------------------------------
 * Rows
 *-------------------------------------------------------------------------
 */

char *
check_subject_of_server(const Check *check)
{
	return psprintf("Server %s", quote_identifier(check->options->server_name));
}

void
check_add_row(Check *check, const char *step, CheckOutcome outcome, const char *detail,
			  const char *hint)
{
	Datum values[CHECK_COLUMNS] = { 0 };
	bool nulls[CHECK_COLUMNS] = { false };

	values[0] = CStringGetTextDatum(step);
	values[1] = BoolGetDatum(outcome == CHECK_OK);
	nulls[1] = outcome == CHECK_UNKNOWN;
	values[2] = CStringGetTextDatum(detail);
	nulls[3] = hint == NULL || hint[0] == '\0';
	if (!nulls[3])
		values[3] = CStringGetTextDatum(hint);
	tuplestore_putvalues(check->rows.store, check->rows.desc, values, nulls);
}

/* The user knows the server, and the step names the profile or hour. */
static void
drop_subject(const Check *check, const char *step, Failure *failure)
{
	const char *subjects[] = { check_subject_of_server(check), step };

	for (int i = 0; i < (int) lengthof(subjects); i++)
	{
		size_t length = strlen(subjects[i]);

		if (pg_strncasecmp(failure->detail, subjects[i], length) == 0 &&
			strncmp(failure->detail + length, ": ", 2) == 0)
			memmove(failure->detail, failure->detail + length + 2,
					strlen(failure->detail + length + 2) + 1);
	}
}

void
check_add_failure(Check *check, const char *step, CheckOutcome outcome, const Failure *failure)
{
	Failure shown = *failure;

	drop_subject(check, step, &shown);
	check_add_row(check, step, outcome, failure_text(&shown), shown.hint);
}

/*-------------------------------------------------------------------------
 * Requests
 *-------------------------------------------------------------------------
 */

void
check_drop_request(Check *check)
{
	request_free(check->request);
	check->request = NULL;
}

void
check_release(void *argument)
{
	Check *check = argument;

	check_drop_request(check);
	if (check->reactor != NULL)
		reactor_free(check->reactor);
	check->reactor = NULL;
	if (check->token != NULL)
		explicit_bzero(check->token, strlen(check->token));
	network_settle();
}

void
check_wait(Check *check)
{
	static uint32 wait_event = 0;
	int events;

	if (wait_event == 0)
		wait_event = compat_wait_event("AdsexportCheck");
	network_announce();
	reactor_wait_begins(check->reactor);
	events = WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_SOCKET_READABLE | WL_EXIT_ON_PM_DEATH,
							   reactor_descriptor(check->reactor), -1L, wait_event);
	reactor_drive(check->reactor);
	reactor_wait_ends(check->reactor);
	if (events & WL_LATCH_SET)
		ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

void
check_finish_request(Check *check, bool status_is_enough)
{
	if (check->request == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	for (;;)
	{
		RequestResult result;

		request_result(check->request, &result);
		if (result.state >= REQUEST_DONE ||
			(status_is_enough && result.state == REQUEST_RECEIVING && result.status == 200))
			break;
		check_wait(check);
	}
}

void
check_judge(const Check *check, Answer *answer, ApiCall call, const char *subject)
{
	RequestResult result;

	request_result(check->request, &result);
	answer_judge(answer, call, &result, subject, check->options, check->token);
}

/* Host and, if the URL has one, port. */
static char *
host_of(const char *url)
{
	const char *begin = strstr(url, "://");
	const char *end;

	begin = begin != NULL ? begin + 3 : url;
	end = begin + strcspn(begin, "/?#");
	return pnstrdup(begin, end - begin);
}

bool
check_network(Check *check, const char *option, const char *url, ApiCall call)
{
	const char *host = host_of(url);
	bool plain = strncasecmp(url, "http:", 5) == 0;
	RequestReach reach;
	char *peer;
	Answer answer;
	const char *steps[] = { "name", "connection", "TLS" };
	bool passed[3];
	char *details[3];

	request_reach(check->request, &reach);
	peer = reach.address[0] != '\0' ? psprintf("%s, port %ld", reach.address, reach.port)
									: pstrdup("an address that is not known");
	passed[0] = reach.resolved;
	details[0] = psprintf("%s has an address.", host);
	passed[1] = reach.connected;
	details[1] = psprintf("Connected to %s.", peer);
	passed[2] = reach.secured;
	details[2] = plain ? pstrdup("Not needed: plain http does not leave this machine.")
					   : pstrdup("The server's certificate is trusted.");

	check_judge(check, &answer, call, check_subject_of_server(check));
	for (int i = 0; i < 3; i++)
	{
		const char *step = psprintf("%s: %s", option, steps[i]);

		if (!passed[i])
		{
			check_add_failure(check, step, CHECK_FAILED, &answer.failure);
			return false;
		}
		check_add_row(check, step, CHECK_OK, details[i], NULL);
	}
	return true;
}
