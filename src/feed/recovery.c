/*-------------------------------------------------------------------------
 *
 * recovery.c
 *		What is done about a download that did not bring what it should.
 *
 * Here it is decided whether it is requested again, from where, or which error
 * it is.  Nothing waits here; the decision shows in the part's phase.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "feed/part_end.h"
#include "feed/recovery.h"
#include "remote/foreign_text.h"
#include "session/credential.h"
#include "stream/crc32.h"

/*-------------------------------------------------------------------------
 * Answers without content
 *-------------------------------------------------------------------------
 */

/*
 * The remote no longer has what was partly read: whatever it would send now
 * would be something else.
 */
static void
raise_vanished(const ExportFeed *feed, FeedPart *part)
{
	feed_fail_changed(feed, part,
					  psprintf("the download broke after " UINT64_FORMAT
							   " records, and the server now says that there are none",
							   part->delivered));
}

void
count_retry(ExportFeed *feed, FeedPart *part)
{
	feed->counters.retries++;
	part->retries++;
}

void
handle_download_answer(ExportFeed *feed, FeedPart *part, Answer *answer)
{
	const ForeignOptions *options = feed->options;

	switch (answer->action)
	{
		case ACTION_EMPTY:
			if (part->delivered > 0)
				raise_vanished(feed, part);
			part->empty = true;
			report_end(feed, part, "empty", NULL);
			feed->api->remember(feed, part);
			close_transfer(part);
			part->phase = PART_DONE;
			return;
		case ACTION_REMINT_URL:
			/*
			 * The first link may have been stale; if another is refused, too,
			 * give the store time.
			 */
			if (part->reminted)
			{
				answer->action = ACTION_RETRY;
				if (!retry_allowed(&part->retry, answer, part->call, options, &part->due))
					break;
			}
			part->reminted = true;
			count_retry(feed, part);
			close_transfer(part);
			part->phase = PART_WAITING;
			return;
		case ACTION_REAUTHENTICATE:
			if (part->reauthenticated || options->access_token != NULL)
				break;
			part->reauthenticated = true;
			count_retry(feed, part);
			credential_reject(credential_get(options), part->token);
			close_transfer(part);
			part->phase = PART_WAITING;
			return;
		case ACTION_SPLIT:
			if (feed->api->split != NULL && feed->api->split(feed, part, answer))
			{
				count_retry(feed, part);
				close_transfer(part);
				part->phase = PART_WAITING;
				return;
			}
			pg_fallthrough;
		default:
			if (!retry_allowed(&part->retry, answer, part->call, options, &part->due))
				break;
			count_retry(feed, part);
			close_transfer(part);
			part->phase = PART_WAITING;
			return;
	}
	feed_fail_part(feed, part, &answer->failure);
}

/*-------------------------------------------------------------------------
 * Content that is not right
 *-------------------------------------------------------------------------
 */

static int
sqlstate_of_stream_error(StreamErrorKind kind)
{
	switch (kind)
	{
		case STREAM_ERROR_TOO_LARGE:
			return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		case STREAM_ERROR_OUT_OF_MEMORY:
			return ERRCODE_OUT_OF_MEMORY;
		default:
			return ERRCODE_FDW_ERROR;
	}
}

/*
 * After this much progress (bytes), earlier attempts no longer count: a
 * connection that always breaks after a few packets is given up, one that
 * breaks now and then is not.
 */
#define WORTHWHILE_PROGRESS ((uint64) 64 * 1024)

/*
 * Records up to that position were handed out: note which, so that the rest
 * can be read from another download.  False if that is not possible.
 */
static bool
note_delivered(ExportFeed *feed, FeedPart *part, RecordPosition position, Answer *answer)
{
	if (!feed->api->rereadable || !position.known)
		return false;
	/* The beginning of an entry that has brought nothing yet is not needed. */
	if (position.inside && position.offset > 0)
		delivered_entries_note(feed->delivered, record_stream_entry(feed->records), position.offset,
							   position.crc, false);
	if (!delivered_entries_is_complete(feed->delivered))
	{
		failure_add_detail(
			&answer->failure,
			"The download cannot be resumed, because more than %d of its files were already "
			"read, or hundreds of them have the same name.",
			DELIVERED_MAX_ENTRIES);
		failure_set_hint(&answer->failure, "Ask for fewer hours at a time with request_span of "
										   "the server.");
		return false;
	}
	feed->counters.bytes_downloaded += bytes_of_transfer(part);
	feed->counters.bytes_inflated += record_stream_bytes(feed->records);
	/*
	 * Blocks may be full of data that is never handed out: without a record
	 * there is no progress.
	 */
	if (part->delivered > part->delivered_before &&
		record_stream_bytes(feed->records) >= WORTHWHILE_PROGRESS)
		memset(&part->retry, 0, sizeof(Retry));
	part->delivered_before = part->delivered;
	feed->broken = part;
	return true;
}

