/*-------------------------------------------------------------------------
 *
 * row.h
 *		JSON values to Datums, for the columns that a query needs.
 *
 * A RowReader is made once per scan.  It binds the needed columns, compiles
 * their paths for the record walk, and then turns each record into a tuple, or
 * fills the arrays of a virtual slot.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_ROW_H
#define ADSEXPORT_ROW_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"
#include "nodes/bitmapset.h"

#include "option/foreign_options.h"
#include "remote/record_origin.h"
#include "stream/json.h"
#include "stream/record_block.h"

typedef struct RowReader RowReader;

/*
 * Palloc'd in the current memory context, which must live as long as the
 * reader, and so must options; what it malloc'd goes with that context.  needed holds the
 * zero-based attribute numbers whose values are wanted, the others come out as
 * NULL.  json_paths holds each attribute's column option (NULL: unset). Raises
 * an error for a needed column that is bound to nothing. form_tuples: the
 * caller needs all columns and can take a row as a tuple.
 */
extern RowReader *
row_reader_create(TupleDesc desc, const Bitmapset *needed, const char *const *json_paths,
				  const ForeignOptions *options, bool form_tuples);

/* The wanted values, for json_reader_create; belongs to the reader. */
extern const JsonPaths *row_reader_paths(const RowReader *reader);

/*
 * Prepares rows ahead, in one thread at a time, which need not be the
 * reader's; NULL if there is nothing to gain.  Belongs to the reader.
 */
extern const RecordPreparer *row_reader_preparer(const RowReader *reader);

/* Another part or archive entry begins. */
extern void row_reader_set_origin(RowReader *reader, const RecordOrigin *origin);

/*
 * A row from one walked record: returned as a tuple that is palloc'd in
 * tuple_memory; or NULL, and values and nulls (desc->natts each) are filled
 * (always so without form_tuples).  prepared is what the preparer left for the
 * record, or NULL.  By-reference Datums are palloc'd in the current memory
 * context, or belong to the record or the reader and stay valid until the next
 * record is read.  record_number (from 1) and record_offset (in inflated
 * bytes) are for messages: an error's context names the table, column, record,
 * offset and archive entry.
 */
extern HeapTuple row_reader_fill(RowReader *reader, const JsonValue *json, void *const *prepared,
								 uint64 record_number, uint64 record_offset,
								 MemoryContext tuple_memory, Datum *values, bool *nulls);

/* After an error of row_reader_fill: did the code of a column's type raise it? */
extern bool row_reader_in_type_code(const RowReader *reader);

/*
 * At the end of a scan: under on_invalid = null, one WARNING that counts the
 * values that did not fit and shows the first; nothing if there were none.
 */
extern void row_reader_report_invalid(RowReader *reader);

#endif /* ADSEXPORT_ROW_H */
