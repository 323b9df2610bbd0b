/*-------------------------------------------------------------------------
 *
 * amazon_ads.c
 *		The calls of Amazon Ads: their URLs, headers and bodies.
 *
 * Facts: docs/vendors/amazon-ads-exports.md 1.1, 1.2 and 2.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "entity/closed_lists.h"
#include "lib/stringinfo.h"
#include "net/url.h"
#include "remote/amazon_ads.h"
#include "remote/message.h"

/* Room for one header line. */
#define HEADER_SIZE (MESSAGE_MAX_TOKEN + 64)

/*-------------------------------------------------------------------------
 * Body of a request
 *-------------------------------------------------------------------------
 */

/* Append "name":["A","B"] for the bits that are set. */
static void
append_filter(StringInfo body, const char *name, ColumnFilter filter, unsigned bits)
{
	const ValueList *list = value_list(filter);
	bool first = true;

	appendStringInfo(body, "%s\"%s\":[", body->len > 1 ? "," : "", name);
	for (int i = 0; i < list->count; i++)
	{
		if (bits & (1u << i))
		{
			appendStringInfo(body, "%s\"%s\"", first ? "" : ",", list->names[i]);
			first = false;
		}
	}
	appendStringInfoChar(body, ']');
}

static void
append_negative_filter(StringInfo body, unsigned negatives)
{
	/* Booleans, although the vendor's published default has strings. */
	appendStringInfo(body, ",\"negativeFilter\":[%s]", (negatives & 1) ? "false" : "true");
}

/*
 * Product and state are always named: without stateFilter the vendor silently
 * leaves out archived records.
 */
char *
amazon_request_body(const Entity *entity, const ExportQuery *query)
{
	StringInfoData body;

	initStringInfo(&body);
	appendStringInfoChar(&body, '{');
	append_filter(&body, "adProductFilter", FILTER_AD_PRODUCT, query->ad_products);
	append_filter(&body, "stateFilter", FILTER_STATE, query->states);
	if (entity->kind == ENTITY_TARGETS)
	{
		if (query->negatives != all_values(FILTER_NEGATIVE))
			append_negative_filter(&body, query->negatives);
		if (query->target_levels != all_values(FILTER_TARGET_LEVEL))
			append_filter(&body, "targetLevelFilter", FILTER_TARGET_LEVEL, query->target_levels);
		if (query->target_type_count >= 0)
		{
			/* Only names that need no escaping get this far. */
			appendStringInfoString(&body, ",\"targetTypeFilter\":[");
			for (int i = 0; i < query->target_type_count; i++)
				appendStringInfo(&body, "%s\"%s\"", i > 0 ? "," : "", query->target_types[i]);
			appendStringInfoChar(&body, ']');
		}
	}
	appendStringInfoChar(&body, '}');
	return body.data;
}

/*-------------------------------------------------------------------------
 * Calls
 *-------------------------------------------------------------------------
 */

static void
common_options(RequestOptions *request_options, const ForeignOptions *options)
{
	memset(request_options, 0, sizeof(*request_options));
	request_options->method = "GET";
	foreign_options_for_request(options, request_options);
	request_options->local = url_is_loopback(options->endpoint);
}

/*
 * Begin a call of the API itself: with the vendor's headers, and with the
 * entity's media type as Accept and Content-Type (a status call needs the type
 * with which the export was requested).
 */
static Request *
start_call(Reactor *reactor, const ForeignOptions *options, const char *method, const char *path,
		   const char *body, const char *media_type, const char *profile_id, const char *token,
		   bool stream)
{
	char *url = psprintf("%s%s", options->endpoint, path);
	char *lines[6];
	const char *headers[7] = { NULL };
	int count = 0;
	RequestOptions request_options;
	Request *request;

	lines[count++] = psprintf("Authorization: Bearer %s", token);
	lines[count++] = psprintf("Amazon-Advertising-API-ClientId: %s", options->client_id);
	if (profile_id != NULL)
		lines[count++] = psprintf("Amazon-Advertising-API-Scope: %s", profile_id);
	lines[count++] = psprintf("Accept: %s", media_type);
	/* Its reader decodes what comes compressed all the same, a bounded amount at a time. */
	if (stream)
		lines[count++] = pstrdup("Accept-Encoding: identity");
	if (body != NULL)
		lines[count++] = psprintf("Content-Type: %s", media_type);
	for (int i = 0; i < count; i++)
		headers[i] = lines[i];

	common_options(&request_options, options);
	request_options.method = method;
	request_options.url = url;
	request_options.headers = headers;
	request_options.body = body;
	request_options.decode = !stream;
	request_options.stream = stream;
	/* Also for a list of profiles, although it is read as it arrives: it must end. */
	request_options.answer_timeout = options->stall_timeout;
	request = request_start(reactor, &request_options);

	explicit_bzero(lines[0], strlen(lines[0]));
	for (int i = 0; i < count; i++)
		pfree(lines[i]);
	pfree(url);
	return request;
}

Request *
amazon_start_request(Reactor *reactor, const ForeignOptions *options, const Entity *entity,
					 const char *profile_id, const char *body, const char *token)
{
	return start_call(reactor, options, entity->method, entity->path, body, entity->media_type,
					  profile_id, token, false);
}

Request *
amazon_start_status(Reactor *reactor, const ForeignOptions *options, const Entity *entity,
					const char *profile_id, const char *export_id, const char *token)
{
	char id[3 * MESSAGE_MAX_EXPORT_ID + 1];
	char path[sizeof(id) + 16];

	/* The id is opaque to us, so it is encoded. */
	url_encode(export_id, id, sizeof(id));
	snprintf(path, sizeof(path), "/exports/%s", id);
	return start_call(reactor, options, "GET", path, NULL, entity->media_type, profile_id, token,
					  false);
}

/* In the form of a campaign export's id, but no export has it. */
#define NO_EXPORT "MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwLEM"

Request *
amazon_start_probe(Reactor *reactor, const ForeignOptions *options, const char *profile_id,
				   const char *token)
{
	return start_call(reactor, options, "GET", "/exports/" NO_EXPORT, NULL,
					  entity_by_name("campaigns")->media_type, profile_id, token, false);
}

/*
 * By default the vendor lists profiles that may be edited. Permission to view
 * campaigns is enough for an export (docs/vendors/amazon-ads-exports.md 2),
 * and permission to edit includes it.
 */
Request *
amazon_start_profiles(Reactor *reactor, const ForeignOptions *options, bool default_list,
					  const char *token)
{
	return start_call(reactor, options, "GET",
					  default_list ? "/v2/profiles"
								   : "/v2/profiles?apiProgram=campaign&accessLevel=view",
					  NULL, "application/json", NULL, token, true);
}

/* The store gets none of our headers: the link is all it needs. */
Request *
amazon_start_download(Reactor *reactor, const ForeignOptions *options, const char *url,
					  uint64 start, const char *etag)
{
	RequestOptions request_options;
	char range[64];
	char if_range[300];
	const char *headers[3] = { NULL };

	common_options(&request_options, options);
	request_options.url = url;
	request_options.stream = true;
	if (start > 0)
	{
		snprintf(range, sizeof(range), "Range: bytes=" UINT64_FORMAT "-", start);
		headers[0] = range;
		/* A weak ETag does not promise the same bytes, and is not allowed here. */
		if (etag[0] == '"')
		{
			snprintf(if_range, sizeof(if_range), "If-Range: %s", etag);
			headers[1] = if_range;
		}
		request_options.headers = headers;
	}
	return request_start(reactor, &request_options);
}
