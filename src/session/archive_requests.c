/*-------------------------------------------------------------------------
 *
 * archive_requests.c
 *		The archives that this session requested from Amplitude.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "session/archive_requests.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* At most this many are remembered for adsexport_exports(). */
#define MAX_REMEMBERED 1000

static dlist_head records = DLIST_STATIC_INIT(records);
static int record_count = 0;

static void
forget_record(ArchiveRequest *record)
{
	dlist_delete(&record->node);
	record_count--;
	if (record->error != NULL)
		pfree(record->error);
	pfree(record);
}

/* Forget the oldest that is not in use. */
static void
make_place(void)
{
	dlist_node *node;

	if (record_count < MAX_REMEMBERED)
		return;
	for (node = records.head.prev; node != &records.head; node = node->prev)
	{
		ArchiveRequest *record = dlist_container(ArchiveRequest, node, node);

		if (!record->in_use)
		{
			forget_record(record);
			return;
		}
	}
}

ArchiveRequest *
archive_requests_add(const ForeignOptions *options, const char *start, const char *end)
{
	ArchiveRequest *record;

	make_place();
	record = MemoryContextAllocZero(TopMemoryContext, sizeof(ArchiveRequest));
	record->in_use = true;
	strlcpy(record->server_name, options->server_name, sizeof(record->server_name));
	strlcpy(record->user_name, options->user_name, sizeof(record->user_name));
	record->user_id = options->user_id;
	record->entity = options->entity;
	strlcpy(record->start, start, sizeof(record->start));
	strlcpy(record->end, end, sizeof(record->end));
	record->status = "REQUESTED";
	record->requested_at = GetCurrentTimestamp();
	dlist_push_head(&records, &record->node);
	record_count++;
	return record;
}

void
archive_requests_note_failure(ArchiveRequest *record, const Failure *failure)
{
	char *text = failure_text(failure);

	if (record->error != NULL)
		pfree(record->error);
	record->error = MemoryContextStrdup(TopMemoryContext, text);
	pfree(text);
}

void
archive_requests_visit(void (*visit)(const ArchiveRequest *record, void *argument), void *argument)
{
	dlist_iter iter;

	dlist_foreach(iter, &records) visit(dlist_container(ArchiveRequest, node, iter.cur), argument);
}

void
archive_requests_forget(bool (*mine)(Oid user_id))
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &records)
	{
		ArchiveRequest *record = dlist_container(ArchiveRequest, node, iter.cur);

		if (!record->in_use && mine(record->user_id))
			forget_record(record);
	}
}
