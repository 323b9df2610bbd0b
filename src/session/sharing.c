/*-------------------------------------------------------------------------
 *
 * sharing.c
 *		What this session's exports have to do with other sessions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "net/clock.h"
#include "option/row_version.h"
#include "session/sharing.h"
#include "utils/syscache.h"

/* Leases are renewed at these intervals (milliseconds), well before they expire. */
#define RENEW_AFTER 500

/* Those that are shared, as long as they have users or are not over. */
static dlist_head shared = DLIST_STATIC_INIT(shared);
static int64 renewed = 0;
static bool keeps_any = false; /* leases; set when one is got, too */

static bool
is_shared(const Export *export)
{
	return export->sharing.ref.serial != 0;
}

static bool
is_over(const ExportRecord *record)
{
	return record->completed_at != 0 || record->phase == EXPORT_FAILED;
}

bool
sharing_follows(const Export *export)
{
	return is_shared(export) && !export->sharing.driving && !is_over(&export->record);
}

/*
 * An export that this session no longer needs is followed to its end if it is
 * in progress, but not requested: that is left to others.
 */
static bool
is_of_no_use(const Export *export)
{
	return export->users == 0 &&
		   (is_over(&export->record) || (export->sharing.driving && export->work.request == NULL &&
										 export->record.phase == EXPORT_QUEUED));
}

/*-------------------------------------------------------------------------
 * What is the same for another session
 *-------------------------------------------------------------------------
 */

/*
 * After a server or user mapping changes, earlier entries are no longer found,
 * no matter when each session learns of the change.
 */
static SharedKey
shared_key_of(const Export *export)
{
	const ForeignOptions *options = export->options;
	uint64 numbers[9] = { MyDatabaseId, options->server_id, options->mapping_id, options->user_id,
						  export->entity->kind };
	const char *texts[] = { options->endpoint,       export->profile_id,   export->body,
							options->token_endpoint, options->client_id,   options->client_secret,
							options->refresh_token,  options->access_token };

	row_version(FOREIGNSERVEROID, options->server_id, &numbers[5]);
	row_version(USERMAPPINGOID, options->mapping_id, &numbers[7]);
	return shared_key(numbers, lengthof(numbers), texts, lengthof(texts));
}

/* For adsexport_exports(); false if it is too long. */
static bool
describe(const Export *export, SharedExportAbout *about)
{
	const ForeignOptions *options = export->options;

	memset(about, 0, sizeof(*about));
	about->database_id = MyDatabaseId;
	about->mapping_id = options->mapping_id;
	about->user_id = options->user_id;
	strlcpy(NameStr(about->server_name), options->server_name, NAMEDATALEN);
	strlcpy(NameStr(about->user_name), options->user_name, NAMEDATALEN);
	strlcpy(about->entity, export->entity->name, sizeof(about->entity));
	return strlcpy(about->profile_id, export->profile_id, sizeof(about->profile_id)) <
			   sizeof(about->profile_id) &&
		   strlcpy(about->body, export->body, sizeof(about->body)) < sizeof(about->body);
}

/*
 * An id that is shown differently from what it is may contain a secret, and
 * links are for one session only. What failed here alone is left to others.
 */
static bool
may_be_told(const Export *export)
{
	return strcmp(export->record.id, export->record.shown_id) == 0 &&
		   !export->work.failure_is_own && !export->work.failure_shows_link;
}

/*-------------------------------------------------------------------------
 * Using one
 *-------------------------------------------------------------------------
 */

static void
end_of_session(void)
{
	while (!dlist_is_empty(&shared))
		sharing_leave(dlist_head_element(Export, sharing.node, &shared));
}

static void
register_end(void)
{
	static bool registered = false;

	if (!registered)
		shared_memory_at_exit(end_of_session);
	registered = true;
}

/* Its record is another one now.  For those who use it, counting goes on from here. */
static void
go_on_counting(Export *export, int64 polls, int64 retries)
{
	export->polls_elsewhere += polls - export->record.polls;
	export->retries_elsewhere += retries - export->record.retries;
}

bool
sharing_begin(Export *export, Moment oldest, uint64 refused)
{
	SharedExportAbout about;
	int64 polls = export->record.polls;
	int64 retries = export->record.retries;
	bool found;

	sharing_leave(export);
	export->sharing.pid = MyProcPid;
	if (!shared_memory_available() || export->work.credential == NULL ||
		!describe(export, &about) || !may_be_told(export))
		return false;
	register_end();
	if (refused == 0)
		export->sharing.key = shared_key_of(export);
	if (!shared_exports_join(&export->sharing.ref, &export->sharing.key, &about, oldest, refused,
							 &export->record, &found))
		return false;
	go_on_counting(export, polls, retries);
	export->sharing.serial = export->sharing.ref.serial;
	export->sharing.driving = !found;
	keeps_any |= !found;
	export->sharing.pid = export->sharing.ref.pid;
	dlist_push_tail(&shared, &export->sharing.node);
	return found;
}

void
sharing_use(Export *export)
{
	if (is_shared(export))
		shared_exports_use(&export->sharing.ref);
}

void
sharing_unuse(Export *export)
{
	if (!is_shared(export))
		return;
	if (is_of_no_use(export))
	{
		sharing_leave(export);
		return;
	}
	shared_exports_unuse(&export->sharing.ref);
	/* Whoever waits for it is to drive it. The answer to a request for it is worth having first. */
	if (export->sharing.driving && !is_over(&export->record) &&
		export->record.phase != EXPORT_REQUESTING)
		shared_exports_yield(&export->sharing.ref);
}

