/*-------------------------------------------------------------------------
 *
 * url.c
 *		What a URL must look like before anything is sent to it.
 *
 * It is parsed by libcurl, so that what is checked is what it would connect
 * to.
 *
 *-------------------------------------------------------------------------
 */
#include "net/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

static bool
host_is_loopback(const char *host)
{
	char bare[64];
	size_t length = strlen(host);
	struct in_addr address;
	struct in6_addr address6;

	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (length >= 2 && length < sizeof(bare) && host[0] == '[' && host[length - 1] == ']')
	{
		memcpy(bare, host + 1, length - 2);
		bare[length - 2] = '\0';
		return inet_pton(AF_INET6, bare, &address6) == 1 && IN6_IS_ADDR_LOOPBACK(&address6);
	}
	return inet_pton(AF_INET, host, &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

/*
 * The part's text, to be freed with curl_free, or NULL: there is none, or memory
 * is short, which sets *no_memory if that is given.
 */
static char *
url_part(CURLU *parsed, CURLUPart part, bool *no_memory)
{
	char *text = NULL;
	CURLUcode code = curl_url_get(parsed, part, &text, 0);

	if (code == CURLUE_OUT_OF_MEMORY && no_memory != NULL)
		*no_memory = true;
	return code == CURLUE_OK ? text : NULL;
}

/* NULL, with errno ENOMEM if memory is short, or 0 if it is not a URL. */
static CURLU *
parse(const char *url)
{
	CURLU *parsed = curl_url();
	CURLUcode code = CURLUE_OUT_OF_MEMORY;

	if (parsed != NULL)
		code = curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
	if (code == CURLUE_OK)
		return parsed;
	curl_url_cleanup(parsed);
	errno = code == CURLUE_OUT_OF_MEMORY ? ENOMEM : 0;
	return NULL;
}

UrlCheck
url_check(const char *url)
{
	CURLU *parsed = parse(url);
	UrlCheck result = URL_MALFORMED;
	bool no_memory = false;
	char *scheme;
	char *host;
	char *user;
	char *password;

	if (parsed == NULL)
		return errno == ENOMEM ? URL_NO_MEMORY : URL_MALFORMED;
	scheme = url_part(parsed, CURLUPART_SCHEME, &no_memory);
	host = url_part(parsed, CURLUPART_HOST, &no_memory);
	user = url_part(parsed, CURLUPART_USER, &no_memory);
	password = url_part(parsed, CURLUPART_PASSWORD, &no_memory);
	if (no_memory)
		result = URL_NO_MEMORY;
	else if (scheme != NULL && host != NULL && host[0] != '\0')
	{
		if (strcasecmp(scheme, "https") != 0 && strcasecmp(scheme, "http") != 0)
			result = URL_WRONG_SCHEME;
		else if (user != NULL || password != NULL)
			result = URL_HAS_CREDENTIALS;
		else if (strcasecmp(scheme, "http") == 0 && !host_is_loopback(host))
			result = URL_NOT_LOOPBACK;
		else
			result = URL_OK;
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(user);
	curl_free(password);
	curl_url_cleanup(parsed);
	return result;
}

int
url_is_loopback(const char *url)
{
	CURLU *parsed = parse(url);
	char *host;
	bool result;

	if (parsed == NULL)
		return false;
	host = url_part(parsed, CURLUPART_HOST, NULL);
	result = host != NULL && host_is_loopback(host);
	curl_free(host);
	curl_url_cleanup(parsed);
	return result;
}

void
url_for_message(const char *url, char *output, size_t output_size)
{
	CURLU *parsed = parse(url);
	char *scheme;
	char *host;
	char *path;

	snprintf(output, output_size, "(malformed URL)");
	if (parsed == NULL)
	{
		/* What is not a URL may contain anything, but a path contains no password. */
		if (url[0] == '/' && url[1] != '/')
			snprintf(output, output_size, "%.*s", (int) strcspn(url, "?#"), url);
		return;
	}
	scheme = url_part(parsed, CURLUPART_SCHEME, NULL);
	host = url_part(parsed, CURLUPART_HOST, NULL);
	path = url_part(parsed, CURLUPART_PATH, NULL);
	if (scheme != NULL && host != NULL)
		snprintf(output, output_size, "%s://%s%s", scheme, host, path != NULL ? path : "/");
	curl_free(scheme);
	curl_free(host);
	curl_free(path);
	curl_url_cleanup(parsed);
}

int
url_encode(const char *text, char *output, size_t output_size)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t length = 0;

	for (; *text != '\0'; text++)
	{
		unsigned char byte = (unsigned char) *text;
		bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
					 (byte >= '0' && byte <= '9') || strchr("-._~", byte) != NULL;

		if (length + (plain ? 1 : 3) >= output_size)
			return false;
		if (plain)
			output[length++] = (char) byte;
		else
		{
			output[length++] = '%';
			output[length++] = digits[byte >> 4];
			output[length++] = digits[byte & 15];
		}
	}
	if (output_size == 0)
		return false;
	output[length] = '\0';
	return true;
}
