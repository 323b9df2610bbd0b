/*-------------------------------------------------------------------------
 *
 * tls_memory.c
 *		What the TLS library keeps of what was received.
 *
 * Which TLS library there is, is libcurl's matter: we are not linked with any.
 * So the functions that are needed are looked up in libcurl and what it was
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

/* SSL_CTX_set_options and SSL_OP_CLEANSE_PLAINTEXT of OpenSSL since 3.0 */
typedef uint64_t (*SetOptions)(void *context, uint64_t options);
#define FIRST_WITH_OPTION 3
#define CLEANSE_PLAINTEXT ((uint64_t) 1 << 1)

/*
 * SSL_CTX_ctrl, SSL_CTRL_CLEAR_MODE and SSL_MODE_AUTO_RETRY of any OpenSSL: for
 * as long as messages that are not data come, reading does not return.
 */
typedef long (*Control)(void *context, int command, long argument, void *pointer);
#define CLEAR_MODE 78
#define AUTO_RETRY 4L

static SetOptions set_options = NULL;
static Control control = NULL;

/* Others that come from OpenSSL have names of their own, and may lack these; 0: it is none. */
static long
openssl_version(void)
{
	const char *library = curl_version_info(CURLVERSION_NOW)->ssl_version;

	return library != NULL && strncmp(library, NAME, strlen(NAME)) == 0
			   ? strtol(library + strlen(NAME), NULL, 10)
			   : 0;
}

static void
find_functions(void)
{
	long version = openssl_version();
	Dl_info curl;
	void *handle;

	if (version == 0 || dladdr((void *) curl_easy_init, &curl) == 0)
		return;
	handle = dlopen(curl.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
	if (handle == NULL)
		return;
	if (version >= FIRST_WITH_OPTION)
		set_options = (SetOptions) dlsym(handle, "SSL_CTX_set_options");
	control = (Control) dlsym(handle, "SSL_CTX_ctrl");
	dlclose(handle); /* it stays: we are linked with it */
}

/*
 * libcurl hands over the context from which it is about to make a connection.
 * When reading returns early, the socket tells that there is more; but not
 * what TLS around it has decrypted already.
 */
static CURLcode
furnish_context(CURL *easy, void *context, void *nested)
{
	(void) easy;
	if (set_options != NULL)
		set_options(context, CLEANSE_PLAINTEXT);
	if (control != NULL && nested == NULL)
		control(context, CLEAR_MODE, AUTO_RETRY, NULL);
	return CURLE_OK;
}

bool
tls_memory_furnish(CURL *easy, bool nested)
{
	static bool looked = false;

	if (!looked)
		find_functions();
	looked = true;
	if (set_options == NULL && control == NULL)
		return true;
	return curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, furnish_context) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, nested ? easy : NULL) == CURLE_OK;
}