void
sharing_leave(Export *export)
{
	if (!is_shared(export))
		return;
	shared_exports_leave(&export->sharing.ref);
	export->sharing.driving = false;
	dlist_delete(&export->sharing.node);
}

/*-------------------------------------------------------------------------
 * Following
 *-------------------------------------------------------------------------
 */

/* It is this session's now; so is its place at the vendor, if it has one. */
static void
take_over(Export *export, const SharedPlace *place)
{
	const ForeignOptions *options = export->options;
	JobPool pool = { options->endpoint, options->client_id, export->entity->name };

	/*
	 * Should there be no memory for these, the lease is not renewed, and it is
	 * taken over again. A token that could not be had is not asked for once
	 * more, or each of many sessions would do so in turn.
	 */
	if (export->work.credential != NULL &&
		credential_state(export->work.credential) != CREDENTIAL_FAILED)
		credential_want(export->work.credential);
	jobs_adopt(&export->place, &pool, place, monotonic_milliseconds() + options->export_timeout);
	/* That another session's token was refused says nothing about this one's. */
	export->work.reauthenticated = false;
	export->sharing.driving = keeps_any = true;
	export->sharing.pid = MyProcPid;
}

/*
 * Another export took its entry.  If it has not been requested yet, all
 * sessions affected share one request: the entry's present export was requested
 * later.  Otherwise it continues alone with what is known.
 */
static void
go_on_without(Export *export)
{
	sharing_leave(export);
	export->sharing.pid = MyProcPid;
	if (export->record.phase == EXPORT_REQUESTING)
	{
		export->record.phase = EXPORT_QUEUED;
		export->record.due = 0;
	}
	else if (export->record.phase == EXPORT_POLLING)
		export->record.phase = EXPORT_IN_PROGRESS;
	if (export->record.phase == EXPORT_QUEUED && export->users > 0)
		sharing_begin(export, 0, export->sharing.serial);
}

bool
sharing_look(Export *export, bool wait)
{
	int64 polls = export->record.polls;
	int64 retries = export->record.retries;
	SharedPlace place;
	SharedExportState state =
		shared_exports_look(&export->sharing.ref, wait, &export->record, &place);

	/* What was done last before another session took it over was not told. */
	go_on_counting(export, Max(polls, export->record.polls), Max(retries, export->record.retries));
	switch (state)
	{
		case SHARED_EXPORT_SAME:
			return false;
		case SHARED_EXPORT_CHANGED:
			export->sharing.pid = export->sharing.ref.pid;
			break;
		case SHARED_EXPORT_TAKEN:
			take_over(export, &place);
			break;
		case SHARED_EXPORT_GONE:
			go_on_without(export);
			break;
	}
	return true;
}

/*-------------------------------------------------------------------------
 * Driving
 *-------------------------------------------------------------------------
 */

/* Another session has it. */
static void
lose(Export *export)
{
	export->sharing.driving = false;
	export_drop_request(export);
	jobs_release(&export->place);
	export->sharing.ref.version = 0;
	sharing_look(export, export->users > 0);
}

bool
sharing_may_act(Export *export)
{
	if (!is_shared(export) || !export->sharing.driving)
		return true;
	if (shared_exports_keep(&export->sharing.ref))
		return true;
	lose(export);
	return false;
}

/* What failed here alone. */
static void
leave_to_others(Export *export)
{
	ExportRecord left = export->record;

	memset(&left.failure, 0, sizeof(left.failure));
	left.phase = export->work.left_in;
	left.due = export->work.left_until;
	shared_exports_publish(&export->sharing.ref, &left, jobs_shared_place(&export->place));
	/* The vendor goes on counting it; whoever takes it over adopts its place. */
	if (left.id[0] != '\0')
		jobs_abandon(&export->place);
	sharing_leave(export);
}

void
sharing_tell(Export *export)
{
	if (!export->sharing.driving)
		return;
	if (export->work.failure_is_own)
		leave_to_others(export);
	else if (!may_be_told(export))
		sharing_leave(export);
	else if (!shared_exports_publish(&export->sharing.ref, &export->record,
									 jobs_shared_place(&export->place)))
		lose(export);
	else if (is_of_no_use(export))
		sharing_leave(export);
	else if (is_over(&export->record))
		export->sharing.driving = false;
}

int64
sharing_keep_all(int64 now)
{
	dlist_iter iter;

	if (now - renewed < RENEW_AFTER)
		return keeps_any ? renewed + RENEW_AFTER : REACTOR_NEVER;
	renewed = now;
	keeps_any = false;
	dlist_foreach(iter, &shared)
	{
		const Export *export = dlist_container(Export, sharing.node, iter.cur);

		/* Without credentials nothing is done for it any more. */
		if (!export->sharing.driving || export->work.credential == NULL)
			continue;
		/* If another session drives it, that is noticed before anything is done for it. */
		shared_exports_keep(&export->sharing.ref);
		keeps_any = true;
	}
	return keeps_any ? now + RENEW_AFTER : REACTOR_NEVER;
}

void
sharing_yield_all(void)
{
	dlist_iter iter;

	renewed = 0;
	dlist_foreach(iter, &shared)
	{
		const Export *export = dlist_container(Export, sharing.node, iter.cur);

		if (export->sharing.driving)
			shared_exports_yield(&export->sharing.ref);
	}
}
