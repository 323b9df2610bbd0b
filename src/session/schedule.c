/*-------------------------------------------------------------------------
 *
 * schedule.c
 *		Which export to look at, and when.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "session/durations.h"
#include "session/schedule.h"
#include "session/sharing.h"
#include "utils/memutils.h"

/*
 * How long an export may take about which nothing is known
 * (docs/vendors/amazon-ads-exports.md 1.6; milliseconds).
 */
#define UNKNOWN_DURATION ((int64) 15 * 60 * 1000)

/*
 * A place is held this long for a request that waits for a token or for the
 * vendor (milliseconds).
 */
#define UNSENT_PLACE 10000

/* Exports that the vendor counts together, and that wait for a place, in the order of asking. */
typedef struct ExportQueue
{
	dlist_node node;
	const Entity *entity;
	char *endpoint;
	char *client_id;
	dlist_head waiting;
	uint32 turns; /* how many were requested */
} ExportQueue;

/*
 * Exports that other sessions drive are looked at this often (milliseconds),
 * since their driver may be busy with something else; we are woken for
 * changes.
 */
#define LOOK_AGAIN 200

static dlist_head queues = DLIST_STATIC_INIT(queues);
static dlist_head requesting = DLIST_STATIC_INIT(requesting);
static dlist_head without_token = DLIST_STATIC_INIT(without_token);
static dlist_head following = DLIST_STATIC_INIT(following);
static int64 look_due = 0;      /* when these are looked at, unless this session is woken before */
static uint64 looked_after = 0; /* this many wakes */
static pairingheap *alarms = NULL;

/* Of those that have an alarm, the ones of which it was not known how long they take. */
static dlist_head guessing = DLIST_STATIC_INIT(guessing);

/* The earliest first. */
static int
compare_alarms(const pairingheap_node *a, const pairingheap_node *b, void *argument)
{
	int64 first = pairingheap_const_container(Export, alarm_node, a)->alarm;
	int64 second = pairingheap_const_container(Export, alarm_node, b)->alarm;

	return first < second ? 1 : (first > second ? -1 : 0);
}

static void
leave(Export *export)
{
	if (export->guesses)
		dlist_delete(&export->guess_node);
	export->guesses = false;
	if (export->station == STATION_ALARM)
		pairingheap_remove(alarms, &export->alarm_node);
	else if (export->station != STATION_NONE)
		dlist_delete(&export->station_node);
	export->station = STATION_NONE;
}

static void
stand_by_alarm(Export *export, int64 due)
{
	leave(export);
	export->alarm = due;
	export->station = STATION_ALARM;
	pairingheap_add(alarms, &export->alarm_node);
	export->guesses = export->record.is_unexpected;
	if (export->guesses)
		dlist_push_tail(&guessing, &export->guess_node);
}

/* That export is ready: others of its kind may be, too. */
static void
look_at_others(const Export *ready, int64 now)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &guessing)
	{
		Export *export = dlist_container(Export, guess_node, iter.cur);

		if (export->entity == ready->entity &&
			strcmp(export->options->endpoint, ready->options->endpoint) == 0 &&
			export_expect(export, now))
			stand_by_alarm(export, export->record.due);
	}
}

static void
stand_in(Export *export, ExportStation station, dlist_head *list)
{
	leave(export);
	export->station = station;
	dlist_push_tail(list, &export->station_node);
}

/* Queues are few and small, and kept. */
static ExportQueue *
queue_of(const Export *export)
{
	const ForeignOptions *options = export->options;
	ExportQueue *queue;
	dlist_iter iter;

	dlist_foreach(iter, &queues)
	{
		queue = dlist_container(ExportQueue, node, iter.cur);
		if (queue->entity == export->entity && strcmp(queue->endpoint, options->endpoint) == 0 &&
			strcmp(queue->client_id, options->client_id) == 0)
			return queue;
	}
	queue = MemoryContextAllocZero(TopMemoryContext, sizeof(ExportQueue));
	queue->entity = export->entity;
	queue->endpoint = MemoryContextStrdup(TopMemoryContext, options->endpoint);
	queue->client_id = MemoryContextStrdup(TopMemoryContext, options->client_id);
	dlist_init(&queue->waiting);
	dlist_push_tail(&queues, &queue->node);
	return queue;
}

static void
stand_in_queue(Export *export)
{
	dlist_head *waiting = &queue_of(export)->waiting;

	leave(export);
	export->station = STATION_QUEUE;
	/* One that was requested before asked before the others. */
	if (export->record.requests > 0)
		dlist_push_head(waiting, &export->station_node);
	else
		dlist_push_tail(waiting, &export->station_node);
}

