/*-------------------------------------------------------------------------
 *
 * fuzz_json_walk.h
 *		Reads a text with all functions of stream/json and writes down what they
 *		say.  Included once for each variant of stream/json.
 *
 *-------------------------------------------------------------------------
 */

/* Write down a value, with all that is below it up to a depth. */
static void
FUZZ_NAME(describe_value)(Bytes *log, const JsonValue *value, int depth)
{
	char line[400];
	JsonCursor cursor;
	StreamError error;
	char *exact;
	char *output;
	size_t output_size;
	size_t output_length = 0;

	snprintf(line, sizeof(line), "%d %d ", value->type, value->escaped);
	append_text(log, line);
	if (value->type == JSON_MISSING)
		return;
	append(log, value->start, value->length);

	/* In memory of its own, without padding. */
	exact = malloc(value->length > 0 ? value->length : 1);
	memcpy(exact, value->start, value->length);
	output_size = json_text_copied_size(exact, value->length);
	if (output_size < 3 * (size_t) value->length)
		output_size = 3 * (size_t) value->length;
	output = malloc(output_size + 1);
	if (value->type == JSON_STRING && !value->escaped)
		for (uint32_t i = 0; i < value->length; i++)
			EXPECT((unsigned char) exact[i] >= ' ' && exact[i] != '\\', "byte %u", i);
	for (int policy = JSON_TEXT_ERROR; policy <= JSON_TEXT_REPLACE; policy++)
	{
		bool done;

		if (value->type == JSON_STRING)
		{
			JsonValue copy = *value;

			copy.start = exact;
			EXPECT(json_string_decoded_size(&copy) <= 3 * (size_t) value->length, "size");
			done = json_string_decode(&copy, (JsonTextPolicy) policy, NULL, output, &output_length,
									  &error);
			json_string_equals(&copy, "a");
		}
		else
		{
			bool valid = json_validate(exact, value->length, &error);

			done = json_text_copy(exact, value->length, (JsonTextPolicy) policy, NULL, output,
								  &output_length, &error);
			EXPECT(valid || !done || policy == JSON_TEXT_REPLACE, "copied, but is not valid");
			EXPECT(!done || json_validate(output, output_length, NULL),
				   "copied, but not valid then");
		}
		snprintf(line, sizeof(line), " [%d %s %d] ", done, error.message, (int) error.offset);
		append_text(log, line);
		if (done)
			append(log, output, output_length);
	}
	free(exact);
	free(output);

	if (depth < 20 && json_cursor_open(&cursor, value))
	{
		JsonValue key;
		JsonValue item;

		while (json_cursor_next(&cursor, &key, &item, &error))
		{
			append_text(log, "(");
			if (value->type == JSON_OBJECT)
				FUZZ_NAME(describe_value)(log, &key, depth + 1);
			FUZZ_NAME(describe_value)(log, &item, depth + 1);
			append_text(log, ")");
		}
		append_text(log, error.message);
	}
}

/*
 * Read text in pieces (or at once) and write down what was found.  If records
 * is given, their texts are collected there, separated by NUL.
 */
static void
FUZZ_NAME(read_text)(const char *const *wanted, int wanted_count, JsonFraming framing,
					 const uint8_t *text, size_t length, bool pieces, Bytes *log)
{
	JsonPaths *paths = json_paths_create();
	JsonReader *reader;
	JsonValue values[32];
	char *buffer = calloc(1, JSON_PADDING);
	size_t filled = 0;
	size_t taken = 0;
	bool last = false;
	StreamStatus status;

	for (int i = 0; i < wanted_count; i++)
		json_paths_add(paths, wanted[i]);
	reader = json_reader_create(paths);
	json_reader_reset(reader, framing);
	log->length = 0;
	do
	{
		size_t consumed;
		char line[400];

		status = json_reader_next(reader, buffer, filled, last, &consumed, values);
		EXPECT(consumed <= filled, "%zu of %zu", consumed, filled);
		if (status == STREAM_RECORD)
		{
			snprintf(line, sizeof(line), "record %d at %d\n", (int) json_reader_records(reader),
					 (int) json_reader_record_offset(reader));
			append_text(log, line);
			for (int i = 0; i < json_paths_count(paths); i++)
			{
				append_text(log, wanted[i]);
				append_text(log, " = ");
				FUZZ_NAME(describe_value)(log, &values[i], 0);
				append_text(log, "\n");
			}
		}
		else if (status == STREAM_NEED_INPUT)
		{
			size_t size = pieces ? fuzz_below(30) : length;
			char *more;

			EXPECT(!last, "needs input after the end");
			if (size > length - taken)
				size = length - taken;
			more = calloc(1, filled - consumed + size + JSON_PADDING);
			memcpy(more, buffer + consumed, filled - consumed);
			memcpy(more + filled - consumed, text + taken, size);
			free(buffer);
			buffer = more;
			filled = filled - consumed + size;
			consumed = 0;
			taken += size;
			last = taken == length;
		}
		else if (status == STREAM_ERROR)
		{
			/* The excerpt in the message depends on what has arrived. */
			const char *message = json_reader_error(reader)->message;
			const char *excerpt = strstr(message, " at \"");

			snprintf(line, sizeof(line), "error %d %.*s\n", json_reader_error(reader)->kind,
					 (int) (excerpt == NULL ? strlen(message) : (size_t) (excerpt - message)),
					 message);
			append_text(log, line);
		}
		else
			append_text(log, "end\n");

		/* Always from the beginning of a buffer of just this size. */
		{
			char *rest = calloc(1, filled - consumed + JSON_PADDING);

			memcpy(rest, buffer + consumed, filled - consumed);
			free(buffer);
			buffer = rest;
			filled -= consumed;
		}
	} while (status != STREAM_END && status != STREAM_ERROR);
	free(buffer);
	json_reader_free(reader);
	json_paths_free(paths);
}
