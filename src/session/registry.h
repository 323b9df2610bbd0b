/*-------------------------------------------------------------------------
 *
 * registry.h
 *		The exports that this session knows, and the control requests that
 *		make them progress.
 *
 * Outside session/, an export is known only by a use of it: a scan that finds
 * one here must not assume that this backend requested it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_REGISTRY_H
#define ADSEXPORT_REGISTRY_H

#include "postgres.h"

#include "lib/ilist.h"
#include "net/reactor.h"
#include "option/foreign_options.h"
#include "remote/record_origin.h"
#include "session/export_record.h"

/* A use of an export, which stays until it is released. */
typedef struct ExportUse ExportUse;

/* How far along an export is: a consistent copy. */
typedef struct ExportView
{
	ExportPhase phase;
	bool in_progress;  /* at the vendor */
	bool awaits_token; /* if it waits: for a token, else for the vendor */
	bool is_completed; /* although a new link may be on its way */
	bool without_link; /* it is, but its last status had none */
	bool timed_out;    /* it failed because it was too large */
	bool is_read;      /* a scan has begun to read it */
	int64 due;         /* of the next call; monotonic milliseconds */
	int64 in_progress_since;
	int64 took;      /* milliseconds until it was ready; -1: not known */
	int64 file_size; /* compressed bytes; -1: not known */
	int64 polls;
	int64 retries;
	Retry retry;                          /* of what it waits for */
	char shown_id[MESSAGE_MAX_EXPORT_ID]; /* for messages; empty until requested */
	char shown_status[64];                /* the vendor's, for messages */
} ExportView;

/*
 * Use an export of the options' entity for that profile and request body until
 * it is released.  One that is known is used again (*reused) if it was
 * requested in this statement, in this transaction at REPEATABLE READ or above,
 * or at most max_age before the statement began.  Needs options with the user
 * mapping loaded.
 *
 * changed is called whenever something happens to the export, whichever scan
 * is being read: it must not throw, and should do next to nothing.
 */
extern ExportUse *
exports_acquire(const ForeignOptions *options, const char *profile_id, const char *body,
				void (*changed)(void *owner), void *owner, bool *reused);

/* Does not throw; nothing happens if it is NULL. */
extern void exports_release(ExportUse *use);

extern void exports_view(const ExportUse *use, ExportView *view);

/* Why it cannot be had, while its phase is EXPORT_FAILED. */
extern void exports_failure(const ExportUse *use, Failure *failure);

/* The body that it is requested with; valid while it is used. */
extern const char *exports_body(const ExportUse *use);

/* What the export says about its records; valid while it is used, once it is being read. */
extern void exports_tell_origin(const ExportUse *use, RecordOrigin *origin);

/* Rows of it are being read, so that another one must not take its place. */
extern void exports_begin_reading(ExportUse *use);

/*
 * This much more of it was read.  Other sessions are told from time to time, and
 * at once when reading ends; the rest when the use is released.
 */
extern void exports_note_read(ExportUse *use, const ReadAmounts *more, bool over);

/*
 * A link for one download, to be freed with wipe_string.  NULL while there is
 * none: then one is requested (each status call mints one, and each is used
 * once).
 */
extern char *exports_take_link(ExportUse *use);

/* Reactor of all control requests; raises an error if it cannot be had. */
extern Reactor *registry_reactor(void);

/* Part of each feed; zeroed at first. */
typedef struct RegistryAttachment
{
	dlist_node node;
	Oid user_id;
	bool attached;
} RegistryAttachment;

/*
 * A feed attaches for as long as it may wait for control requests.  When the
 * last one detaches, connections and descriptors are given back, unless a
 * request is in progress: its answer (the id of an export) is worth waiting
 * for until the next statement.  Detaching does not throw, and does nothing if
 * it is not attached.
 */
extern void registry_attach(RegistryAttachment *attachment, Oid user_id);
extern void registry_detach(RegistryAttachment *attachment);

/* Is any feed attached, so that one that waits for something else should help it along? */
extern bool registry_in_use(void);

/* reactor_wait_ends for its reactor, if there is one; does not throw. */
extern void registry_end_wait(void);

/* reactor_discount likewise, of the time that has just passed. */
extern void registry_discount(int64 milliseconds);

/*
 * Forget exports, profiles and tokens of users for whom mine returns true: what
 * a feed of theirs may use when it detaches, the rest at once.
 */
extern void registry_forget(bool (*mine)(Oid user_id));

/* Whose export it is, and of what. */
typedef struct ExportAbout
{
	Oid user_id;
	const char *server_name;
	const char *user_name;
	const char *entity;
	const char *profile_id;
	const char *body;
	int sessions;         /* that use it at the moment */
	const int32 *waiting; /* pids of those for which another one drives it */
	int waiting_count;
	int pid; /* of the session that drives it, or last did; 0: it has ended */
} ExportAbout;

/*
 * For each export of this session, newest first; then, with others, for those of
 * other sessions in this database.
 */
extern void
registry_visit(void (*visit)(const ExportAbout *about, const ExportRecord *record, void *argument),
			   void *argument, bool others);

#endif /* ADSEXPORT_REGISTRY_H */
