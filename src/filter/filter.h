/*-------------------------------------------------------------------------
 *
 * filter.h
 *		WHERE clauses as part of a request.
 *
 * At plan time the clauses are compiled into trees that say how they depend on
 * the columns a request can filter by; everything else in them counts as
 * unknown.  At run time a tree is evaluated for each value that the vendor's
 * closed lists have, with the clause's own operator functions, or for hours as
 * an interval.  The result is never narrower than the clause, which is also
 * kept as a local filter.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_FILTER_H
#define ADSEXPORT_FILTER_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

#include "entity/entity.h"
#include "option/foreign_options.h"
#include "remote/query.h"

/* What a plan carries: lists of nodes that can be copied, and nothing else. */
typedef struct FilterPlan
{
	List *trees;       /* all of them must hold */
	List *expressions; /* the values compared with: for fdw_exprs */
	List *is_late;     /* of Integer: expression needs another node's rows */
	List *clauses;     /* of each tree, the clause that it was made from; not for the plan */
} FilterPlan;

/*
 * Which part of a request each attribute becomes: an array of natts
 * ColumnFilter. json_paths: the column option of each attribute, or NULL.
 */
extern ColumnFilter *
filter_attributes(const Entity *entity, TupleDesc desc, const char *const *json_paths);

/* clauses: plain or RestrictInfos, about the relation of that number. */
extern void
filter_compile(Index relid, List *clauses, const ColumnFilter *attributes, FilterPlan *plan);

/* A plan with these clauses added; the old one is not changed. */
extern FilterPlan filter_compile_more(Index relid, List *clauses, const ColumnFilter *attributes,
									  const FilterPlan *plan);

/*
 * Evaluate to the query to send.  states are the initialised expressions, in
 * order.  With known_only, expressions that is_late marks, and all parameters
 * if there is no parameter list, count as unknown: for EXPLAIN.  *evaluated:
 * the numbers of the expressions that were needed.
 */
extern void filter_evaluate(List *trees, List *is_late, List *states, ExprContext *econtext,
							const ForeignOptions *options, TimestampTz now, bool known_only,
							ExportQuery *query, Bitmapset **evaluated);

/* Likewise without an executor: of the values, those that are Consts are known. */
extern void filter_evaluate_constants(List *trees, List *values, const ForeignOptions *options,
									  TimestampTz now, ExportQuery *query);

/* What the planner can know about a request before it is made. */
typedef struct FilterEstimate
{
	ExportQuery query;    /* from what is known; unknown values narrow nothing */
	bool is_known;        /* nothing was unknown */
	List *pushed_clauses; /* RestrictInfos that the request covers in full */
	List *local_clauses;  /* the others */
	double share;         /* of all records, if each value of the vendor's lists (except
								 * profiles and hours) is as frequent as any other */
} FilterEstimate;

/* plan: of the relation's restriction clauses. */
extern void filter_estimate(PlannerInfo *root, RelOptInfo *baserel, const FilterPlan *plan,
							const ForeignOptions *options, FilterEstimate *estimate);

#endif /* ADSEXPORT_FILTER_H */