static void
tell_users(Export *export)
{
	dlist_iter iter;

	dlist_foreach(iter, &export->uses)
	{
		ExportUse *use = dlist_container(ExportUse, node, iter.cur);

		use->changed(use->owner);
	}
}

/*
 * When it will surely be over, even if nobody requests its status any more:
 * twice as long as usual, and longer than the pauses of a driver.
 */
static int64
likely_over(const Export *export)
{
	const ForeignOptions *options = export->options;
	bool own;
	int64 expected = durations_expected(options->endpoint, export->entity, DURATIONS_ANY_BODY,
										export->profile_id, &own);

	return monotonic_milliseconds() + (expected >= 0 ? 2 * expected : UNKNOWN_DURATION) +
		   4 * (int64) options->poll_interval_max + 5000;
}

/*
 * Put it where it belongs now, if it has something to do at that time
 * (REACTOR_NEVER: not known).
 */
static void
settle(Export *export, int64 due, int64 now)
{
	if (sharing_follows(export))
	{
		if (export->users == 0)
			leave(export);
		else if (export->station != STATION_FOLLOWING)
		{
			stand_in(export, STATION_FOLLOWING, &following);
			look_due = 0;
		}
	}
	else if (export->work.request != NULL)
		stand_in(export, STATION_REQUESTING, &requesting);
	else if (export->record.phase == EXPORT_QUEUED)
	{
		/* A place in the queue is given up when the export has no users any more. */
		if (export->users == 0)
			leave(export);
		else if (Max(export->record.due, due == REACTOR_NEVER ? 0 : due) > now)
			stand_by_alarm(export, Max(export->record.due, due == REACTOR_NEVER ? 0 : due));
		else if (export->station != STATION_QUEUE)
			stand_in_queue(export);
	}
	else if (due != REACTOR_NEVER)
		stand_by_alarm(export, due);
	else if (export_wants_status(export) && export->work.credential != NULL)
		stand_in(export, STATION_WITHOUT_TOKEN, &without_token);
	else
		leave(export);
	if (!export_record_is_in_progress(&export->record) && export->station != STATION_QUEUE)
		jobs_release(&export->place);
	else if (export->work.credential == NULL || !jobs_is_held(&export->place))
	{
		/* If its user mapping changed, its status cannot be asked for: the place lapses at the time set. */
		return;
	}
	else if (export->record.id[0] != '\0')
		jobs_keep(&export->place, likely_over(export));
	else if (export->work.request != NULL)
		jobs_expect(&export->place, likely_over(export));
}

/*
 * Do what is due, unless another session has taken it over. An export that was
 * lost at the vendor after it was completed is requested again once, for all
 * sessions, if it is still wanted here.
 */
static int64
step_alone(Export *export, Reactor *reactor, int64 now, bool may_request)
{
	bool was_completed = export->record.completed_at != 0;
	int64 due;

	if (!sharing_may_act(export))
		return REACTOR_NEVER;
	due = export_step(export, reactor, now, may_request);
	if (!was_completed && export->record.completed_at != 0)
		look_at_others(export, now);
	if (was_completed && export->record.completed_at == 0 && export->users > 0)
		sharing_begin(export, export->record.requested, export->sharing.serial);
	sharing_tell(export);
	return due;
}

/* Likewise, and then put it where it belongs. */
static void
step(Export *export, Reactor *reactor, int64 now)
{
	bool had_no_token = export->station == STATION_WITHOUT_TOKEN;
	int64 due = step_alone(export, reactor, now, false);

	settle(export, due, now);
	/* If it still has none, nothing has changed: its users would look again without a pause. */
	if (!had_no_token || export->station != STATION_WITHOUT_TOKEN)
		tell_users(export);
}

/* Put it where it belongs, going by its record alone. */
static void
settle_anew(Export *export)
{
	settle(export, export->record.phase == EXPORT_QUEUED ? REACTOR_NEVER : export->record.due, 0);
}

void
schedule_prepare(const Export *export)
{
	(void) queue_of(export);
	if (alarms == NULL)
	{
		MemoryContext old_context = MemoryContextSwitchTo(TopMemoryContext);

		alarms = pairingheap_allocate(compare_alarms, NULL);
		MemoryContextSwitchTo(old_context);
	}
}

void
schedule_export(Export *export)
{
	/* One that waits for something has its place already. */
	if (export->station == STATION_NONE)
		settle_anew(export);
}

void
schedule_refresh(Export *export)
{
	if (!(sharing_follows(export) ? sharing_look(export, false) : !sharing_may_act(export)))
		return;
	settle_anew(export);
	tell_users(export);
}

void
schedule_unused(Export *export)
{
	if (sharing_follows(export))
		leave(export);
	else if (export->record.phase == EXPORT_QUEUED && export->work.request == NULL)
	{
		leave(export);
		jobs_release(&export->place);
	}
	sharing_unuse(export);
}