/*
 * The content of the current part cannot be read to its end.  If the answer's
 * action says so, it is tried again, provided that nothing of it was handed
 * out or that what was can be skipped.
 */
static void
handle_broken_content(ExportFeed *feed, FeedPart *part, RecordPosition position, Answer *answer)
{
	end_read_ahead(part);
	if (part->delivered > 0 && answer->action == ACTION_RETRY &&
		!note_delivered(feed, part, position, answer))
		answer->action = ACTION_FAIL_NETWORK;
	feed->current = NULL;
	part->resume_from = 0;
	handle_download_answer(feed, part, answer);
}

/* What to say and do about content that is not right. */
static void
judge_content(const ExportFeed *feed, const FeedPart *part, const StreamError *error, bool is_json,
			  Answer *answer)
{
	const char *entry = record_stream_entry(feed->records);
	Subject subject;
	ForeignText message;
	ForeignText entry_shown;

	/* It may quote what the server sent. */
	foreign_text(&message, error->message, feed->options, NULL);
	foreign_text(&entry_shown, entry != NULL ? entry : "", feed->options, NULL);
	feed->api->subject(part, &subject);
	answer->action = error->kind == STREAM_ERROR_TRUNCATED || error->kind == STREAM_ERROR_CORRUPT
						 ? ACTION_RETRY
						 : ACTION_FAIL_REQUEST;
	answer->retry_after = -1;
	failure_set(&answer->failure, sqlstate_of_stream_error(error->kind), "read an export", "%s",
				message.text);
	failure_add_detail(&answer->failure,
					   "%s: the problem is after record " UINT64_FORMAT ", at byte " UINT64_FORMAT
					   " of the %s content%s%s.",
					   subject.text, part->delivered, error->offset,
					   is_json ? "inflated" : "downloaded",
					   entry_shown.text[0] != '\0' ? ", archive entry " : "", entry_shown.text);
	if (error->kind == STREAM_ERROR_CHANGED)
		failure_set_hint(&answer->failure, "Run the query again.");
}

/* Likewise for content that is not an export at all. */
static void
judge_foreign(const ExportFeed *feed, const FeedPart *part, const ForeignContent *content,
			  Answer *answer)
{
	Subject subject;
	ForeignText words;

	feed->api->subject(part, &subject);
	answer->action = content->may_heal ? ACTION_RETRY : ACTION_FAIL_REQUEST;
	answer->retry_after = -1;
	failure_set(&answer->failure, ERRCODE_FDW_ERROR, "read an export",
				"what the server sent is not %s", feed->api->content_name);
	foreign_body_words(&words, (const char *) content->head.bytes, content->head.length,
					   content->inflated, feed->options, part->token);
	failure_add_detail(&answer->failure, "%s: it is %s.", subject.text, words.text);
	if (part->coding == CODING_UNKNOWN)
	{
		answer->action = ACTION_FAIL_REQUEST;
		failure_add_detail(&answer->failure, "Its Content-Encoding cannot be decoded.");
	}
	failure_set_hint(&answer->failure, "It may come from a proxy or gateway on the way: see the "
									   "option proxy of the server, or try again later.");
}

/* Is there more than the length to verify it by? */
static bool
has_checksum(const ExportFeed *feed, const FeedPart *part)
{
	return feed->api->packing == PACKED_ZIP || part->is_gzip;
}

void
handle_stream_error(ExportFeed *feed, FeedPart *part, const StreamError *error, bool is_json,
					RecordPosition position, ContentState state)
{
	ForeignContent content;
	Answer answer;

	if (part->delivered == 0 && is_json == (feed->api->packing == PACKED_GZIP) &&
		content_is_foreign(&feed->head, part->coding, feed->api->packing, &content))
		judge_foreign(feed, part, &content, &answer);
	else
	{
		judge_content(feed, part, error, is_json, &answer);
		/* If the checksum matches, another download will not be any better. */
		if (state == CONTENT_VERIFIED && answer.action == ACTION_RETRY &&
			(part->delivered > 0 || has_checksum(feed, part)))
			answer.action = ACTION_FAIL_REQUEST;
	}
	part->from_spool = false;
	handle_broken_content(feed, part, position, &answer);
}

/*-------------------------------------------------------------------------
 * Is it what the remote sent?
 *-------------------------------------------------------------------------
 */

void
begin_verifying(ExportFeed *feed, FeedPart *part, bool about_value, bool may_go_on)
{
	Doubt *doubt = &feed->doubt;

	doubt->about_value = about_value;
	doubt->may_go_on = may_go_on;
	doubt->error = *record_stream_error(feed->records);
	doubt->position = record_stream_position(feed->records, about_value);
	doubt->began = record_stream_bytes(feed->records);
	part->phase = PART_VERIFYING;
}

/*
 * At most this much is read on in search of a checksum (inflated bytes).  The
 * user is waiting for an error meanwhile, and the end of a file of gigabytes
 * is too far away to wait for only to know what to blame.
 */
#define VERIFY_AT_MOST ((uint64) 64 * 1024 * 1024)

