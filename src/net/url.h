/*-------------------------------------------------------------------------
 *
 * url.h
 *		What a URL must look like before anything is sent to it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_URL_H
#define ADSEXPORT_URL_H

#include <stddef.h>

typedef enum UrlCheck
{
	URL_OK,
	URL_MALFORMED,
	URL_NO_MEMORY,      /* there was no memory to find out */
	URL_WRONG_SCHEME,   /* neither https nor http */
	URL_NOT_LOOPBACK,   /* http to another machine */
	URL_HAS_CREDENTIALS /* user or password before the host */
} UrlCheck;

/*
 * https is fine, http only to a loopback address (127.0.0.0/8, ::1,
 * localhost), no matter whether a user or a server wrote the URL.
 */
extern UrlCheck url_check(const char *url);

/* Does the URL's host name a loopback address (by its text alone)? */
extern int url_is_loopback(const char *url);

/*
 * Write the URL without its query, fragment and credentials to output, for
 * messages: the query of a pre-signed URL is a credential.
 */
extern void url_for_message(const char *url, char *output, size_t output_size);

/* Percent-encode text for a query or form value or a path segment; false if it did not fit. */
extern int url_encode(const char *text, char *output, size_t output_size);

#endif /* ADSEXPORT_URL_H */
