/*-------------------------------------------------------------------------
 *
 * row_source.c
 *		The rows of a foreign table: a feed brings records, a reader makes
 *		rows of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fdw/option.h"
#include "fdw/row_source.h"
#include "row/problem.h"
#include "utils/memutils.h"
#include "utils/rel.h"

RowSource *
row_source_open(Relation relation, const Settings *settings, const Bitmapset *needed,
				bool form_tuples)
{
	RowSource *source = palloc0(sizeof(RowSource));
	TupleDesc desc = RelationGetDescr(relation);

	source->reader = row_reader_create(
		desc, needed, column_json_paths(RelationGetRelid(relation), desc), settings, form_tuples);
	source->feed = feed_create(settings, row_reader_paths(source->reader),
							   row_reader_preparer(source->reader));
	return source;
}

/*
 * A value does not fit, but a download that broke must not be blamed on the
 * value.  Returns if the record is read once more; else raises the error, or
 * the one about the download.  The code of a type may have left anything
 * behind, which only the end of the (sub)transaction clears up, so that the
 * scan goes on after errors of our own only.
 */
static void
doubt_value(RowSource *source, MemoryContext context)
{
	ErrorData *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	if (!feed_take_back(source->feed, !row_reader_in_type_code(source->reader)))
		ReThrowError(error);
	FreeErrorData(error);
}

/* False if the record has to be read once more, because what its download brought was corrupt. */
static bool
fill_row(RowSource *source, MemoryContext tuple_memory, HeapTuple *tuple, Datum *values,
		 bool *nulls)
{
	MemoryContext context = CurrentMemoryContext;
	ExportFeed *feed = source->feed;
	volatile bool filled = true;

	PG_TRY();
	{
		*tuple = row_reader_fill(source->reader, feed_values(feed), feed_prepared(feed),
								 feed_record_number(feed), feed_record_offset(feed), tuple_memory,
								 values, nulls);
	}
	PG_CATCH();
	{
		if (!is_value_error(geterrcode()))
			PG_RE_THROW();
		doubt_value(source, context);
		filled = false;
	}
	PG_END_TRY();
	return filled;
}

RowResult
row_source_next(RowSource *source, bool wait, MemoryContext tuple_memory, HeapTuple *tuple,
				Datum *values, bool *nulls)
{
	for (;;)
	{
		RecordOrigin origin;

		switch (feed_next(source->feed, wait))
		{
			case FEED_RECORD:
				if (fill_row(source, tuple_memory, tuple, values, nulls))
					return ROW_READ;
				break;
			case FEED_ORIGIN:
				feed_origin(source->feed, &origin);
				row_reader_set_origin(source->reader, &origin);
				break;
			case FEED_END:
				return ROW_END;
			case FEED_WOULD_BLOCK:
				return ROW_WOULD_BLOCK;
		}
	}
}

void
row_source_close(RowSource *source)
{
	feed_close(source->feed);
	row_reader_report_invalid(source->reader);
}
