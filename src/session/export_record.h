/*-------------------------------------------------------------------------
 *
 * export_record.h
 *		What is known of an export, whichever backend drives it.
 *
 * Plain and of a fixed size, so that it can be copied to where other sessions
 * find it: no pointer, no link, nothing secret.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_EXPORT_RECORD_H
#define ADSEXPORT_EXPORT_RECORD_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "remote/answer.h"
#include "remote/message.h"
#include "session/freshness.h"
#include "session/read_amounts.h"

typedef enum ExportPhase
{
	EXPORT_QUEUED, /* for a place (max_jobs), a token, or a retry */
	EXPORT_REQUESTING,
	EXPORT_IN_PROGRESS, /* between two polls */
	EXPORT_POLLING,
	EXPORT_COMPLETED,
	EXPORT_FAILED
} ExportPhase;

typedef struct ExportRecord
{
	ExportPhase phase;
	char id[MESSAGE_MAX_EXPORT_ID];       /* empty until requested */
	char shown_id[MESSAGE_MAX_EXPORT_ID]; /* the same, fit for messages and functions */
	char shown_status[64];                /* the vendor's, for messages */
	TimestampTz requested_at;
	Moment requested;         /* the same */
	TimestampTz completed_at; /* when we learned of it; 0: not yet */
	bool has_generated_at;
	TimestampTz generated_at; /* the vendor's */
	int64 file_size;          /* compressed bytes; -1: not known */
	bool without_link;        /* completed by its last status, which had no link */
	bool timed_out;           /* it failed because it was too large */
	Failure failure;

	/* When to look at it, for the backend that drives it; all in monotonic milliseconds. */
	Retry retry;
	int64 due; /* nothing to do before */
	int64 in_progress_since;
	int64 poll_gap; /* before the last status call; 0: there was none */
	int64 next_gap;
	int64 last_call;    /* or request, when it was answered; for the next one */
	uint32 turn;        /* see poll_schedule.h */
	bool is_unexpected; /* its next call was scheduled with nothing known of how long it takes */
	int64 took;         /* milliseconds until it was ready; -1: not known */
	int renewals;       /* how often it was requested again */

	/* for adsexport_exports() */
	int64 polls;
	int64 requests;
	int64 retries;
	ReadAmounts read; /* by all scans, of all sessions as far as that is known */
} ExportRecord;

/* Does it hold one of the max_jobs places at the vendor? */
static inline bool
export_record_is_in_progress(const ExportRecord *record)
{
	return record->phase == EXPORT_REQUESTING || record->phase == EXPORT_IN_PROGRESS ||
		   (record->phase == EXPORT_POLLING && record->completed_at == 0);
}

#endif /* ADSEXPORT_EXPORT_RECORD_H */
