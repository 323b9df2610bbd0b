/*-------------------------------------------------------------------------
 *
 * reached.c
 *		Which servers this session has reached.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "remote/reached.h"

/* The last ones, by fingerprint: there are few. */
#define MAX_REACHED 64

static uint64 reached[MAX_REACHED];
static int next = 0;

/* The store of downloads is known by the server whose links lead there. */
static uint64
fingerprint_of(ApiCall call, const ForeignOptions *options)
{
	const char *url = call == CALL_TOKEN ? options->token_endpoint : options->endpoint;
	uint64 kind = call == CALL_TOKEN ? 1 : (call == CALL_DOWNLOAD ? 2 : 3);

	return hash_bytes_extended((const unsigned char *) url, strlen(url), kind);
}

bool
reached_before(ApiCall call, const ForeignOptions *options)
{
	uint64 fingerprint = fingerprint_of(call, options);

	for (int i = 0; i < MAX_REACHED; i++)
	{
		if (reached[i] == fingerprint)
			return true;
	}
	return false;
}

void
reached_note(ApiCall call, const ForeignOptions *options)
{
	if (reached_before(call, options))
		return;
	reached[next] = fingerprint_of(call, options);
	next = (next + 1) % MAX_REACHED;
}
