/*-------------------------------------------------------------------------
 *
 * explain.c
 *		What EXPLAIN shows of a foreign scan.
 *
 * Without ANALYZE it shows what would be requested, and requests nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "fdw/explain.h"
#include "fdw/scan.h"

static void
explain_counters(const ExportFeed *feed, ExplainState *es)
{
	FeedCounters counters;

	feed_counters(feed, &counters);
	ExplainPropertyInteger("Exports Requested", NULL, counters.exports_requested, es);
	ExplainPropertyInteger("Exports Reused", NULL, counters.exports_reused, es);
	if (es->timing)
		ExplainPropertyFloat("Wait Time", "ms", counters.wait_time, 3, es);
	if (es->timing && counters.longest_export >= 0)
		ExplainPropertyInteger("Longest Export", "ms", counters.longest_export, es);
	ExplainPropertyInteger("Polls", NULL, counters.polls, es);
	ExplainPropertyInteger("Retries", NULL, counters.retries, es);
	ExplainPropertyInteger("Bytes Downloaded", NULL, counters.bytes_downloaded, es);
	ExplainPropertyInteger("Bytes Inflated", NULL, counters.bytes_inflated, es);
	ExplainPropertyInteger("Records Read", NULL, counters.records, es);
	/* Shown only if there is something to look into. */
	if (counters.entries_passed_over > 0)
		ExplainPropertyInteger("Entries Passed Over", NULL, counters.entries_passed_over, es);
}

void
adsexport_explain_foreign_scan(ForeignScanState *node, ExplainState *es)
{
	ForeignScanStatus *status = node->fdw_state;
	const ExportQuery *query = NULL;
	char *request;
	char *filter;

	if (status->source != NULL)
		query = feed_query(status->source->feed);
	if (query == NULL)
		query = scan_evaluate_query(node, true);

	if (query->nothing)
	{
		ExplainPropertyText("Export", "none, because the clauses cannot all hold", es);
		filter = NULL;
	}
	else
	{
		feed_describe(status->options, query, &request, &filter);
		ExplainPropertyText("Export", request, es);
	}
	if (filter != NULL)
		ExplainPropertyText("Export Filter", filter, es);
	if (es->analyze && status->source != NULL)
		explain_counters(status->source->feed, es);
}
