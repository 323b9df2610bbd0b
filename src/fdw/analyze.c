/*-------------------------------------------------------------------------
 *
 * analyze.c
 *		The command ANALYZE on foreign tables.
 *
 * It reads everything that a query without clauses would, and keeps a sample.
 * The server runs it only on request, for this table or one that this is a
 * partition or child of, and never by itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_inherits.h"
#include "commands/vacuum.h"
#include "compat.h"
#include "executor/executor.h"
#include "fdw/analyze.h"
#include "fdw/plan.h"
#include "fdw/row_source.h"
#include "feed/feed.h"
#include "optimizer/plancat.h"
#include "option/load.h"
#include "session/record_counts.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/sampling.h"

/* A sample of all rows read so far, each as likely to be in it as any other. */
typedef struct Sample
{
	HeapTuple *rows;
	int count;
	int target; /* at most this many */
	Size size;  /* bytes of the rows */
	Size limit;
	double seen; /* rows read */
	double skip; /* this many more are to be skipped; below 0: not chosen yet */
	ReservoirStateData reservoir;
} Sample;

static void
sample_drop(Sample *sample, int index)
{
	sample->size -= sample->rows[index]->t_len;
	heap_freetuple(sample->rows[index]);
}

/*
 * Rows may be large, since nothing in them is stored out of line as in a local
 * table.  A sample that takes too much memory is halved: a random half of it
 * is also a sample.
 */
static void
sample_halve(Sample *sample)
{
	int kept = Max(sample->count / 2, 1);

	while (sample->count > kept)
	{
		int index = (int) (sample->count * compat_sampler_fraction(&sample->reservoir));

		sample_drop(sample, index);
		sample->rows[index] = sample->rows[--sample->count];
	}
	sample->target = kept;
	reservoir_init_selection_state(&sample->reservoir, sample->target);
	sample->skip = -1;
}

/* Is the next row wanted? */
static bool
sample_wants(Sample *sample)
{
	if (sample->count < sample->target)
		return true;
	if (sample->skip < 0)
		sample->skip = reservoir_get_next_S(&sample->reservoir, sample->seen, sample->target);
	return sample->skip < 1;
}

/* Takes over the row, which is palloc'd in a context that lives long enough. */
static void
sample_add(Sample *sample, HeapTuple row)
{
	int index = sample->count;

	if (sample->count < sample->target)
		sample->count++;
	else
	{
		index = (int) (sample->target * compat_sampler_fraction(&sample->reservoir));
		sample_drop(sample, index);
		sample->skip = -1;
	}
	sample->rows[index] = row;
	sample->size += row->t_len;
	while (sample->size > sample->limit && sample->count > 1)
		sample_halve(sample);
}

/* The columns that can have statistics: all that hold something. */
static Bitmapset *
stored_attributes(TupleDesc desc)
{
	Bitmapset *stored = NULL;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		/* Columns that are computed when they are read: since version 18. */
		if (!attribute->attisdropped && !compat_is_virtual(attribute))
			stored = bms_add_member(stored, i);
	}
	return stored;
}

/* Rows outside of a partition's bounds do not belong to it. */
typedef struct Bounds
{
	EState *estate;
	ExprState *quals;
	TupleTableSlot *slot;
} Bounds;

static void
bounds_prepare(Bounds *bounds, Relation relation)
{
	bounds->estate = CreateExecutorState();
	bounds->quals = ExecPrepareQual(plan_partition_clauses(relation, 1), bounds->estate);
	bounds->slot = MakeSingleTupleTableSlot(RelationGetDescr(relation), &TTSOpsVirtual);
}

static bool
bounds_hold(Bounds *bounds, const Datum *values, const bool *nulls)
{
	ExprContext *econtext = GetPerTupleExprContext(bounds->estate);
	int natts = bounds->slot->tts_tupleDescriptor->natts;

	if (bounds->quals == NULL)
		return true;
	ResetPerTupleExprContext(bounds->estate);
	ExecClearTuple(bounds->slot);
	memcpy(bounds->slot->tts_values, values, sizeof(Datum) * natts);
	memcpy(bounds->slot->tts_isnull, nulls, sizeof(bool) * natts);
	ExecStoreVirtualTuple(bounds->slot);
	econtext->ecxt_scantuple = bounds->slot;
	return ExecQual(bounds->quals, econtext);
}

static void
bounds_free(Bounds *bounds)
{
	ExecDropSingleTupleTableSlot(bounds->slot);
	FreeExecutorState(bounds->estate);
}

