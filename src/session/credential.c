/*-------------------------------------------------------------------------
 *
 * credential.c
 *		Access tokens of Login with Amazon, kept for the session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "lib/ilist.h"
#include "net/url.h"
#include "option/option.h"
#include "remote/answer.h"
#include "remote/foreign_text.h"
#include "remote/throttle.h"
#include "session/credential.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/* Refresh this long before a token expires, so that it outlives a request. */
#define REFRESH_EARLY 60000

/* The lifetime of a token for which none is given. */
#define DEFAULT_LIFETIME 3600

/*
 * A token is used for at least this long, whatever its lifetime is said to be:
 * otherwise one with no lifetime would be requested over and over. If it
 * really has expired, the API answers 401.
 */
#define SHORTEST_USE 10000

struct Credential
{
	dlist_node node;
	MemoryContext context;
	const ForeignOptions *options; /* what the refresh needs */
	uint32 mapping_hash;
	bool changed;  /* the mapping has changed since */
	bool given;    /* the mapping has an access_token */
	char *token;   /* NULL: none */
	int64 expires; /* monotonic milliseconds */
	bool wanted;
	Request *request;
	Retry retry;
	int64 due; /* not before, when a refresh is repeated */
	Failure failure;
	bool lists_default;
};

static dlist_head credentials = DLIST_STATIC_INIT(credentials);

Credential *
credential_get(const ForeignOptions *options)
{
	dlist_iter iter;
	MemoryContext context;
	Credential *credential;

	dlist_foreach(iter, &credentials)
	{
		credential = dlist_container(Credential, node, iter.cur);
		if (!credential->changed && option_same_account(credential->options, options))
			return credential;
	}

	context =
		AllocSetContextCreate(TopMemoryContext, "adsexport_fdw credential", ALLOCSET_SMALL_SIZES);
	credential = MemoryContextAllocZero(context, sizeof(Credential));
	credential->context = context;
	credential->options = foreign_options_keep(options, context);
	credential->mapping_hash =
		GetSysCacheHashValue1(USERMAPPINGOID, ObjectIdGetDatum(options->mapping_id));
	credential->given = options->access_token != NULL;
	if (credential->given)
		credential->token = MemoryContextStrdup(context, options->access_token);
	credential->expires = REACTOR_NEVER;
	dlist_push_head(&credentials, &credential->node);
	return credential;
}

static bool
has_valid_token(const Credential *credential)
{
	return credential->token != NULL && monotonic_milliseconds() < credential->expires;
}

void
credential_want(Credential *credential)
{
	if (credential->request != NULL || credential->wanted)
		return;
	credential->failure.sqlstate = 0;
	if (has_valid_token(credential))
		return;
	memset(&credential->retry, 0, sizeof(credential->retry));
	credential->due = 0;
	credential->wanted = true;
	if (credential->given)
	{
		/* It was rejected, and there is nothing with which to get another one. */
		credential->wanted = false;
		failure_set(&credential->failure, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
					"get an access token", "the access_token of the user mapping was refused");
		failure_set_hint(&credential->failure,
						 "Set a new one with ALTER USER MAPPING ... SERVER %s OPTIONS (SET "
						 "access_token '...'), or give client_secret and refresh_token instead, "
						 "which do not expire.",
						 quote_identifier(credential->options->server_name));
	}
}

CredentialState
credential_state(const Credential *credential)
{
	if (credential->failure.sqlstate != 0)
		return CREDENTIAL_FAILED;
	return has_valid_token(credential) ? CREDENTIAL_READY : CREDENTIAL_PENDING;
}

const char *
credential_token(const Credential *credential)
{
	return credential->token;
}

const Failure *
credential_failure(const Credential *credential)
{
	return &credential->failure;
}

const Retry *
credential_retry(const Credential *credential)
{
	return &credential->retry;
}

void
credential_reject(Credential *credential, const char *token)
{
	if (credential->token != NULL && token != NULL && strcmp(credential->token, token) == 0)
		wipe_string(&credential->token);
}

