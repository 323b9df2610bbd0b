/*-------------------------------------------------------------------------
 *
 * amplitude_check.c
 *		The steps of adsexport_check() for Amplitude.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "fdw/check_steps.h"
#include "remote/amplitude.h"
#include "remote/hours.h"

/*
 * The newest hour that is complete.  It takes none of the max_jobs places,
 * which leave one of the vendor's limit to others, and is dropped as soon as
 * the answer begins.
 */
static void
run(Check *check)
{
	const ForeignOptions *options = check->options;
	int64 hour = hours_of_timestamp(GetCurrentTimestamp()) - HOURS_INCOMPLETE - 1;
	char name[16] = "";
	const char *step;
	Answer answer;

	hours_format(hour, name, sizeof(name));
	step = psprintf("hour %s", name);
	check->request = amplitude_start_archive(check->reactor, options,
											 entity_by_name("amplitude_events"), hour, hour);
	check_finish_request(check, true);
	if (!check_network(check, "endpoint", options->endpoint, CALL_ARCHIVE))
		return;
	check_judge(check, &answer, CALL_ARCHIVE, psprintf("Hour %s", name));
	if (answer.action == ACTION_SUCCESS)
		check_add_row(check, step, CHECK_OK, "Its events are sent.", NULL);
	else if (answer.action == ACTION_EMPTY)
		check_add_row(check, step, CHECK_OK,
					  "The request is accepted, and there are no events in this hour.", NULL);
	else
		check_add_failure(check, step, CHECK_FAILED, &answer.failure);
	check_drop_request(check);
}

const VendorCheck amplitude_check = { API_AMPLITUDE, run };
