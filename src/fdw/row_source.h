/*-------------------------------------------------------------------------
 *
 * row_source.h
 *		The rows of a foreign table: a feed supplies records, a reader turns
 *		them into rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_ROW_SOURCE_H
#define ADSEXPORT_ROW_SOURCE_H

#include "postgres.h"

#include "access/htup.h"
#include "feed/feed.h"
#include "nodes/bitmapset.h"
#include "row/row.h"
#include "utils/relcache.h"

typedef struct RowSource
{
	RowReader *reader;
	ExportFeed *feed; /* to be started by the caller */

	/* Of row_source.c: */
	MemoryContext context;
	ErrorData
		*doubted; /* an error about a value, while the value may have arrived damaged; or NULL */
	bool in_type_code; /* the error was raised by the type's code */
} RowSource;

/*
 * Palloc'd in the current memory context; it is closed when that is deleted,
 * if not before. options: with the user mapping loaded; they must live as
 * long. needed and form_tuples as for row_reader_create.
 */
extern RowSource *row_source_open(Relation relation, const ForeignOptions *options,
								  const Bitmapset *needed, bool form_tuples);

typedef enum RowResult
{
	ROW_READ,
	ROW_END,
	ROW_WOULD_BLOCK /* without wait: there is none yet */
} RowResult;

/*
 * The next row: a tuple in tuple_memory or, if that is NULL, values and nulls
 * (as many as the relation has attributes).  By-reference values are in the
 * current memory context, or valid until the next call.
 */
extern RowResult row_source_next(RowSource *source, bool wait, MemoryContext tuple_memory,
								 HeapTuple *tuple, Datum *values, bool *nulls);

/* The end of a scan that did not fail; warns about values that did not fit. */
extern void row_source_close(RowSource *source);

#endif /* ADSEXPORT_ROW_SOURCE_H */