bool
credential_lists_default(const Credential *credential)
{
	return credential->lists_default;
}

bool
credential_list_otherwise(Credential *credential)
{
	bool other = !credential->lists_default;

	credential->lists_default = true;
	return other;
}

/* Append name=value to a form; false if there is no room. */
static bool
add_form_value(char *form, size_t size, const char *name, const char *value)
{
	size_t used = strlen(form);
	int written = snprintf(form + used, size - used, "%s%s=", used > 0 ? "&" : "", name);

	if (written < 0 || used + written >= size)
		return false;
	return url_encode(value, form + used + written, size - used - written);
}

Request *
credential_start_refresh(Reactor *reactor, const ForeignOptions *options, Failure *failure)
{
	static const char *const headers[] = { "Content-Type: application/x-www-form-urlencoded",
										   "Accept: application/json", NULL };
	char form[4 * MESSAGE_MAX_TOKEN] = "grant_type=refresh_token";
	RequestOptions request_options = { 0 };
	Request *request;

	if (!add_form_value(form, sizeof(form), "client_id", options->client_id) ||
		!add_form_value(form, sizeof(form), "refresh_token", options->refresh_token) ||
		!add_form_value(form, sizeof(form), "client_secret", options->client_secret))
	{
		failure_set(failure, ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE, "get an access token",
					"the credentials of the user mapping are too long");
		explicit_bzero(form, sizeof(form));
		return NULL;
	}
	request_options.method = "POST";
	request_options.url = options->token_endpoint;
	request_options.headers = headers;
	request_options.body = form;
	request_options.decode = true;
	foreign_options_for_request(options, &request_options);
	request_options.local = url_is_loopback(options->token_endpoint);
	request_options.answer_timeout = options->stall_timeout;
	throttle_begin(CALL_TOKEN, options, monotonic_milliseconds());
	request = request_start(reactor, &request_options);
	explicit_bzero(form, sizeof(form));
	if (request == NULL)
		failure_set(failure, ERRCODE_OUT_OF_MEMORY, "get an access token", "out of memory");
	return request;
}

static void
begin_refresh(Credential *credential, Reactor *reactor)
{
	credential->request =
		credential_start_refresh(reactor, credential->options, &credential->failure);
	if (credential->request == NULL)
		credential->wanted = false;
}

static int64
usable_time(int64 lifetime)
{
	if (lifetime < 0)
		lifetime = DEFAULT_LIFETIME;
	return Max(Max(lifetime * 1000 - REFRESH_EARLY, lifetime * 500), SHORTEST_USE);
}

/*
 * A good answer without a token: show its error text if it has one, but never
 * its body, which may contain a token.
 */
static void
judge_no_token(const RequestResult *result, const ForeignOptions *options, const char *old_token,
			   const TokenMessage *message, const char *subject, Answer *answer)
{
	ForeignText text;

	answer->action = message->refused ? ACTION_FAIL_CREDENTIALS : ACTION_RETRY;
	answer->retry_after = -1;
	failure_set(&answer->failure,
				message->refused ? ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION : ERRCODE_FDW_ERROR,
				"get an access token", "the answer holds no access token");
	if (message->error_text[0] != '\0')
		failure_add_detail(&answer->failure, "%s: HTTP status %d, and the server says \"%s\".",
						   subject, result->status,
						   foreign_text(&text, message->error_text, options, old_token));
	else
		failure_add_detail(&answer->failure, "%s: HTTP status %d with %zu bytes.", subject,
						   result->status, result->length);
	if (message->refused)
		failure_set_hint(&answer->failure,
						 "Check client_id, client_secret and refresh_token of the user mapping on "
						 "server %s.",
						 quote_identifier(options->server_name));
}

