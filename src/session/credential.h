/*-------------------------------------------------------------------------
 *
 * credential.h
 *		Access tokens of Login with Amazon, kept for the session.
 *
 * One Credential stands for one set of credentials, shared by everything that
 * uses it. It is found by its content, so a changed user mapping simply leads
 * to another one.  Tokens live for an hour and are refreshed a minute early
 * (docs/vendors/amazon-ads-exports.md 2).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_CREDENTIAL_H
#define ADSEXPORT_CREDENTIAL_H

#include "net/reactor.h"
#include "option/foreign_options.h"
#include "remote/answer.h"
#include "remote/message.h"

typedef struct Credential Credential;

typedef enum CredentialState
{
	CREDENTIAL_PENDING, /* being refreshed, or waiting to be */
	CREDENTIAL_READY,
	CREDENTIAL_FAILED
} CredentialState;

/* Find or make; lives as long as the session, or until it is marked as changed. */
extern Credential *credential_get(const ForeignOptions *options);

/*
 * A token is needed now: begin to refresh it if there is no valid one. An
 * earlier failure is forgotten.
 */
extern void credential_want(Credential *credential);
extern CredentialState credential_state(const Credential *credential);

/* Only while READY; valid until the next step. */
extern const char *credential_token(const Credential *credential);
extern const Failure *credential_failure(const Credential *credential);

/* The attempts to get a token. */
extern const Retry *credential_retry(const Credential *credential);

/*
 * Likewise in two steps, for a caller that wants to see what happens and keeps
 * nothing. Returns NULL with the failure set if it cannot be started.
 */
extern Request *
credential_start_refresh(Reactor *reactor, const ForeignOptions *options, Failure *failure);

/*
 * Judge such a request that has ended.  On ACTION_SUCCESS the message holds a
 * token; wipe it.  old_token (or NULL) must not be shown, either.
 */
extern void credential_judge_refresh(const Request *request, const ForeignOptions *options,
									 const char *old_token, Answer *answer, TokenMessage *message);

/* A server rejected this token: it must not be used again. */
extern void credential_reject(Credential *credential, const char *token);

/*
 * Which list of profiles to request: at first that of all profiles that may be
 * viewed; if that is empty, the vendor's default.
 */
extern bool credential_lists_default(const Credential *credential);

/* The list is empty: should another one be requested before that is believed? */
extern bool credential_list_otherwise(Credential *credential);

/* Let all of them make progress; returns when something is due next. */
extern int64 credential_step_all(Reactor *reactor, int64 now);

/*
 * A user mapping changed (0: any may have): mark its credentials, which are no
 * longer found then, and forget the marked ones, except those of users for whom
 * is_held returns true: a feed may use them. Neither throws.
 */
extern void credential_mark_changed(uint32 mapping_hash);
extern bool credential_has_changed(const Credential *credential);
extern void credential_forget_changed(bool (*is_held)(Oid user_id));

/* Mark those of the users for whom mine returns true. */
extern void credential_mark_forgotten(bool (*mine)(Oid user_id));

/*
 * The statement is over: what it could not get, the next one requests again.
 * Does not throw.
 */
extern void credential_settle(void);

/* Is a refresh in progress? */
extern bool credential_any_request(void);

#endif /* ADSEXPORT_CREDENTIAL_H */