void
schedule_forget(Export *export)
{
	leave(export);
	/* The vendor goes on counting it; whoever takes it over adopts its place, so that comes first. */
	if (export_record_is_in_progress(&export->record))
		jobs_abandon(&export->place);
	sharing_leave(export);
	jobs_release(&export->place);
}

bool
schedule_any_request(void)
{
	return !dlist_is_empty(&requesting);
}

static void
step_requesting(Reactor *reactor, int64 now)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &requesting)
	{
		Export *export = dlist_container(Export, station_node, iter.cur);

		if (request_state(export->work.request) >= REQUEST_DONE)
			step(export, reactor, now);
	}
}

static Export *
first_alarm(void)
{
	if (alarms == NULL || pairingheap_is_empty(alarms))
		return NULL;
	return pairingheap_container(Export, alarm_node, pairingheap_first(alarms));
}

static void
step_alarms(Reactor *reactor, int64 now)
{
	Export *export;

	while ((export = first_alarm()) != NULL && export->alarm <= now)
	{
		leave(export);
		step(export, reactor, now);
	}
}

/* Look at those without a token, which may be there by now. */
static void
step_without_token(Reactor *reactor, int64 now)
{
	Export *last;

	if (dlist_is_empty(&without_token))
		return;
	last = dlist_tail_element(Export, station_node, &without_token);
	for (;;)
	{
		Export *export = dlist_head_element(Export, station_node, &without_token);

		/* Those that still have none go to the end. */
		step(export, reactor, now);
		if (export == last)
			break;
	}
}

/*
 * What have the drivers reported, and is one of them gone?  Not at each event
 * of this session, which may follow thousands.
 */
static void
step_following(int64 now)
{
	uint64 wakes = shared_session_wakes();
	dlist_mutable_iter iter;

	if (wakes == looked_after && now < look_due)
		return;
	looked_after = wakes;
	look_due = now + LOOK_AGAIN;
	dlist_foreach_modify(iter, &following)
	{
		Export *export = dlist_container(Export, station_node, iter.cur);

		if (!sharing_look(export, true))
			continue;
		if (export->record.completed_at != 0)
			look_at_others(export, now);
		settle_anew(export);
		tell_users(export);
	}
}

/* Give free places to those that have waited longest; returns when to try again. */
static int64
step_queue(ExportQueue *queue, Reactor *reactor, int64 now)
{
	while (!dlist_is_empty(&queue->waiting))
	{
		Export *export = dlist_head_element(Export, station_node, &queue->waiting);
		JobPool pool = { queue->endpoint, queue->client_id, queue->entity->name };
		int64 due;

		if (!jobs_reserve(&export->place, &pool, export->options->max_jobs,
						  now + export->options->export_timeout))
			return now + JOBS_ASK_AGAIN;
		export->record.turn = queue->turns;
		due = step_alone(export, reactor, now, true);
		/*
		 * The token is not there yet, or the vendor wants to be left alone:
		 * that holds for all of them.
		 */
		if (!sharing_follows(export) && export->record.phase == EXPORT_QUEUED &&
			export->work.request == NULL && export->record.due <= now)
		{
			/* If this session rests now, the place is not held for long. */
			jobs_expect(&export->place, now + UNSENT_PLACE);
			return due;
		}
		queue->turns++;
		settle(export, due, now);
		tell_users(export);
	}
	return REACTOR_NEVER;
}

/* A request that could not even be set up is over, and no event will report that. */
static bool
is_any_over(void)
{
	dlist_iter iter;

	dlist_foreach(iter, &requesting)
	{
		const Export *export = dlist_container(Export, station_node, iter.cur);

		if (request_state(export->work.request) >= REQUEST_DONE)
			return true;
	}
	return false;
}

int64
schedule_step(Reactor *reactor, int64 now)
{
	int64 due = REACTOR_NEVER;
	dlist_iter iter;

	sharing_keep_all(now);
	/* In this order: what ends makes places free. */
	step_following(now);
	step_requesting(reactor, now);
	step_alarms(reactor, now);
	step_without_token(reactor, now);
	dlist_foreach(iter, &queues)
	{
		int64 next = step_queue(dlist_container(ExportQueue, node, iter.cur), reactor, now);

		due = Min(due, next);
	}
	if (first_alarm() != NULL)
		due = Min(due, first_alarm()->alarm);
	/* Some may have become this session's in the meantime, others another's. */
	due = Min(due, sharing_keep_all(now));
	if (!dlist_is_empty(&following))
		due = Min(due, Max(look_due, now));
	return is_any_over() ? now : due;
}
