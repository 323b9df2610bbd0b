/*-------------------------------------------------------------------------
 *
 * amplitude.c
 *		The call of Amplitude's export.
 *
 * Facts: docs/vendors/amplitude-export.md 1.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "net/url.h"
#include "remote/amplitude.h"
#include "remote/hours.h"

Request *
amplitude_start_archive(Reactor *reactor, const ForeignOptions *options, const Entity *entity,
						int64 start_hour, int64 end_hour)
{
	static const char *const headers[] = { "Accept: application/zip, */*", NULL };
	char start[16];
	char end[16];
	char *url;
	RequestOptions request_options = { 0 };
	Request *request;

	if (!hours_format(start_hour, start, sizeof(start)) ||
		!hours_format(end_hour, end, sizeof(end)))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("range of server_upload_time is out of the range of years that "
							   "can be requested")));
	url = psprintf("%s%s?start=%s&end=%s", options->endpoint, entity->path, start, end);
	request_options.method = entity->method;
	request_options.url = url;
	request_options.headers = headers;
	request_options.user = options->api_key;
	request_options.password = options->secret_key;
	foreign_options_for_request(options, &request_options);
	request_options.local = url_is_loopback(options->endpoint);
	/* The archive is built while we wait for the first byte. */
	request_options.response_timeout = (int) Min(options->export_timeout, PG_INT32_MAX);
	request_options.stream = true;
	request = request_start(reactor, &request_options);
	pfree(url);
	return request;
}