/*
 * Look for the end of what has a checksum, an archive's entry or the whole
 * file, to see whether it is what the remote sent.  The records passed over are
 * lost.
 */
ContentState
verify_content(const ExportFeed *feed)
{
	switch (record_stream_verify(feed->records))
	{
		case STREAM_END:
			return CONTENT_VERIFIED;
		case STREAM_ERROR:
			return CONTENT_CORRUPT;
		default:
			break;
	}
	return record_stream_bytes(feed->records) - feed->doubt.began > VERIFY_AT_MOST
			   ? CONTENT_UNKNOWN
			   : CONTENT_PENDING;
}

bool
conclude_verifying(ExportFeed *feed, FeedPart *part, ContentState state)
{
	const Doubt *doubt = &feed->doubt;
	const StreamError *error = record_stream_error(feed->records);
	Answer answer;

	part->phase = PART_READABLE;
	if (!doubt->about_value)
	{
		/* Bytes that were corrupted look like bad JSON first. */
		handle_stream_error(feed, part, state == CONTENT_CORRUPT ? error : &doubt->error,
							state != CONTENT_CORRUPT, doubt->position, state);
		return false;
	}
	if (state != CONTENT_CORRUPT)
		return true;
	part->delivered--;
	feed->counters.records--;
	judge_content(feed, part, error, false, &answer);
	if (!doubt->may_go_on && answer.action == ACTION_RETRY)
		answer.action = ACTION_FAIL_NETWORK;
	part->from_spool = false;
	handle_broken_content(feed, part, doubt->position, &answer);
	return false;
}

/*-------------------------------------------------------------------------
 * Transfers that end too early, or too late
 *-------------------------------------------------------------------------
 */

/*
 * The size of the file according to the status of its export; -1 if none was
 * given, or if what arrived is not the file itself.
 */
static int64
announced_size(const ExportFeed *feed, const FeedPart *part)
{
	if (feed->api->file_size == NULL || part->from_spool || !part->is_gzip)
		return -1;
	/* A store may name the file's own compression as a coding. */
	if (part->coding != CODING_NONE && unpacker_is_gzip_inside(feed->unpacker))
		return -1;
	return feed->api->file_size(part);
}

/* Bytes of the part's file that have arrived, wherever the current transfer began. */
static int64
bytes_received(const FeedPart *part)
{
	return (int64) bytes_of_transfer(part) + (part->from_start ? 0 : (int64) part->resume_from);
}

bool
handle_wrong_length(ExportFeed *feed, FeedPart *part, bool at_end)
{
	int64 announced = announced_size(feed, part);
	int64 received = bytes_received(part);
	Subject subject;
	Answer answer = { ACTION_RETRY, -1, { 0 } };

	if (announced < 0 || (at_end ? received == announced : received <= announced))
		return false;
	/* Before a record was read, the end of the answer may still reveal more. */
	if (!at_end && part->delivered == 0)
		return false;
	feed->api->subject(part, &subject);
	failure_set(&answer.failure, ERRCODE_FDW_ERROR, "read an export",
				"the download has " INT64_FORMAT
				" bytes, but the status of the export announced " INT64_FORMAT,
				received, announced);
	failure_add_detail(&answer.failure, "%s.", subject.text);
	handle_broken_content(feed, part, record_stream_position(feed->records, false), &answer);
	return true;
}

/* Note how far the broken transfer got, to resume there. */
static void
note_position(ExportFeed *feed, FeedPart *part)
{
	uint64 received = request_bytes_received(part->request);
	uint64 before = part->resume_from;

	feed->counters.bytes_downloaded += received;
	part->bytes_downloaded += received;
	if (part->skip_left > 0)
		return; /* it did not even get as far as before */
	part->resume_checksum = part->from_start
								? request_checksum(part->request)
								: stream_crc32_combine(part->resume_checksum,
													   request_checksum(part->request), received);
	part->resume_from = part->from_start ? received : part->resume_from + received;
	if (part->resume_from >= before + WORTHWHILE_PROGRESS)
		memset(&part->retry, 0, sizeof(Retry));
}

void
handle_broken_transfer(ExportFeed *feed, FeedPart *part)
{
	Subject subject;
	RequestResult result;
	Answer answer;

	end_read_ahead(part);
	request_result(part->request, &result);
	feed->api->subject(part, &subject);
	answer_judge(&answer, part->call, &result, subject.text, feed->options, part->token);
	failure_add_detail(&answer.failure,
					   "The connection broke after " UINT64_FORMAT " bytes and " UINT64_FORMAT
					   " records.",
					   request_bytes_received(part->request), part->delivered);
	if (part->delivered > 0 && feed->api->resumable && answer.action == ACTION_RETRY)
	{
		note_position(feed, part);
		part->reminted = false;
		feed->current = NULL;
		feed->broken = part;
		handle_download_answer(feed, part, &answer);
		return;
	}
	handle_broken_content(feed, part, record_stream_position(feed->records, false), &answer);
}