static int
sample_rows(Relation relation, int elevel, HeapTuple *rows, int target_rows, double *total_rows,
			double *total_dead_rows)
{
	TupleDesc desc = RelationGetDescr(relation);
	MemoryContext row_context = CurrentMemoryContext;
	/* It is the feed's, too, which is closed when the context is deleted, if not before. */
	MemoryContext context =
		AllocSetContextCreate(row_context, "adsexport_fdw analyze", ALLOCSET_DEFAULT_SIZES);
	MemoryContext value_context =
		AllocSetContextCreate(context, "adsexport_fdw analyze row", ALLOCSET_DEFAULT_SIZES);
	ForeignOptions *options;
	RowSource *source;
	ExportQuery query;
	Bounds bounds;
	Datum *values;
	bool *nulls;
	HeapTuple tuple; /* stays NULL: the source is told not to form tuples */
	Sample sample = { .rows = rows, .target = target_rows, .skip = -1 };

	sample.limit = (Size) maintenance_work_mem * 1024;
	reservoir_init_selection_state(&sample.reservoir, target_rows);

	MemoryContextSwitchTo(context);
	values = palloc(sizeof(Datum) * Max(desc->natts, 1));
	nulls = palloc(sizeof(bool) * Max(desc->natts, 1));
	options = foreign_options_load(RelationGetRelid(relation));
	foreign_options_load_mapping(options, relation->rd_rel->relowner);
	source = row_source_open(relation, options, stored_attributes(desc), false);
	bounds_prepare(&bounds, relation);
	plan_sample(relation, options, &query);
	feed_start(source->feed, &query);

	/*
	 * All rows are converted, not only the sample, so that a value that does
	 * not fit is always an error, and not by chance.
	 */
	MemoryContextSwitchTo(value_context);
	while (row_source_next(source, true, value_context, &tuple, values, nulls) == ROW_READ)
	{
		if (bounds_hold(&bounds, values, nulls))
		{
			if (sample_wants(&sample))
			{
				MemoryContextSwitchTo(row_context);
				sample_add(&sample, heap_form_tuple(desc, values, nulls));
				MemoryContextSwitchTo(value_context);
			}
			else
				sample.skip -= 1;
			sample.seen += 1;
		}
		MemoryContextReset(value_context);
	}
	MemoryContextSwitchTo(context);
	row_source_close(source);
	bounds_free(&bounds);

	ereport(elevel, (errmsg("\"%s\": the export has %.0f rows; %d rows are in the sample",
							RelationGetRelationName(relation), sample.seen, sample.count)));
	*total_rows = sample.seen;
	*total_dead_rows = 0;
	MemoryContextSwitchTo(row_context);
	MemoryContextDelete(context);
	return sample.count;
}

/*
 * How many pages the table would fill: each partition's share of the parent's
 * sample depends on it.  Only the scan that follows will know for sure.
 */
static BlockNumber
estimated_pages(Relation relation, const ForeignOptions *options)
{
	double rows = relation->rd_rel->reltuples;
	ExportQuery query;
	double width;

	if (rows <= 0)
	{
		ForeignOptions reader = *options;

		reader.mapping_id =
			foreign_options_find_mapping(relation->rd_rel->relowner, options->server_id);
		plan_sample(relation, options, &query);
		rows = record_counts_estimate(&reader, &query);
		if (rows < 0)
			rows = plan_default_records(options);
	}
	width =
		get_relation_data_width(RelationGetRelid(relation), NULL) + MAXALIGN(SizeofHeapTupleHeader);
	return (BlockNumber) Min(Max(ceil(rows * width / BLCKSZ), 1), (double) MaxBlockNumber);
}

bool
adsexport_analyze_foreign_table(Relation relation, AcquireSampleRowsFunc *func, BlockNumber *pages)
{
	ForeignOptions *options = foreign_options_load(RelationGetRelid(relation));

	if (options->entity->is_by_hours && options->default_start < 0)
	{
		/* One child must not keep the parent's other children from being analyzed. */
		bool is_child = has_superclass(RelationGetRelid(relation));

		ereport(is_child ? WARNING : ERROR,
				(errcode(is_child ? ERRCODE_WARNING : ERRCODE_FDW_UNABLE_TO_CREATE_EXECUTION),
				 errmsg("foreign table \"%s\" cannot be analyzed without the option default_start",
						options->table_name),
				 errdetail("Amplitude exports events by the hour in which they were uploaded, and "
						   "ANALYZE has no clause that says from which hour on."),
				 errhint("Run ALTER FOREIGN TABLE ... OPTIONS (ADD default_start '1d').")));
		return false;
	}
	*func = sample_rows;
	*pages = estimated_pages(relation, options);
	return true;
}
