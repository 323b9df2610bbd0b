/*-------------------------------------------------------------------------
 *
 * tuple.c
 *		Rows written as heap tuples while their values are converted.
 *
 *-------------------------------------------------------------------------
 */
#include "row/tuple.h"

#include "catalog/pg_type.h"

#include "fmgr.h"

/*
 * The header is copied from a tuple of NULLs that the server forms, so that
 * what it says about the row's type is left to the server.
 */
void
tuple_layout_init(TupleLayout *layout, TupleDesc desc)
{
	Datum *values = palloc0(desc->natts * sizeof(Datum));
	bool *nulls = palloc(desc->natts * sizeof(bool));

	memset(nulls, true, desc->natts * sizeof(bool));
	layout->header = heap_form_tuple(desc, values, nulls)->t_data;
	layout->header_size = layout->header->t_hoff;
	/* An image always has a bitmap, so that the data always begins at the same place. */
	Assert(layout->header->t_infomask & HEAP_HASNULL);
	/* The flag says only that there may be some. */
	layout->header->t_infomask |= HEAP_HASVARWIDTH;
	pfree(values);
	pfree(nulls);
}

bool
column_layout_init(ColumnLayout *layout, Form_pg_attribute attribute)
{
	layout->attribute = attribute->attnum - 1;
	layout->length = attribute->attlen;
	layout->by_value = attribute->attbyval;
	switch (attribute->attalign)
	{
		case TYPALIGN_CHAR:
			layout->alignment = 1;
			break;
		case TYPALIGN_SHORT:
			layout->alignment = ALIGNOF_SHORT;
			break;
		case TYPALIGN_INT:
			layout->alignment = ALIGNOF_INT;
			break;
		default:
			layout->alignment = ALIGNOF_DOUBLE;
			break;
	}
	/* Plain storage has no short varlenas. */
	return attribute->attlen > 0 ||
		   (attribute->attlen == -1 && attribute->attstorage != TYPSTORAGE_PLAIN);
}

Datum
tuple_stored_form(const ColumnLayout *layout, Datum value)
{
	struct varlena *stored;

	if (layout->length != -1)
		return value;
	stored = PG_DETOAST_DATUM_PACKED(value);
	if (VARATT_CAN_MAKE_SHORT(stored))
	{
		Size size = VARATT_CONVERTED_SHORT_SIZE(stored);
		char *copy = palloc(size);

		SET_VARSIZE_SHORT(copy, size);
		memcpy(copy + VARHDRSZ_SHORT, VARDATA(stored), size - VARHDRSZ_SHORT);
		stored = (struct varlena *) copy;
	}
	return PointerGetDatum(stored);
}

Size
tuple_stored_length(const ColumnLayout *layout, Datum value)
{
	return layout->length == -1 ? VARSIZE_ANY(DatumGetPointer(value)) : (Size) layout->length;
}

Size
tuple_stored_size(const ColumnLayout *layout, Datum value)
{
	return sizeof(int64) + tuple_stored_length(layout, value);
}

/*
 * Like the server's store_att_byval, which raises an error for a length that no
 * type has; this is also called in the read-ahead thread.
 */
static inline void
store_by_value(char *next, Datum value, int length)
{
	switch (length)
	{
		case sizeof(char):
			*next = DatumGetChar(value);
			break;
		case sizeof(int16):
			*(int16 *) next = DatumGetInt16(value);
			break;
		case sizeof(int32):
			*(int32 *) next = DatumGetInt32(value);
			break;
		default:
			Assert(length == sizeof(Datum));
			*(Datum *) next = value;
			break;
	}
}

char *
tuple_append(const ColumnLayout *layout, Datum value, char *next)
{
	if (layout->by_value)
	{
		next = tuple_align(next, layout->alignment);
		store_by_value(next, value, layout->length);
		return next + layout->length;
	}
	if (layout->length != -1 || !VARATT_IS_SHORT(DatumGetPointer(value)))
		next = tuple_align(next, layout->alignment);
	memcpy(next, DatumGetPointer(value), tuple_stored_length(layout, value));
	return next + tuple_stored_length(layout, value);
}
