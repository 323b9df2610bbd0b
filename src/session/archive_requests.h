/*-------------------------------------------------------------------------
 *
 * history.h
 *		The archives that this session asked Amplitude for, for
 *		adsexport_exports().  (Those of Amazon Ads are in the registry.)
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_HISTORY_H
#define ADSEXPORT_HISTORY_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/ilist.h"

#include "option/foreign_options.h"
#include "remote/failure.h"

typedef struct SpanRecord
{
	dlist_node node;
	bool in_use; /* its scan goes on */
	char server_name[NAMEDATALEN];
	char user_name[NAMEDATALEN];
	Oid user_id;
	const Entity *entity;
	char start[16]; /* hours, as they were asked for */
	char end[16];
	const char *status; /* a constant */
	TimestampTz requested_at;
	TimestampTz completed_at; /* 0: it was not */
	int64 requests;
	int64 retries;
	int64 bytes_downloaded;
	int64 bytes_inflated;
	int64 records;
	char *error; /* why it failed, or NULL */
} SpanRecord;

/* A new record, in use, of memory that lives as long as the session. */
extern SpanRecord *history_add(const ForeignOptions *options, const char *start, const char *end);

/* Why it failed; what is remembered is the text. */
extern void history_note_failure(SpanRecord *record, const Failure *failure);

/* The newest first. */
extern void history_visit(void (*visit)(const SpanRecord *record, void *argument), void *argument);

/* Forget those of the users that mine says, unless they are in use. */
extern void history_forget(bool (*mine)(Oid user_id));

#endif /* ADSEXPORT_HISTORY_H */
