/*-------------------------------------------------------------------------
 *
 * modify.c
 *		Exports are read only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fdw/modify.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

static const char *
name_of_command(CmdType command)
{
	switch (command)
	{
		case CMD_INSERT:
			return "insert into";
		case CMD_UPDATE:
			return "update";
		case CMD_DELETE:
			return "delete from";
		default:
			return "change";
	}
}

/*
 * Without this callback the server says the same in fewer words, which is what
 * COPY still does.
 */
List *
adsexport_plan_foreign_modify(PlannerInfo *root, ModifyTable *plan, Index result_relation,
							  int subplan_index)
{
	RangeTblEntry *entry = planner_rt_fetch(result_relation, root);

	ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("cannot %s foreign table \"%s\"", name_of_command(plan->operation),
						   get_rel_name(entry->relid)),
					errdetail("It shows the vendor's exports, which are read only."),
					errhint("Copy it with CREATE TABLE ... AS SELECT, and change the copy.")));
}