void
credential_judge_refresh(const Request *request, const ForeignOptions *options,
						 const char *old_token, Answer *answer, TokenMessage *message)
{
	char subject[NAMEDATALEN + 32];
	RequestResult result;

	request_result(request, &result);
	snprintf(subject, sizeof(subject), "Server %s", quote_identifier(options->server_name));
	answer_judge(answer, CALL_TOKEN, &result, subject, options, NULL);
	if (answer->action == ACTION_SUCCESS &&
		!message_parse_token(result.body, result.length, message))
		judge_no_token(&result, options, old_token, message, subject, answer);
}

static void
end_refresh(Credential *credential)
{
	const ForeignOptions *options = credential->options;
	Answer answer;
	TokenMessage message;

	credential_judge_refresh(credential->request, options, credential->token, &answer, &message);
	if (answer.action == ACTION_SUCCESS)
	{
		wipe_string(&credential->token);
		credential->token = MemoryContextStrdup(credential->context, message.access_token);
		credential->expires = monotonic_milliseconds() + usable_time(message.expires_in);
		credential->wanted = false;
	}
	explicit_bzero(&message, sizeof(message));
	request_free(credential->request);
	credential->request = NULL;
	if (credential->wanted &&
		!retry_allowed(&credential->retry, &answer, CALL_TOKEN, options, &credential->due))
	{
		credential->failure = answer.failure;
		credential->wanted = false;
	}
}

int64
credential_step_all(Reactor *reactor, int64 now)
{
	int64 due = REACTOR_NEVER;
	dlist_iter iter;

	dlist_foreach(iter, &credentials)
	{
		Credential *credential = dlist_container(Credential, node, iter.cur);

		if (credential->request != NULL && request_state(credential->request) >= REQUEST_DONE)
			end_refresh(credential);
		if (credential->wanted && credential->request == NULL)
		{
			int64 next = Max(credential->due, throttle_due(CALL_TOKEN, credential->options, now));

			if (next <= now)
				begin_refresh(credential, reactor);
			else
				due = Min(due, next);
			/* A request that could not even be set up is over, and no event will report that. */
			if (credential->request != NULL && request_state(credential->request) >= REQUEST_DONE)
				due = now;
		}
	}
	return due;
}

static void
forget_one(Credential *credential)
{
	dlist_delete(&credential->node);
	request_free(credential->request);
	wipe_string(&credential->token);
	MemoryContextDelete(credential->context);
}

void
credential_mark_changed(uint32 mapping_hash)
{
	dlist_iter iter;

	dlist_foreach(iter, &credentials)
	{
		Credential *credential = dlist_container(Credential, node, iter.cur);

		if (mapping_hash == 0 || credential->mapping_hash == mapping_hash)
			credential->changed = true;
	}
}

bool
credential_has_changed(const Credential *credential)
{
	return credential->changed;
}

void
credential_forget_changed(bool (*is_held)(Oid user_id))
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &credentials)
	{
		Credential *credential = dlist_container(Credential, node, iter.cur);

		if (credential->changed && !is_held(credential->options->user_id))
			forget_one(credential);
	}
}

void
credential_mark_forgotten(bool (*mine)(Oid user_id))
{
	dlist_iter iter;

	dlist_foreach(iter, &credentials)
	{
		Credential *credential = dlist_container(Credential, node, iter.cur);

		if (mine(credential->options->user_id))
			credential->changed = true;
	}
}

void
credential_settle(void)
{
	dlist_iter iter;

	dlist_foreach(iter, &credentials)
	{
		Credential *credential = dlist_container(Credential, node, iter.cur);

		if (credential->request != NULL && request_was_not_made(credential->request))
		{
			request_free(credential->request);
			credential->request = NULL;
			credential->wanted = false;
		}
		credential->failure.sqlstate = 0;
		/* The next one has as many tries, also where this one was cancelled between two. */
		memset(&credential->retry, 0, sizeof(credential->retry));
	}
}

bool
credential_any_request(void)
{
	dlist_iter iter;

	dlist_foreach(iter, &credentials)
	{
		if (dlist_container(Credential, node, iter.cur)->request != NULL)
			return true;
	}
	return false;
}
