/*-------------------------------------------------------------------------
 *
 * option_text.c
 *		What docs/options.md says of an option's values.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "entity/closed_lists.h"
#include "option/option.h"

static void
append_word(StringInfo text, const char *word)
{
	appendStringInfo(text, "%s`%s`", text->len > 0 ? ", " : "", word);
}

static void
append_words(StringInfo text, const char *const *words, int count)
{
	for (int i = 0; i < count && words[i] != NULL; i++)
		append_word(text, words[i]);
}

/* The regions of each API, as in "`na`, `eu` (Amazon)", or its default alone. */
static void
append_regions(StringInfo text, bool defaults_only)
{
	const Region *region;
	const Region *next;

	for (int i = 0; (region = region_at(i)) != NULL; i++)
	{
		bool first = region == region_by_name(region->api, NULL);

		if (defaults_only && !first)
			continue;
		appendStringInfo(text, "%s`%s`", text->len == 0 ? "" : first ? "; " : ", ", region->name);
		next = region_at(i + 1);
		if (next == NULL || next->api != region->api || defaults_only)
			appendStringInfo(text, " (%s)", api_titles[region->api]);
	}
}

/* A bound as people write it: "1000", "1e15", "30min". */
static char *
bound_text(const Option *option, double bound)
{
	if (option->type == OPTION_DURATION || option->type == OPTION_HOURS)
		return format_duration(bound);
	return bound >= 1e6 ? psprintf("1e%d", (int) rint(log10(bound))) : psprintf("%.0f", bound);
}

char *
option_value_text(const Option *option)
{
	StringInfoData text;

	initStringInfo(&text);
	switch (option->type)
	{
		case OPTION_CHOICE:
			append_words(&text, option->choices, INT_MAX);
			break;
		case OPTION_REGION:
			append_regions(&text, false);
			break;
		case OPTION_ENTITY:
			for (int i = 0; i < entity_count; i++)
				append_word(&text, entities[i]->name);
			break;
		case OPTION_BOOLEAN:
			appendStringInfoString(&text, "boolean");
			break;
		case OPTION_INTEGER:
		case OPTION_NUMBER:
		case OPTION_DURATION:
		case OPTION_HOURS:
			appendStringInfo(&text, "%s to %s%s", bound_text(option, option->minimum),
							 bound_text(option, option->maximum),
							 option->type == OPTION_HOURS ? ", whole hours" : "");
			break;
		case OPTION_PROFILE_IDS:
			appendStringInfo(&text, "ids, comma-separated, at most %d,%03d", MAX_PROFILES / 1000,
							 MAX_PROFILES % 1000);
			break;
		case OPTION_AD_PRODUCTS:
			append_words(&text, value_list(FILTER_AD_PRODUCT)->names,
						 value_list(FILTER_AD_PRODUCT)->count);
			appendStringInfoString(&text, ", comma-separated");
			break;
		case OPTION_URL:
			appendStringInfoString(&text, "URL");
			break;
		case OPTION_FILE:
			appendStringInfoString(&text, "absolute path");
			break;
		case OPTION_PROXY:
			appendStringInfoString(&text, "`[scheme://]host[:port]`, or empty");
			break;
		case OPTION_CREDENTIAL:
		case OPTION_JSON_PATH:
			break;
	}
	return text.data;
}

char *
option_default_text(const Option *option)
{
	StringInfoData text;

	initStringInfo(&text);
	if (option->left_out != NULL)
		appendStringInfoString(&text, option->left_out);
	else if (option->type == OPTION_REGION)
		append_regions(&text, true);
	else if (option->fallback != NULL)
		append_word(&text, option->fallback);
	else
	{
		for (int api = 0; api < API_COUNT; api++)
		{
			if (option->fallback_of_api[api] != NULL)
				appendStringInfo(&text, "%s`%s` (%s)", text.len > 0 ? "; " : "",
								 option->fallback_of_api[api], api_titles[api]);
		}
	}
	return text.data;
}
