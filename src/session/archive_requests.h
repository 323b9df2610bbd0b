/*-------------------------------------------------------------------------
 *
 * archive_requests.h
 *		The archives that this session requested from Amplitude, for
 *		adsexport_exports().  (Those of Amazon Ads are in the registry.)
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_ARCHIVE_REQUESTS_H
#define ADSEXPORT_ARCHIVE_REQUESTS_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/ilist.h"

#include "option/foreign_options.h"
#include "remote/failure.h"

typedef struct ArchiveRequest
{
	dlist_node node;
	bool in_use; /* its scan is still running */
	char server_name[NAMEDATALEN];
	char user_name[NAMEDATALEN];
	Oid user_id;
	const Entity *entity;
	char start[16]; /* hours, as they were requested */
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
} ArchiveRequest;

/* A new record, in use, of memory that lives as long as the session. */
extern ArchiveRequest *
archive_requests_add(const ForeignOptions *options, const char *start, const char *end);

/* Note why it failed; only the text is remembered. */
extern void archive_requests_note_failure(ArchiveRequest *record, const Failure *failure);

/* The newest first. */
extern void
archive_requests_visit(void (*visit)(const ArchiveRequest *record, void *argument), void *argument);

/* Forget those of the users for whom mine returns true, unless they are in use. */
extern void archive_requests_forget(bool (*mine)(Oid user_id));

#endif /* ADSEXPORT_ARCHIVE_REQUESTS_H */
