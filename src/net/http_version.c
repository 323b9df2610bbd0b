/*-------------------------------------------------------------------------
 *
 * http_version.c
 *		Which version of HTTP a transfer asks for.
 *
 *-------------------------------------------------------------------------
 */
#include "net/http_version.h"

#include <strings.h>

/*
 * Before 8.5.0, ConnectionExists of libcurl asks whether a server is known to
 * speak HTTP/2 by any connection to it, and then puts transfers that may share
 * a connection on one that is busy with HTTP/1.1 as well, where they get each
 * other's answers.  It is enough that one other transfer wants HTTP/1.1, or
 * that one of the machines behind a name offers nothing else.
 */
#define FIRST_TO_SHARE_RIGHT 0x080500

/* In the library that is loaded, not in the one that this was built with. */
static bool
can_share(void)
{
	static const curl_version_info_data *curl = NULL;

	if (curl == NULL)
		curl = curl_version_info(CURLVERSION_NOW);
	return curl->version_num >= FIRST_TO_SHARE_RIGHT && (curl->features & CURL_VERSION_HTTP2) != 0;
}

bool
http_version_choose(CURL *easy, const char *url, bool may_share)
{
	bool shares = may_share && strncasecmp(url, "https:", 6) == 0 && can_share();

	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
					 shares ? (long) CURL_HTTP_VERSION_2TLS : (long) CURL_HTTP_VERSION_1_1);
	/* Wait for a handshake and share that connection rather than make another one. */
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, shares ? 1L : 0L);
	return shares;
}
