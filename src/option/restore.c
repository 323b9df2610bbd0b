/*-------------------------------------------------------------------------
 *
 * restore.c
 *		Hints for a restore that fills a materialized view.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"

#include "tcop/cmdtag.h"
#include "tcop/pquery.h"
#include "utils/guc.h"
#include "utils/portal.h"

#include "option/restore.h"

bool
is_refresh(void)
{
	return ActivePortal != NULL && ActivePortal->commandTag == CMDTAG_REFRESH_MATERIALIZED_VIEW;
}

const char *
with_restore_hint(const char *hint)
{
	/* Every dump begins by turning this off, and hardly anything else does. */
	if (check_function_bodies || !is_refresh())
		return hint;
	return psprintf("%s%sA restore can do without: leave the entries MATERIALIZED VIEW DATA out "
					"(pg_restore -L), and run REFRESH MATERIALIZED VIEW later.",
					hint, hint[0] != '\0' ? " " : "");
}
