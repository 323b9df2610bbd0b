/*-------------------------------------------------------------------------
 *
 * tls_memory.c
 *		What the TLS library keeps of what was received.
 *
 * Which TLS library there is, is libcurl's matter: we are not linked with any.
 * So the one function that is needed is looked up in libcurl and what it was
 * linked with, not in the whole process, where the server may have brought
 * another version of the same library.
 *
 *-------------------------------------------------------------------------
 */
#include "net/tls_memory.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NAME "OpenSSL/"
#define FIRST_VERSION 3

/* SSL_CTX_set_options and SSL_OP_CLEANSE_PLAINTEXT of OpenSSL since 3.0 */
typedef uint64_t (*SetOptions)(void *context, uint64_t options);
#define CLEANSE_PLAINTEXT ((uint64_t) 1 << 1)

static SetOptions set_options = NULL;

/* Others that come from OpenSSL have names of their own, and lack the option. */
static bool
has_option(void)
{
	const char *library = curl_version_info(CURLVERSION_NOW)->ssl_version;

	return library != NULL && strncmp(library, NAME, strlen(NAME)) == 0 &&
		   strtol(library + strlen(NAME), NULL, 10) >= FIRST_VERSION;
}

static SetOptions
find_set_options(void)
{
	Dl_info curl;
	void *handle;
	SetOptions found;

	if (!has_option() || dladdr((void *) curl_easy_init, &curl) == 0)
		return NULL;
	handle = dlopen(curl.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
	if (handle == NULL)
		return NULL;
	found = (SetOptions) dlsym(handle, "SSL_CTX_set_options");
	dlclose(handle); /* it stays: we are linked with it */
	return found;
}

/* libcurl hands over the context from which it is about to make a connection. */
static CURLcode
furnish_context(CURL *easy, void *context, void *unused)
{
	(void) easy;
	(void) unused;
	set_options(context, CLEANSE_PLAINTEXT);
	return CURLE_OK;
}

bool
tls_memory_wipe(CURL *easy)
{
	static bool looked = false;

	if (!looked)
		set_options = find_set_options();
	looked = true;
	return set_options == NULL ||
		   curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, furnish_context) == CURLE_OK;
}
