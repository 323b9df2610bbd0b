/*-------------------------------------------------------------------------
 *
 * tuple.h
 *		Rows written as heap tuples while their values are converted; private
 *		to src/row.
 *
 * A row that is stored or sorted as a whole is needed in one piece.
 * Converting its values straight to their places in it saves heap_form_tuple's
 * two passes over them, which cost as much as the conversions.
 *
 * The header, the null bitmap and the columns of a record form an image in an
 * arena, made by whichever thread gets to it. The columns that are the same
 * for all records of a part are appended when the image becomes a tuple.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_ROW_TUPLE_H
#define ADSEXPORT_ROW_TUPLE_H

#include "postgres.h"
#include "compat.h"

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "access/tupmacs.h"

#include "stream/record_block.h"

/* The header is the same for all rows, except for the bits of the null bitmap. */
typedef struct TupleLayout
{
	HeapTupleHeader header; /* with an empty bitmap */
	Size header_size;
} TupleLayout;

/* How a tuple stores a column's values. */
typedef struct ColumnLayout
{
	int attribute; /* zero-based */
	int16 length;  /* as attlen */
	bool by_value;
	uint8 alignment; /* in bytes; of varlenas: of those that are not short */
} ColumnLayout;

typedef struct TupleImage
{
	Size size;   /* of what follows */
	int present; /* how many columns are not NULL */
	char bytes[FLEXIBLE_ARRAY_MEMBER];
} TupleImage;

#define TUPLE_IMAGE_BYTES MAXALIGN(offsetof(TupleImage, bytes))

/* Palloc'd in the current memory context. */
extern void tuple_layout_init(TupleLayout *layout, TupleDesc desc);

/* False for columns whose values cannot be written in this way. */
extern bool column_layout_init(ColumnLayout *layout, Form_pg_attribute attribute);

/*
 * A value of a column that does not come from records, as a tuple stores it;
 * what it points to is palloc'd in the current memory context, or unchanged.
 */
extern Datum tuple_stored_form(const ColumnLayout *layout, Datum value);

/* Bytes of a value of that form. */
extern Size tuple_stored_length(const ColumnLayout *layout, Datum value);

/* The most bytes that it can take, with its alignment. */
extern Size tuple_stored_size(const ColumnLayout *layout, Datum value);

/*
 * Append such a value at next; returns where it ends.  One that is passed by
 * value needs that much room.
 */
#define TUPLE_VALUE_ROOM ((ptrdiff_t) (2 * sizeof(int64)))
extern char *tuple_append(const ColumnLayout *layout, Datum value, char *next);

/*
 * Align next, padding with zeros: a nonzero byte would be taken for the header
 * of a short varlena.
 */
static inline char *
tuple_align(char *next, Size alignment)
{
	memset(next, 0, sizeof(int64));
	return (char *) TYPEALIGN(alignment, next);
}

/* Where the header of an image begins. */
static inline HeapTupleHeader
tuple_image_header(TupleImage *image)
{
	return (HeapTupleHeader) ((char *) image + TUPLE_IMAGE_BYTES);
}

static inline void
tuple_mark_present(HeapTupleHeader header, int attribute)
{
	header->t_bits[attribute >> 3] |= 1 << (attribute & 7);
}

#endif /* ADSEXPORT_ROW_TUPLE_H */
