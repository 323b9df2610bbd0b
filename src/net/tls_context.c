/*-------------------------------------------------------------------------
 *
 * tls_context.c
 *		What the TLS library does besides speaking TLS.
 *
 * Which TLS library there is, is libcurl's matter: we are not linked with any.
 * So the functions that are needed are looked up in libcurl and what it was
 * linked with, not in the whole process, where the server may have brought
 * another version of the same library.
 *
 *-------------------------------------------------------------------------
 */
#include "net/tls_context.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* SSL_CTX_set_options and SSL_OP_CLEANSE_PLAINTEXT of OpenSSL since 3.0 */
#define FIRST_WITH_CLEANSING 3
#define CLEANSE_PLAINTEXT ((uint64_t) 1 << 1)

/* SSL_CTX_set_info_callback and others of OpenSSL since 1.1.1 */
#define HANDSHAKE_START 0x10

/* BIO_set_callback_ex, likewise */
#define FREEING 0x01
#define READING 0x02
#define HAS_READ (READING | 0x80)
#define TRY_AGAIN_TO_READ (0x01 | 0x08)

/*
 * A record of TLS takes two reads, so these come to 64 kB: of data, or of some
 * 3,600 session tickets, which take OpenSSL about 20 ms.
 */
#define READS_OF_TURN 8

typedef void Context; /* SSL_CTX */
typedef void Session; /* SSL */
typedef void Channel; /* BIO, from which a session reads */

typedef uint64_t (*SetOptions)(Context *context, uint64_t options);
typedef void (*Informed)(Session *session, int where, int value);
typedef void (*SetInformed)(Context *context, Informed informed);
typedef Channel *(*GetChannel)(const Session *session);
typedef void (*SetSwitch)(Session *session, int on);
typedef long (*Called)(Channel *channel, int operation, const char *data, size_t length, int number,
					   long other, int result, size_t *processed);
typedef void (*SetCalled)(Channel *channel, Called called);
typedef void (*SetMark)(Channel *channel, char *mark);
typedef char *(*GetMark)(const Channel *channel);
typedef void (*SetFlags)(Channel *channel, int flags);

static SetOptions set_options = NULL;
static SetInformed set_informed = NULL;
static GetChannel channel_of = NULL;
static SetSwitch set_read_ahead = NULL;
static SetSwitch set_post_handshake_auth = NULL;
static SetCalled set_called = NULL;
static SetMark set_mark = NULL;
static GetMark mark_of = NULL;
static SetFlags set_flags = NULL;

/* The mark of a channel that is TLS itself. */
static char leads_further;

/* Of this thread. */
static __thread unsigned reads = 0;
static __thread Channel *reading = NULL;

/* Others that come from OpenSSL have names of their own, and may lack these; 0: it is none. */
static long
openssl_version(void)
{
	static const char *const names[] = { "OpenSSL/", "quictls/" };
	const char *library = curl_version_info(CURLVERSION_NOW)->ssl_version;

	for (size_t i = 0; library != NULL && i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(library, names[i], strlen(names[i])) == 0)
			return strtol(library + strlen(names[i]), NULL, 10);
	return 0;
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
	if (version >= FIRST_WITH_CLEANSING)
		set_options = (SetOptions) dlsym(handle, "SSL_CTX_set_options");
	channel_of = (GetChannel) dlsym(handle, "SSL_get_rbio");
	set_called = (SetCalled) dlsym(handle, "BIO_set_callback_ex");
	set_mark = (SetMark) dlsym(handle, "BIO_set_callback_arg");
	mark_of = (GetMark) dlsym(handle, "BIO_get_callback_arg");
	set_flags = (SetFlags) dlsym(handle, "BIO_set_flags");
	set_read_ahead = (SetSwitch) dlsym(handle, "SSL_set_read_ahead");
	set_post_handshake_auth = (SetSwitch) dlsym(handle, "SSL_set_post_handshake_auth");
	if (channel_of != NULL && set_called != NULL && set_mark != NULL && mark_of != NULL &&
		set_flags != NULL && set_read_ahead != NULL && set_post_handshake_auth != NULL)
		set_informed = (SetInformed) dlsym(handle, "SSL_CTX_set_info_callback");
	dlclose(handle); /* it stays: we are linked with it */
}

/*
 * Before a read and after it.  In a turn that has had enough there is nothing
 * to read; that there is more, the socket tells at once.  But it does not tell
 * what TLS to a proxy has decrypted already for TLS within that: so where a
 * read leads to another, only the latter is refused.
 */
static long
count_read(Channel *channel, int operation, const char *data, size_t length, int number, long other,
		   int result, size_t *processed)
{
	(void) data;
	(void) length;
	(void) number;
	(void) other;
	(void) processed;
	if (operation == HAS_READ || operation == FREEING)
		reading = NULL;
	if (operation != READING)
		return result;
	if (reading != NULL)
		set_mark(reading, &leads_further);
	if (mark_of(channel) != &leads_further && reads++ >= READS_OF_TURN)
	{
		set_flags(channel, TRY_AGAIN_TO_READ);
		return -1;
	}
	reading = channel;
	return result;
}

/*
 * Reads are counted, and bring in one record at a time: libcurl since 8.15 would
 * have them bring in several.  Nor is a server to ask for a certificate later,
 * which is slow to be declined: we have none.
 */
static void
furnish_session(Session *session, int where, int value)
{
	Channel *channel = (where & HANDSHAKE_START) != 0 ? channel_of(session) : NULL;

	(void) value;
	if (channel == NULL)
		return;
	set_read_ahead(session, 0);
	set_post_handshake_auth(session, 0);
	set_called(channel, count_read);
}

/* libcurl hands over the context from which it is about to make a connection. */
static CURLcode
furnish_context(CURL *easy, void *context, void *unused)
{
	(void) easy;
	(void) unused;
	if (set_options != NULL)
		set_options(context, CLEANSE_PLAINTEXT);
	if (set_informed != NULL)
		set_informed(context, furnish_session);
	return CURLE_OK;
}

bool
tls_context_furnish(CURL *easy)
{
	static bool looked = false;

	if (!looked)
		find_functions();
	looked = true;
	if (set_options == NULL && set_informed == NULL)
		return true;
	return curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, furnish_context) == CURLE_OK;
}

void
tls_context_begin_turn(void)
{
	reads = 0;
	reading = NULL;
}
