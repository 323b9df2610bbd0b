/*-------------------------------------------------------------------------
 *
 * row_source.c
 *		The rows of a foreign table: a feed supplies records, a reader turns
 *		them into rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fdw/row_source.h"
#include "option/load.h"
#include "row/problem.h"
#include "utils/memutils.h"
#include "utils/rel.h"

RowSource *
row_source_open(Relation relation, const ForeignOptions *options, const Bitmapset *needed,
				bool form_tuples)
{
	RowSource *source = palloc0(sizeof(RowSource));
	TupleDesc desc = RelationGetDescr(relation);

	source->context = CurrentMemoryContext;
	source->reader = row_reader_create(
		desc, needed, column_json_paths(RelationGetRelid(relation), desc), options, form_tuples);
	source->feed =
		feed_create(options, row_reader_paths(source->reader), row_reader_preparer(source->reader));
	return source;
}

static void
drop_doubt(RowSource *source)
{
	if (source->doubted != NULL)
		FreeErrorData(source->doubted);
	source->doubted = NULL;
}

/*
 * A value does not fit, but the value must not be blamed if the download is
 * damaged: the error is kept until that is known. A type's code may have left
 * behind anything, which only the end of the (sub)transaction cleans up, so
 * the scan continues only after errors of our own.
 */
static void
doubt_value(RowSource *source)
{
	drop_doubt(source);
	MemoryContextSwitchTo(source->context);
	source->doubted = CopyErrorData();
	FlushErrorState();
	source->in_type_code = row_reader_in_type_code(source->reader);
	feed_doubt(source->feed, !source->in_type_code);
}

/* False if it is not known yet what is wrong with the record. */
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
		doubt_value(source);
		MemoryContextSwitchTo(context);
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
		/* Nothing else may run before it is known what made the type's code fail. */
		bool keeps_waiting = source->doubted != NULL && source->in_type_code;
		FeedResult result = feed_next(source->feed, wait || keeps_waiting);
		RecordOrigin origin;

		if (result == FEED_WOULD_BLOCK)
			return ROW_WOULD_BLOCK;
		if (result == FEED_CONFIRMED)
			ReThrowError(source->doubted);
		drop_doubt(source);
		switch (result)
		{
			case FEED_RECORD:
				if (fill_row(source, tuple_memory, tuple, values, nulls))
					return ROW_READ;
				break;
			case FEED_ORIGIN:
				feed_origin(source->feed, &origin);
				row_reader_set_origin(source->reader, &origin);
				break;
			default:
				return ROW_END;
		}
	}
}

void
row_source_close(RowSource *source)
{
	feed_close(source->feed);
	row_reader_report_invalid(source->reader);
}
