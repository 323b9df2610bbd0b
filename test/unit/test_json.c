/*-------------------------------------------------------------------------
 *
 * test_json.c
 *		Unit tests of stream/json.
 *
 * Compiled twice: as test_json with the byte-parallel steps of this machine,
 * as test_json_portable with those for any machine.
 *
 *-------------------------------------------------------------------------
 */
#include "check.h"
#include "stream/json.h"
#include "stream/json_path.h"

#define MAX_SLOTS 32

/*
 * A copy of text in memory of its own with just the padding behind it, so that
 * sanitizers see a step too far.
 */
static char *
padded(const char *text, size_t length)
{
	char *copy = malloc(length + JSON_PADDING);

	if (length > 0)
		memcpy(copy, text, length);
	memset(copy + length, 0, JSON_PADDING);
	return copy;
}

static const char *const type_names[] = { "missing", "null",   "false", "true",
										  "number",  "string", "array", "object" };

/* type:text of a value, as the tests write it down */
static const char *
describe(const JsonValue *value)
{
	static char text[4096];

	if (value->type == JSON_MISSING)
		return "missing";
	snprintf(text, sizeof(text), "%s%s:%.*s", value->escaped ? "escaped " : "",
			 type_names[value->type], (int) value->length, value->start);
	return text;
}

/*
 * Read all records of text, handed in pieces of the given size (0: at once;
 * negative: of random size up to it), appending a line for each slot of each
 * record and one for the end to result.
 */
static void
read_all(JsonReader *reader, JsonFraming framing, const char *text, size_t length, int piece,
		 int slots, Bytes *result)
{
	JsonValue values[MAX_SLOTS];
	char *buffer = padded("", 0);
	size_t filled = 0;
	size_t taken = 0;
	uint64_t dropped = 0;
	bool last = false;

	result->length = 0;
	json_reader_reset(reader, framing);
	for (;;)
	{
		size_t consumed = 99999;
		StreamStatus status = json_reader_next(reader, buffer, filled, last, &consumed, values);

		if (status == STREAM_ERROR)
		{
			char line[320];
			const StreamError *error = json_reader_error(reader);

			snprintf(line, sizeof(line), "error %d: %s\n", error->kind, error->message);
			append_text(result, line);
			CHECK(json_reader_next(reader, buffer, filled, last, &consumed, values) ==
				  STREAM_ERROR);
			break;
		}
		if (!CHECK(consumed <= filled))
			break;
		if (status == STREAM_RECORD)
		{
			for (int i = 0; i < slots; i++)
			{
				append_text(result, i == 0 ? "" : " | ");
				if (values[i].type != JSON_MISSING)
					CHECK(values[i].start >= buffer &&
						  values[i].start + values[i].length <= buffer + consumed);
				append_text(result, describe(&values[i]));
			}
			append_text(result, "\n");
			CHECK(text[json_reader_record_offset(reader)] == '{');
			CHECK(json_reader_record_offset(reader) >= dropped);
		}
		/* Drop what was consumed, into a buffer of its own again. */
		{
			char *rest = padded(buffer + consumed, filled - consumed);

			free(buffer);
			buffer = rest;
			filled -= consumed;
			dropped += consumed;
		}
		if (status == STREAM_END)
		{
			CHECK(last);
			CHECK_NUMBER(filled, 0);
			append_text(result, "end\n");
			break;
		}
		if (status == STREAM_NEED_INPUT)
		{
			size_t size = piece == 0  ? length
						  : piece > 0 ? (size_t) piece
									  : random_below((uint32_t) -piece + 1);
			char *more;

			if (!CHECK(!last))
				break;
			if (size > length - taken)
				size = length - taken;
			more = malloc(filled + size + JSON_PADDING);
			memcpy(more, buffer, filled);
			memcpy(more + filled, text + taken, size);
			memset(more + filled + size, 0, JSON_PADDING);
			free(buffer);
			buffer = more;
			filled += size;
			taken += size;
			/* Sometimes the end is only known after the last byte. */
			last = taken == length && (piece >= 0 || size == 0);
		}
	}
	free(buffer);
	append(result, "", 1);
	result->length--;
}

static JsonPaths *
make_paths(const char *list, int *slots)
{
	JsonPaths *paths = json_paths_create();
	char copy[1000];

	strcpy(copy, list);
	for (char *path = strtok(copy, " "); path != NULL; path = strtok(NULL, " "))
		CHECK_THAT(json_paths_add(paths, path) >= 0, "path %s", path);
	*slots = json_paths_count(paths);
	return paths;
}

/*
 * Read text (length -1: up to NUL) in all ways and compare with what is
 * expected, lines as read_all writes them.  "error K: ..." in expected need
 * only be the beginning.
 */
static void
expect_text(JsonFraming framing, const char *wanted, const char *text, int text_length,
			const char *expected)
{
	int slots;
	JsonPaths *paths = make_paths(wanted, &slots);
	JsonReader *reader = json_reader_create(paths);
	size_t length = text_length < 0 ? strlen(text) : (size_t) text_length;
	Bytes result = { 0 };

	for (int round = 0; round < 14; round++)
	{
		/* The first rounds learn the keys, the later ones know them. */
		int piece = round < 3 ? 0 : round < 6 ? round - 2 : -20;

		read_all(reader, framing, text, length, piece, slots, &result);
		CHECK_THAT(strncmp((char *) result.data, expected,
						   strstr(expected, "error ") ? strlen(expected) : result.length + 1) == 0,
				   "pieces of %d: got \"%s\" expected \"%s\"", piece, (char *) result.data,
				   expected);
	}
	json_reader_free(reader);
	json_paths_free(paths);
	free(result.data);
}

static void
expect(const char *wanted, const char *text, const char *expected)
{
	expect_text(JSON_FRAMING_ARRAY, wanted, text, -1, expected);
}

static void
expect_lines(const char *wanted, const char *text, const char *expected)
{
	expect_text(JSON_FRAMING_LINES, wanted, text, -1, expected);
}

static void
test_paths(void)
{
	JsonPaths *paths;
	char path[200] = "a";

	begin_test("paths have slots");
	paths = json_paths_create();
	CHECK_NUMBER(json_paths_count(paths), 0);
	CHECK_NUMBER(json_paths_add(paths, "a.b"), 0);
	CHECK_NUMBER(json_paths_add(paths, "a"), 1);
	CHECK_NUMBER(json_paths_add(paths, "$"), 2);
	CHECK_NUMBER(json_paths_add(paths, "a.b"), 0);
	CHECK_NUMBER(json_paths_add(paths, "$"), 2);
	CHECK_NUMBER(json_paths_add(paths, "a.bc"), 3);
	CHECK_NUMBER(json_paths_add(paths, "$insert_id"), 4);
	CHECK_NUMBER(json_paths_count(paths), 5);

	begin_test("quoted keys");
	CHECK_NUMBER(json_paths_add(paths, "\"a\".\"b\""), 0);
	CHECK_NUMBER(json_paths_add(paths, "\"a.b\""), 5);
	CHECK_NUMBER(json_paths_add(paths, "\"$\""), 6);
	CHECK_NUMBER(json_paths_add(paths, "a.\"\"\"|\"\"\""), 7);
	CHECK_NUMBER(json_paths_add(paths, "\"\""), 8);
	CHECK_NUMBER(json_paths_add(paths, "a\"b\""), 9); /* a quote inside is none of its own */
	CHECK_NUMBER(json_paths_count(paths), 10);

	begin_test("malformed paths");
	CHECK_NUMBER(json_paths_add(paths, "\"a"), -2);
	CHECK_NUMBER(json_paths_add(paths, "\"a\"\""), -2);
	CHECK_NUMBER(json_paths_add(paths, "\"a\"b"), -2);
	CHECK_NUMBER(json_paths_add(paths, "\"a\"."), -2);
	CHECK_NUMBER(json_paths_add(paths, "a|b"), -2);
	CHECK_NUMBER(json_paths_add(paths, ""), -2);
	CHECK_NUMBER(json_paths_add(paths, "."), -2);
	CHECK_NUMBER(json_paths_add(paths, "a."), -2);
	CHECK_NUMBER(json_paths_add(paths, ".a"), -2);
	CHECK_NUMBER(json_paths_add(paths, "a..b"), -2);
	for (int i = 1; i < JSON_MAX_PATH_KEYS; i++)
		strcat(path, ".a");
	CHECK_NUMBER(json_paths_add(paths, path), 10);
	strcat(path, ".a");
	CHECK_NUMBER(json_paths_add(paths, path), -2);
	CHECK_NUMBER(json_paths_count(paths), 11);
	json_paths_free(paths);
}

static void
test_path_syntax(void)
{
	static const char *const equal[][2] = { { "a", "\"a\"" },
											{ "a.b|c", "\"a\".b|\"c\"" },
											{ "$", "$" },
											{ "\"$\"", "\"$\"" },
											{ "a\"b", "\"a\"\"b\"" } };
	static const char *const different[][2] = { { "a.b", "\"a.b\"" }, { "a|b", "\"a|b\"" },
												{ "a", "a.b" },       { "a|b", "a" },
												{ "$", "\"$\"" },     { "a|b", "a.b" } };

	begin_test("paths are equal by their keys");
	for (size_t i = 0; i < sizeof(equal) / sizeof(equal[0]); i++)
		CHECK_THAT(json_path_equal(equal[i][0], equal[i][1]), "%s", equal[i][0]);
	for (size_t i = 0; i < sizeof(different) / sizeof(different[0]); i++)
		CHECK_THAT(!json_path_equal(different[i][0], different[i][1]), "%s", different[i][0]);

	begin_test("paths that lead into others");
	CHECK(json_path_leads_into("a.b.c", "a.b"));
	CHECK(json_path_leads_into("\"a\".b", "a"));
	CHECK(!json_path_leads_into("a.b", "a.b"));
	CHECK(!json_path_leads_into("a", "a.b"));
	CHECK(!json_path_leads_into("\"a.b\"", "a"));
	CHECK(!json_path_leads_into("ab.c", "a"));

	begin_test("alternatives end at bars");
	CHECK(strcmp(json_path_alternative_end("a.\"x|y\"|b"), "|b") == 0);
	CHECK(strcmp(json_path_alternative_end("\"\"\"|\""), "") == 0);
}

static void
test_values(void)
{
	begin_test("no records");
	expect("a", "[]", "end\n");
	expect("a", " \n[\t \r\n] \n", "end\n");
	expect_lines("a", "", "end\n");
	expect_lines("a", " \r\n\n", "end\n");

	begin_test("values of each type");
	expect("a b c d e f g h i",
		   "[{\"a\":1,\"b\":\"x\",\"c\":true,\"d\":false,\"e\":null,\"f\":[1,2],\"g\":{\"h\":1},"
		   "\"i\":-1.5e+10}]",
		   "number:1 | string:x | true:true | false:false | null:null | array:[1,2] | "
		   "object:{\"h\":1} | missing | number:-1.5e+10\nend\n");
	expect("a b c", "[{\"c\":\"\",\"b\":[],\"a\":{}}]", "object:{} | array:[] | string:\nend\n");

	begin_test("nothing wanted");
	expect("", "[{\"a\":1},{},{\"b\":[{\"c\":\"}\"}]}]", "\n\n\nend\n");

	begin_test("the record itself");
	expect("$", "[{\"a\":[1]} , { }]", "object:{\"a\":[1]}\nobject:{ }\nend\n");
	expect("$ a", "[{\"a\":[1]},{}]", "object:{\"a\":[1]} | array:[1]\nobject:{} | missing\nend\n");

	begin_test("white space everywhere");
	expect("a b.c",
		   " [ { \"a\" : 1 , \"b\" : { \"c\" : [ 1 , 2 ] , \"d\" : 2 } , \"e\" : 3 } ,\n"
		   "\t{\r\n\"b\"\n:\n{\n\"c\"\n:\n\"x\"\n}\n}\n]\n",
		   "number:1 | array:[ 1 , 2 ]\nmissing | string:x\nend\n");

	begin_test("nested keys");
	expect("bid.bid bid.currencyCode bid",
		   "[{\"bid\":{\"currencyCode\":\"USD\",\"bid\":1.12}},{\"bid\":3},{\"x\":{\"bid\":1}},"
		   "{\"bid\":{\"bid\":{\"bid\":7}}}]",
		   "number:1.12 | string:USD | object:{\"currencyCode\":\"USD\",\"bid\":1.12}\n"
		   "missing | missing | number:3\n"
		   "missing | missing | missing\n"
		   "object:{\"bid\":7} | missing | object:{\"bid\":{\"bid\":7}}\nend\n");
	expect("a.b.c.d a.b.x",
		   "[{\"a\":{\"b\":{\"c\":{\"d\":1}},\"x\":2}},{\"a\":{\"b\":{\"x\":null}}}]",
		   "number:1 | missing\nmissing | null:null\nend\n");

	begin_test("a key of an array is one of its first element");
	expect("o.s o",
		   "[{\"o\":[{\"s\":1},{\"s\":2}]},{\"o\":{\"s\":3}},{\"o\":[]},{\"o\":[4,{\"s\":5}]}]",
		   "number:1 | array:[{\"s\":1},{\"s\":2}]\n"
		   "number:3 | object:{\"s\":3}\n"
		   "missing | array:[]\n"
		   "missing | array:[4,{\"s\":5}]\nend\n");
	expect("o.s.t", "[{\"o\":[ [ [ {\"s\":[[{\"t\":1}],2]} ] , 3 ], {\"s\":{\"t\":4}} ]}]",
		   "number:1\nend\n");
	expect("o.s.t", "[{\"o\":[[],{\"s\":{\"t\":4}}]},{\"o\":[\"x]\",{\"s\":{\"t\":4}}]}]",
		   "missing\nmissing\nend\n");

	begin_test("the last of several equal keys counts");
	expect("a", "[{\"a\":1,\"a\":2}]", "number:2\nend\n");
	expect("a.b a", "[{\"a\":{\"b\":1},\"a\":{\"c\":2}}]", "missing | object:{\"c\":2}\nend\n");
	expect("a.b a.c", "[{\"a\":{\"b\":1},\"a\":5},{\"a\":{\"b\":1,\"c\":2},\"a\":{\"c\":3}}]",
		   "missing | missing\nmissing | number:3\nend\n");
	expect("a.b.c a.b.d",
		   "[{\"a\":{\"b\":{\"c\":1}},\"a\":{\"b\":{\"d\":2}}},{\"a\":{\"b\":{\"c\":1},\"b\":{}}},"
		   "{\"a\":[{\"b\":{\"c\":1}}],\"a\":[]}]",
		   "missing | number:2\nmissing | missing\nmissing | missing\nend\n");

	begin_test("keys with escapes");
	expect("ab e.\xc3\xa9 \xf0\x9f\x98\x80",
		   "[{\"\\u0061b\":1,\"e\":{\"\\u00e9\":2},\"\\ud83d\\ude00\":3}]",
		   "number:1 | number:2 | number:3\nend\n");
	expect("a/b q\"q b\\b", "[{\"a\\/b\":1,\"q\\\"q\":2,\"b\\\\b\":3,\"q\\\\\":{\"x\":1}}]",
		   "number:1 | number:2 | number:3\nend\n");
	expect("ab", "[{\"a\\u0062c\":1,\"\\u0061\":2,\"a\\u0000b\":3,\"\\ud800\":4}]",
		   "missing\nend\n");
	expect("ab", "[{\"ab\":1,\"\\u0061\\u0062\":2}]", "number:2\nend\n");

	begin_test("strings");
	expect("a b", "[{\"a\":\"\\\"\",\"b\":\"\\\\\"},{\"b\":\"\\\\\\\"]}\",\"a\":\"a\\u0041\"}]",
		   "escaped string:\\\" | escaped string:\\\\\n"
		   "escaped string:a\\u0041 | escaped string:\\\\\\\"]}\nend\n");
	expect("a.b", "[{\"x\":{\"q\":\"\\\\\\\"}\",\"\\\\\":\"]\"},\"a\":{\"b\":\"tab\there\"}}]",
		   "escaped string:tab\there\nend\n");

	begin_test("long keys and values at every length");
	for (int length = 1; length < 150; length++)
	{
		char text[1000];
		char wanted[200];
		char expected[600];
		char filler[200];

		memset(filler, 'k', sizeof(filler));
		snprintf(wanted, sizeof(wanted), "%.*s z", length, filler);
		snprintf(text, sizeof(text),
				 "[{\"%.*s\":\"%.*s\",\"y%.*s\":\"\\\"%.*s\",\"%.*sk\":%.*s,\"z\":1}]", length,
				 filler, length, filler, length, filler, length, filler, length, filler,
				 length % 20 + 1, "1234567890123456789012345");
		snprintf(expected, sizeof(expected), "string:%.*s | number:1\nend\n", length, filler);
		expect(wanted, text, expected);
	}

	begin_test("the same key prefix");
	expect("key key1 key12", "[{\"key12\":12,\"key1\":1,\"key\":0,\"ke\":9}]",
		   "number:0 | number:1 | number:12\nend\n");
}

static void
test_many_keys(void)
{
	Bytes text = { 0 };
	Bytes wanted = { 0 };
	Bytes expected = { 0 };
	char piece[100];

	begin_test("more keys than are remembered, in changing order");
	append_text(&text, "[");
	for (int record = 0; record < 20; record++)
	{
		append_text(&text, record == 0 ? "{" : ",{");
		for (int key = 0; key < 300; key++)
		{
			snprintf(piece, sizeof(piece), "%s\"key%d\":%d", key == 0 ? "" : ",",
					 (key * (record + 1) + record) % 307, (key * (record + 1) + record) % 307);
			append_text(&text, piece);
		}
		append_text(&text, ",\"w1\":1,\"w2\":2,\"w3\":3}");
		append_text(&expected, "number:1 | number:2 | number:3\n");
	}
	append(&text, "]", 2);
	append(&expected, "end\n", 5);
	expect("w1 w2 w3", (char *) text.data, (char *) expected.data);

	begin_test("many wanted keys");
	text.length = 0;
	append_text(&text, "[{");
	expected.length = 0;
	for (int key = 0; key < MAX_SLOTS; key++)
	{
		snprintf(piece, sizeof(piece), "%swanted_%d", key == 0 ? "" : " ", key);
		append_text(&wanted, piece);
		snprintf(piece, sizeof(piece), "%s\"wanted_%d\":%d", key == 0 ? "" : ",",
				 MAX_SLOTS - 1 - key, MAX_SLOTS - 1 - key);
		append_text(&text, piece);
		snprintf(piece, sizeof(piece), "%snumber:%d", key == 0 ? "" : " | ", key);
		append_text(&expected, piece);
	}
	append(&wanted, "", 1);
	append(&text, "}]", 3);
	append(&expected, "\nend\n", 6);
	expect((char *) wanted.data, (char *) text.data, (char *) expected.data);
	free(text.data);
	free(wanted.data);
	free(expected.data);
}

static void
test_framing(void)
{
	begin_test("lines");
	expect_lines("a", "{\"a\":1}\n{\"a\":2}\n", "number:1\nnumber:2\nend\n");
	expect_lines("a", "{\"a\":1}\r\n\r\n \t\n{\"a\":2}", "number:1\nnumber:2\nend\n");
	expect_lines("a", "\n\n{\"a\":1} \t\r\n\n  {\"a\":2}  ", "number:1\nnumber:2\nend\n");
	expect_lines("", "{}\n{\"x\":[1]}", "\n\nend\n");

	begin_test("byte order mark");
	expect_lines("a", "\xef\xbb\xbf{\"a\":1}\n{\"a\":2}\n", "number:1\nnumber:2\nend\n");
	expect_lines("a", "\xef\xbb\xbf\r\n{\"a\":1}", "number:1\nend\n");
	expect_lines("a", "\xef\xbb\xbf", "end\n");
	expect("a", "\xef\xbb\xbf[{\"a\":1}]", "number:1\nend\n");
	expect("a", "\xef\xbb\xbf []", "end\n");
	expect("a", "\xef\xbb\xbf\xef\xbb\xbf[]", "error 2: ");
	expect("a", " \xef\xbb\xbf[]", "error 2: ");
	expect("a", "[\xef\xbb\xbf]", "error 2: ");
	expect("a", "\xef\xbb[]", "error 2: ");
	expect_lines("a", "{\"a\":1}\n\xef\xbb\xbf{\"a\":2}\n", "number:1\nerror 2: ");

	begin_test("malformed lines");
	expect_lines("a", "{\"a\":1}{\"a\":2}",
				 "number:1\nerror 2: malformed JSON in record 2: expected a line break at ");
	expect_lines("a", "{\"a\":1},\n", "number:1\nerror 2: ");
	expect_lines("a", "[]\n", "error 2: malformed JSON in record 1: expected \"{\" at \"[");
	expect_lines("a", "1\n", "error 2: ");
	expect_lines("a", "{\"a\":1}\n\"x\"", "number:1\nerror 2: ");
	expect_lines("a", "{\"a\":1}\n{\"a\":", "number:1\nerror 1: JSON data ends too early");
	expect_lines("a", "{\"a\":\"x\n{\"a\":\"y\"}",
				 "error 2: malformed JSON in record 1: line break");
	expect_lines("a", "{\"b\":\"x\\\n\"}", "error 2: ");
	expect_lines("a", "{\"b\":{\"c\":\"x\n\"}}", "error 2: malformed JSON in record 1: line break");
	expect_lines("", "{\"b\":{\"c\":\"x\n\"}}", "error 2: malformed JSON in record 1: line break");
	expect_lines("a", "{\"b\n\":1}", "error 2: malformed JSON in record 1: line break");
	expect_text(JSON_FRAMING_LINES, "a", "{\"a\":1}\n\0\n", 10, "number:1\nerror 2: ");

	begin_test("malformed arrays");
	expect("a", "", "error 1: JSON data ends too early: expected \"[\" (record 1)");
	expect("a", "  ", "error 1: ");
	expect("a", "{\"message\":\"no\"}",
		   "error 2: malformed JSON in record 1: expected \"[\" at \"{");
	expect("a", "<html>", "error 2: malformed JSON in record 1: expected \"[\" at \"<");
	expect("a", "[", "error 1: ");
	expect("a", "[{\"a\":1}",
		   "number:1\nerror 1: JSON data ends too early: expected \",\" or \"]\"");
	expect("a", "[{\"a\":1},", "number:1\nerror 1: ");
	expect("a", "[{\"a\":1},]", "number:1\nerror 2: ");
	expect("a", "[,{\"a\":1}]", "error 2: ");
	expect("a", "[{\"a\":1}{\"a\":1}]", "number:1\nerror 2: ");
	expect("a", "[{\"a\":1}}", "number:1\nerror 2: ");
	expect("a", "[1]", "error 2: malformed JSON in record 1: expected \"{\" or \"]\" at \"1");
	expect("a", "[[]]", "error 2: ");
	expect("a", "[null]", "error 2: ");
	expect("a", "[] []", "error 2: malformed JSON in record 1: expected nothing after");
	expect("a", "[]x", "error 2: ");
	expect_text(JSON_FRAMING_ARRAY, "a", "[]\0", 3, "error 2: ");

	begin_test("malformed records");
	expect("a", "[{\"a\" 1}]", "error 2: malformed JSON in record 1: expected \":\" at \"1");
	expect("a", "[{\"a\":}]", "error 2: malformed JSON in record 1: expected a value at \"}");
	expect("a", "[{\"a\":1,}]", "error 2: malformed JSON in record 1: expected a key at \"}");
	expect("a", "[{,}]", "error 2: ");
	expect("a", "[{a:1}]", "error 2: ");
	expect("a", "[{\"a\":1 \"b\":2}]", "error 2: ");
	expect("a", "[{\"a\":1]]", "error 2: ");
	expect("a", "[{\"a\":tru}]", "error 2: ");
	expect("a", "[{\"a\":truex}]", "error 2: ");
	expect("a", "[{\"b\":nul}]", "error 2: ");
	expect("a", "[{\"b\":+1}]", "error 2: ");
	expect("a", "[{\"b\":\"x\"y}]", "error 2: ");
	expect("a", "[{\"b\":[1}]}]",
		   "error 2: malformed JSON in record 1: brackets do not match at \"}");
	expect("a", "[{\"b\":{\"c\":[}]}}]",
		   "error 2: malformed JSON in record 1: brackets do not match");
	expect("a.b", "[{\"a\":[{\"b\":1}}}]", "error 2: ");
	expect("a.b", "[{\"a\":[{\"b\":1} 2]}]", "error 2: ");
	expect("a.b", "[{\"a\":[1,{]}]}]",
		   "error 2: malformed JSON in record 1: brackets do not match");
	expect("", "[{\"a\":[}]", "error 2: malformed JSON in record 1: brackets do not match");
	expect("a", "[{\"a\":\"x]", "error 1: JSON data ends too early: expected the rest of a record");
	expect_text(JSON_FRAMING_ARRAY, "a", "[{\"a\":\0001}]", 10, "error 2: ");
	expect_text(JSON_FRAMING_ARRAY, "a", "[{\0\"a\":1}]", 10, "error 2: ");
	expect_text(JSON_FRAMING_ARRAY, "a", "[{\"a\":1\0}]", 10, "error 2: ");
	/* A long wanted key must not match what only looks like its table entry. */
	expect("kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
		   "[{\x01", "error 2: ");

	begin_test("numbers that are wanted are checked");
	{
		static const char *const good[] = {
			"0",   "-0",    "10",    "1.0",     "0.5",
			"1e5", "1E+05", "1e-05", "-1.5e10", "123456789012345678901234"
		};
		static const char *const bad[] = { "01",  "-",   "1.",   "-.5", "1.e5", "1e",
										   "1e+", "1-2", "1..2", "0x1", "1a",   "--1" };
		char text[100];
		char expected[100];

		for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		{
			snprintf(text, sizeof(text), "[{\"a\":%s}]", good[i]);
			snprintf(expected, sizeof(expected), "number:%s\nend\n", good[i]);
			expect("a", text, expected);
			CHECK(json_validate(good[i], strlen(good[i]), NULL));
		}
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		{
			snprintf(text, sizeof(text), "[{\"a\":%s}]", bad[i]);
			expect("a", text, "error 2: malformed JSON in record 1: malformed number");
			snprintf(text, sizeof(text), "[{\"b\":%s}]", bad[i]);
			expect("a", text, "missing\nend\n");
			CHECK(!json_validate(bad[i], strlen(bad[i]), NULL));
		}
	}

	begin_test("a NUL byte inside a string is left to the decoder");
	{
		static const char plain[] = "[{\"a\":\"x\0y\",\"b\":1}]";
		static const char nested[] = "[{\"a\":[\"x\0y\"],\"b\":1}]";
		static const char escaped[] =
			"[{\"a\":\"\\\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\",\"b\":1}]";

		expect_text(JSON_FRAMING_ARRAY, "b", plain, sizeof(plain) - 1, "number:1\nend\n");
		expect_text(JSON_FRAMING_ARRAY, "b", nested, sizeof(nested) - 1, "number:1\nend\n");
		expect_text(JSON_FRAMING_ARRAY, "b", escaped, sizeof(escaped) - 1, "number:1\nend\n");
	}
}

static void
test_depth(void)
{
	static const char *const wanted[] = { "",  "a", "a.a", "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a",
										  "b", "$" };

	/* depth counts the record's own braces */
	for (int kind = 0; kind < 3; kind++)
	{
		begin_test(kind == 0 ? "depth of objects"
							 : (kind == 1 ? "depth of arrays" : "depth of both by turns"));
		for (int depth = 2; depth <= JSON_MAX_DEPTH + 2; depth += depth < 250 ? 50 : 1)
			for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
			{
				int slots;
				JsonPaths *paths = make_paths(wanted[i], &slots);
				JsonReader *reader = json_reader_create(paths);
				JsonValue values[MAX_SLOTS];
				Bytes text = { 0 };
				char *data;
				size_t consumed;
				StreamStatus status;

				append_text(&text, "[{\"a\":");
				for (int level = 2; level <= depth; level++)
					append_text(&text, kind == 0 || (kind == 2 && level % 2) ? "{\"a\":" : "[");
				append_text(&text, "1");
				for (int level = depth; level >= 2; level--)
					append_text(&text, kind == 0 || (kind == 2 && level % 2) ? "}" : "]");
				append_text(&text, "}]");
				data = padded((char *) text.data, text.length);
				status = json_reader_next(reader, data, text.length, true, &consumed, values);
				if (depth <= JSON_MAX_DEPTH)
					CHECK_THAT(status == STREAM_RECORD, "depth %d, path %s: %s", depth, wanted[i],
							   json_reader_error(reader)->message);
				else
				{
					CHECK_NUMBER(status, STREAM_ERROR);
					CHECK_NUMBER(json_reader_error(reader)->kind, STREAM_ERROR_TOO_LARGE);
					CHECK_CONTAINS(json_reader_error(reader)->message,
								   "record 1 is nested more than 512 levels deep");
				}
				/* The bare value is one level less deep. */
				CHECK(json_validate(data + 1, text.length - 2, NULL) == (depth <= JSON_MAX_DEPTH));
				free(data);
				free(text.data);
				json_reader_free(reader);
				json_paths_free(paths);
			}
	}

	begin_test("depth behind the first element of an array");
	for (int depth = JSON_MAX_DEPTH - 2; depth <= JSON_MAX_DEPTH + 2; depth++)
		for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		{
			int slots;
			JsonPaths *paths = make_paths(wanted[i], &slots);
			JsonReader *reader = json_reader_create(paths);
			JsonValue values[MAX_SLOTS];
			Bytes text = { 0 };
			char *data;
			size_t consumed;

			/* the record, the array, and what follows in it */
			append_text(&text, "[{\"a\":[1,");
			for (int level = 3; level <= depth; level++)
				append_text(&text, "[");
			for (int level = 3; level <= depth; level++)
				append_text(&text, "]");
			append_text(&text, "]}]");
			data = padded((char *) text.data, text.length);
			CHECK_THAT(json_reader_next(reader, data, text.length, true, &consumed, values) ==
						   (depth <= JSON_MAX_DEPTH ? STREAM_RECORD : STREAM_ERROR),
					   "depth %d, path %s", depth, wanted[i]);
			free(data);
			free(text.data);
			json_reader_free(reader);
			json_paths_free(paths);
		}

	begin_test("100,000 open brackets");
	for (int kind = 0; kind < 2; kind++)
	{
		int slots;
		JsonPaths *paths = make_paths("a.a", &slots);
		JsonReader *reader = json_reader_create(paths);
		JsonValue values[MAX_SLOTS];
		Bytes text = { 0 };
		char *data;
		size_t consumed;

		append_text(&text, kind == 0 ? "[{\"a\":" : "[{\"b\":");
		for (int i = 0; i < 100000; i++)
			append_text(&text, "[");
		data = padded((char *) text.data, text.length);
		CHECK(json_reader_next(reader, data, text.length, true, &consumed, values) == STREAM_ERROR);
		CHECK_NUMBER(json_reader_error(reader)->kind, STREAM_ERROR_TOO_LARGE);
		CHECK(!json_validate(data + 6, text.length - 6, NULL));
		free(data);
		free(text.data);
		json_reader_free(reader);
		json_paths_free(paths);
	}
}

static void
test_sizes(void)
{
	int slots;
	JsonPaths *paths = make_paths("a b", &slots);
	JsonReader *reader = json_reader_create(paths);
	JsonValue values[MAX_SLOTS];
	size_t size = JSON_MAX_RECORD + 1000;
	char *data = malloc(size + JSON_PADDING);
	size_t consumed;
	size_t record;

	memset(data, 'x', size);
	memset(data + size, 0, JSON_PADDING);
	memcpy(data, "[{\"a\":\"", 7);

	begin_test("a record of just the limit");
	record = JSON_MAX_RECORD; /* from { to } */
	memcpy(data + 1 + record - 2, "\"}]", 3);
	CHECK(json_reader_next(reader, data, size, false, &consumed, values) == STREAM_RECORD);
	CHECK_NUMBER(consumed, 1 + record);
	CHECK_NUMBER(values[0].length, record - 8);

	begin_test("a record over the limit");
	memset(data + record - 1, 'x', 3);
	memcpy(data + 1 + record - 1, "\"}]", 3);
	json_reader_reset(reader, JSON_FRAMING_ARRAY);
	CHECK(json_reader_next(reader, data, size, false, &consumed, values) == STREAM_ERROR);
	CHECK_NUMBER(json_reader_error(reader)->kind, STREAM_ERROR_TOO_LARGE);
	CHECK_CONTAINS(json_reader_error(reader)->message, "record 1 is larger than 67108864 bytes");

	begin_test("an incomplete record of the limit");
	memset(data + record, 'x', 3);
	json_reader_reset(reader, JSON_FRAMING_ARRAY);
	CHECK(json_reader_next(reader, data, 1000, false, &consumed, values) == STREAM_NEED_INPUT);
	CHECK_NUMBER(consumed, 1);
	CHECK(json_reader_next(reader, data + 1, JSON_MAX_RECORD, false, &consumed, values) ==
		  STREAM_ERROR);
	CHECK_NUMBER(json_reader_error(reader)->kind, STREAM_ERROR_TOO_LARGE);

	/*
	 * 60 MB in pieces of 1 KB: quadratic work would take hours, so this test
	 * fails by never ending.  Zeros are put behind each piece.
	 */
	begin_test("a large record that drips in");
	for (int kind = 0; kind < 2; kind++)
	{
		static const char item[] = "[{\"x\":\"]\"},2],";
		const char *begin = kind == 0 ? "{\"a\":\"" : "{\"a\":[";
		const char *finish = kind == 0 ? "x\",\"b\":1}\n" : "2],\"b\":1}\n";
		size_t total = 60 * 1000 * 1000;
		size_t written = strlen(begin);
		size_t filled = 0;
		StreamStatus status = STREAM_NEED_INPUT;
		int calls = 0;

		memset(data, kind == 0 ? 'x' : ' ', total);
		memcpy(data, begin, strlen(begin));
		for (; kind == 1 && written < total - 100; written += strlen(item))
			memcpy(data + written, item, strlen(item));
		memcpy(data + total - strlen(finish), finish, strlen(finish));
		json_reader_reset(reader, JSON_FRAMING_LINES);
		while (status == STREAM_NEED_INPUT && filled < total)
		{
			char saved[JSON_PADDING];

			filled = filled + 1000 < total ? filled + 1000 : total;
			memcpy(saved, data + filled, JSON_PADDING);
			memset(data + filled, 0, JSON_PADDING);
			status = json_reader_next(reader, data, filled, false, &consumed, values);
			memcpy(data + filled, saved, JSON_PADDING);
			calls++;
		}
		CHECK_NUMBER(status, STREAM_RECORD);
		CHECK_NUMBER(values[0].type, kind == 0 ? JSON_STRING : JSON_ARRAY);
		CHECK_NUMBER(values[1].type, JSON_NUMBER);
		CHECK(calls > 59000);
	}
	free(data);
	json_reader_free(reader);
	json_paths_free(paths);
}

/*-------------------------------------------------------------------------
 * Random documents against a model
 *-------------------------------------------------------------------------
 */
typedef struct Model
{
	JsonType type;
	char text[40]; /* scalar as written, or string content as written */
	int count;
	struct Model *items;
	int *keys; /* indexes into model_keys, for an object */
} Model;

static const char *const model_keys[] = { "a",        "b",
										  "c",        "ab",
										  "\xc3\xa4", "a_rather_long_key_in_an_object_of_records" };
static const char *const model_key_spellings[][3] = {
	{ "a", "\\u0061", "a" },
	{ "b", "b", "b" },
	{ "c", "\\u0063", "c" },
	{ "ab", "a\\u0062", "ab" },
	{ "\xc3\xa4", "\\u00e4", "\\u00E4" },
	{ "a_rather_long_key_in_an_object_of_records",
	  "a_rather_long_key_in_an_object_of_recor\\u0064s",
	  "a_rather_long_key_in_an_object_of_records" }
};
#define MODEL_KEYS 6

static void
make_model(Model *model, int depth, bool object)
{
	static const char *const strings[] = { "",
										   "x",
										   "\\\"",
										   "\\\\",
										   "]}",
										   "{\\\"a\\\":1",
										   "\xe8\xb7\x91\xe9\x9e\x8b",
										   "a longer string, with more than 32 bytes",
										   "\\\\\\\\",
										   "\\u00e9" };
	static const char *const numbers[] = { "0", "-1", "1.5", "12345678901234567890", "1e5" };
	uint32_t kind = object ? 7 : random_below(depth > 4 ? 6 : 9);

	memset(model, 0, sizeof(*model));
	if (kind >= 6)
	{
		model->type = kind == 6 ? JSON_ARRAY : JSON_OBJECT;
		model->count = (int) random_below(5);
		model->items = calloc((size_t) model->count + 1, sizeof(Model));
		model->keys = calloc((size_t) model->count + 1, sizeof(int));
		for (int i = 0; i < model->count; i++)
		{
			model->keys[i] = (int) random_below(MODEL_KEYS);
			make_model(&model->items[i], depth + 1, false);
		}
		return;
	}
	model->type = (JsonType[]){ JSON_NULL,   JSON_TRUE,   JSON_FALSE,
								JSON_NUMBER, JSON_STRING, JSON_STRING }[kind];
	strcpy(model->text, model->type == JSON_NULL     ? "null"
						: model->type == JSON_TRUE   ? "true"
						: model->type == JSON_FALSE  ? "false"
						: model->type == JSON_NUMBER ? numbers[random_below(5)]
													 : strings[random_below(10)]);
}

static void
free_model(Model *model)
{
	for (int i = 0; i < model->count; i++)
		free_model(&model->items[i]);
	free(model->items);
	free(model->keys);
}

static void
write_space(Bytes *text, bool pretty)
{
	while (pretty && random_below(3) == 0)
		append(text, &" \t\r\n"[random_below(3)], 1);
}

static void
write_model(Bytes *text, const Model *model, bool pretty)
{
	bool object = model->type == JSON_OBJECT;

	if (model->type == JSON_STRING)
		append_text(text, "\"");
	append_text(text, model->text);
	if (model->type == JSON_STRING)
		append_text(text, "\"");
	if (!object && model->type != JSON_ARRAY)
		return;
	append_text(text, object ? "{" : "[");
	write_space(text, pretty);
	for (int i = 0; i < model->count; i++)
	{
		if (i > 0)
			append_text(text, ",");
		write_space(text, pretty);
		if (object)
		{
			append_text(text, "\"");
			append_text(text, model_key_spellings[model->keys[i]][random_below(8) % 3]);
			append_text(text, "\"");
			write_space(text, pretty);
			append_text(text, ":");
			write_space(text, pretty);
		}
		write_model(text, &model->items[i], pretty);
		write_space(text, pretty);
	}
	append_text(text, object ? "}" : "]");
}

/* What a path means, said as plainly as possible. */
static const Model *
find_in_model(const Model *model, const char *path)
{
	size_t length = strcspn(path, ".");
	const Model *found = NULL;

	while (model->type == JSON_ARRAY && model->count > 0)
		model = &model->items[0];
	if (model->type != JSON_OBJECT)
		return NULL;
	for (int i = 0; i < model->count; i++)
		if (strlen(model_keys[model->keys[i]]) == length &&
			strncmp(model_keys[model->keys[i]], path, length) == 0)
			found = &model->items[i];
	if (found == NULL || path[length] == '\0')
		return found;
	return find_in_model(found, path + length + 1);
}

/* Is text the value that model stands for?  Walks with cursors. */
static bool
value_is_model(const JsonValue *value, const Model *model)
{
	JsonCursor cursor;
	JsonValue key;
	JsonValue item;
	StreamError error;
	int count = 0;

	if (value->type != model->type)
		return false;
	if (model->type != JSON_ARRAY && model->type != JSON_OBJECT)
		return value->length == strlen(model->text) &&
			   memcmp(value->start, model->text, value->length) == 0;
	if (!json_cursor_open(&cursor, value))
		return false;
	while (json_cursor_next(&cursor, &key, &item, &error))
	{
		if (count >= model->count || !value_is_model(&item, &model->items[count]))
			return false;
		if (model->type == JSON_OBJECT && !json_string_equals(&key, model_keys[model->keys[count]]))
			return false;
		count++;
	}
	return error.kind == STREAM_ERROR_NONE && count == model->count;
}

static void
test_random_documents(void)
{
	begin_test("random records against a model");
	for (int round = 0; round < 3000; round++)
	{
		JsonPaths *paths = json_paths_create();
		JsonReader *reader;
		Bytes text = { 0 };
		Model records[8];
		char wanted[MAX_SLOTS][200];
		int record_count = 1 + (int) random_below(8);
		int slots = 0;
		int found = 0;
		bool pretty = random_below(2) == 0;
		bool lines = random_below(2) == 0;
		JsonFraming framing = lines ? JSON_FRAMING_LINES : JSON_FRAMING_ARRAY;
		bool drip = random_below(2) == 0;
		size_t window = 0;
		size_t position = 0;

		for (uint32_t i = random_below(12); i > 0; i--)
		{
			char path[200] = "";
			int slot;

			for (uint32_t keys = 1 + random_below(4); keys > 0; keys--)
			{
				strcat(path, path[0] == '\0' ? "" : ".");
				strcat(path, model_keys[random_below(MODEL_KEYS)]);
			}
			if (random_below(20) == 0)
				strcpy(path, "$");
			slot = json_paths_add(paths, path);
			CHECK(slot >= 0 && slot <= slots);
			strcpy(wanted[slot], path);
			if (slot == slots)
				slots++;
		}
		reader = json_reader_create(paths);
		json_reader_reset(reader, framing);

		append_text(&text, lines ? "" : "[");
		for (int i = 0; i < record_count; i++)
		{
			/* Mostly the same shape over and over, as in real exports. */
			if (i > 0 && random_below(3) > 0)
			{
				uint64_t state = random_state;

				random_state = 7 + (uint64_t) round;
				make_model(&records[i], 0, true);
				random_state = state;
			}
			else
				make_model(&records[i], 0, true);
			if (i > 0 && !lines)
				append_text(&text, ",");
			write_space(&text, pretty);
			write_model(&text, &records[i], pretty);
			write_space(&text, pretty);
			if (lines)
				append_text(&text, "\n");
		}
		append_text(&text, lines ? "" : "]");

		for (;;)
		{
			char *data = padded((char *) text.data + position, window);
			JsonValue values[MAX_SLOTS];
			size_t consumed;
			StreamStatus status = json_reader_next(
				reader, data, window, position + window == text.length, &consumed, values);

			if (status == STREAM_RECORD && CHECK(found < record_count))
			{
				for (int i = 0; i < slots; i++)
				{
					const Model *model = strcmp(wanted[i], "$") == 0
											 ? &records[found]
											 : find_in_model(&records[found], wanted[i]);

					if (model == NULL)
						CHECK_THAT(values[i].type == JSON_MISSING, "%s is not missing in %.*s",
								   wanted[i], (int) text.length, text.data);
					else
						CHECK_THAT(value_is_model(&values[i], model), "%s is %s in %.*s", wanted[i],
								   describe(&values[i]), (int) text.length, text.data);
				}
				found++;
			}
			free(data);
			position += consumed;
			window -= consumed;
			if (status == STREAM_END)
				break;
			if (!CHECK_THAT(status != STREAM_ERROR, "%s", json_reader_error(reader)->message))
				break;
			if (status == STREAM_NEED_INPUT)
			{
				size_t more = drip ? 1 + random_below(5) : 1 + random_below(400);

				window +=
					more < text.length - position - window ? more : text.length - position - window;
			}
		}
		CHECK_NUMBER(found, record_count);
		CHECK_NUMBER(json_reader_records(reader), record_count);
		for (int i = 0; i < record_count; i++)
			free_model(&records[i]);
		free(text.data);
		json_reader_free(reader);
		json_paths_free(paths);
	}
}

/*-------------------------------------------------------------------------
 * Inside a value
 *-------------------------------------------------------------------------
 */
static JsonValue
string_value(const char *text, size_t length)
{
	JsonValue value = { text, (uint32_t) length, JSON_STRING, memchr(text, '\\', length) != NULL };

	return value;
}

/* Decode text at every offset from the alignment of a fresh piece of memory. */
static void
expect_decoded(const char *text, int text_length, JsonTextPolicy policy, const char *expected,
			   int expected_length)
{
	size_t length = text_length < 0 ? strlen(text) : (size_t) text_length;
	size_t wanted = expected == NULL      ? 0
					: expected_length < 0 ? strlen(expected)
										  : (size_t) expected_length;

	for (int before = 0; before < 40; before++)
		for (int after = 0; after < 40; after += 13)
		{
			/* Plain text around it must not change anything. */
			size_t total = (size_t) before + length + (size_t) after;
			char *input = malloc(total + 1);
			char *output;
			size_t output_length = 4711;
			JsonValue value;
			StreamError error;
			bool done;

			memset(input, 'p', total);
			memcpy(input + before, text, length);
			input = realloc(input, total > 0 ? total : 1);
			value = string_value(input, total);
			output =
				malloc(json_string_decoded_size(&value) > 0 ? json_string_decoded_size(&value) : 1);
			done = json_string_decode(&value, policy, NULL, output, &output_length, &error);
			if (expected == NULL)
			{
				CHECK_THAT(!done, "\"%s\" is not refused", text);
				CHECK_NUMBER(error.kind, STREAM_ERROR_CORRUPT);
				CHECK(error.offset >= (uint64_t) before);
				CHECK(error.offset < (uint64_t) before + length);
			}
			else
			{
				CHECK_THAT(done, "\"%s\": %s", text, error.message);
				CHECK_NUMBER(output_length, (size_t) before + wanted + (size_t) after);
				CHECK_THAT(done && output_length == (size_t) before + wanted + (size_t) after &&
							   memcmp(output + before, expected, wanted) == 0 &&
							   (after == 0 || output[output_length - 1] == 'p'),
						   "\"%s\" is decoded as \"%.*s\"", text, (int) output_length, output);
			}
			free(input);
			free(output);
		}
}

#define FFFD "\xef\xbf\xbd"

static void
test_decode(void)
{
	begin_test("decoding valid strings");
	for (JsonTextPolicy policy = JSON_TEXT_ERROR; policy <= JSON_TEXT_REPLACE; policy++)
	{
		expect_decoded("", 0, policy, "", 0);
		expect_decoded("plain", -1, policy, "plain", -1);
		expect_decoded("\\\"\\\\\\/\\b\\f\\n\\r\\t", -1, policy, "\"\\/\b\f\n\r\t", -1);
		expect_decoded("\\u0041\\u00e9\\u20AC\\uFFFF\\ud7ff\\ue000", -1, policy,
					   "A\xc3\xa9\xe2\x82\xac\xef\xbf\xbf\xed\x9f\xbf\xee\x80\x80", -1);
		expect_decoded("\\ud83d\\ude00\\uDBFF\\uDFFF\\ud800\\udc00", -1, policy,
					   "\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\xf0\x90\x80\x80", -1);
		expect_decoded(
			"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
			-1, policy,
			"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
			-1);
		expect_decoded("a\x7f b", -1, policy, "a\x7f b", -1);
	}

	begin_test("decoding raw control characters, which are text but no JSON");
	for (unsigned char control = 1; control < 0x20; control++)
	{
		char text[] = { 'a', (char) control, 'b' };

		expect_decoded(text, 3, JSON_TEXT_ERROR, NULL, 0);
		expect_decoded(text, 3, JSON_TEXT_REPLACE, text, 3);
		expect_decoded(text + 1, 1, JSON_TEXT_ERROR, NULL, 0);
		expect_decoded(text + 1, 1, JSON_TEXT_REPLACE, text + 1, 1);
	}
	{
		JsonValue value = string_value("0123456789abcdefgh\x1fi", 20);
		char output[60];
		size_t length;
		StreamError error;

		CHECK(!json_string_decode(&value, JSON_TEXT_ERROR, NULL, output, &length, &error));
		CHECK_NUMBER(error.offset, 18);
		CHECK_CONTAINS(error.message, "control character 0x1f in a JSON string is not escaped");
	}

	begin_test("decoding malformed escapes");
	for (JsonTextPolicy policy = JSON_TEXT_ERROR; policy <= JSON_TEXT_REPLACE; policy++)
	{
		expect_decoded("\\x", -1, policy, NULL, 0);
		expect_decoded("\\U0041", -1, policy, NULL, 0);
		expect_decoded("\\u004g", -1, policy, NULL, 0);
		expect_decoded("\\u 041", -1, policy, NULL, 0);
		expect_decoded("\\u-041", -1, policy, NULL, 0);
		expect_decoded("\\'", -1, policy, NULL, 0);
		expect_decoded("\\\0", 2, policy, NULL, 0);
	}
	{
		JsonValue value = string_value("abc\\u004", 8);
		char output[24];
		size_t length;
		StreamError error;

		CHECK(!json_string_decode(&value, JSON_TEXT_REPLACE, NULL, output, &length, &error));
		CHECK_NUMBER(error.offset, 3);
		value = string_value("abc\\", 4);
		CHECK(!json_string_decode(&value, JSON_TEXT_REPLACE, NULL, output, &length, NULL));
	}

	begin_test("decoding what is no text");
	{
		/* From the Unicode standard's examples of maximal subparts, and others. */
		static const struct
		{
			const char *text;
			int length;
			const char *replaced;
		} cases[] = {
			{ "a\0b", 3, "a" FFFD "b" },
			{ "\\u0000", 6, FFFD },
			{ "\\ud800", 6, FFFD },
			{ "\\udc00", 6, FFFD },
			{ "\\ud800x", 7, FFFD "x" },
			{ "\\ud800\\n", 8, FFFD "\n" },
			{ "\\ud800\\u0041", 12, FFFD "A" },
			{ "\\ud800\\ud83d\\ude00", 18, FFFD "\xf0\x9f\x98\x80" },
			{ "\\udc00\\ud800", 12, FFFD FFFD },
			{ "\x80", 1, FFFD },
			{ "\xff", 1, FFFD },
			{ "\xc0\xaf", 2, FFFD FFFD },
			{ "\xc1\xbf", 2, FFFD FFFD },
			{ "\xe0\x80\xaf", 3, FFFD FFFD FFFD },
			{ "\xe0\x9f\xbf", 3, FFFD FFFD FFFD },
			{ "\xed\xa0\x80", 3, FFFD FFFD FFFD },
			{ "\xed\xbf\xbf", 3, FFFD FFFD FFFD },
			{ "\xf0\x80\x80\x80", 4, FFFD FFFD FFFD FFFD },
			{ "\xf0\x8f\xbf\xbf", 4, FFFD FFFD FFFD FFFD },
			{ "\xf4\x90\x80\x80", 4, FFFD FFFD FFFD FFFD },
			{ "\xf5\x80\x80\x80", 4, FFFD FFFD FFFD FFFD },
			{ "\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", 9,
			  FFFD FFFD FFFD FFFD FFFD "A" FFFD FFFD "B" },
			{ "\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", 9, FFFD FFFD FFFD FFFD "A" },
			{ "\xc3", 1, FFFD },
			{ "\xe2\x82", 2, FFFD },
			{ "\xf0\x9f\x98", 3, FFFD },
			{ "\xc3\xc3\xa9", 3, FFFD "\xc3\xa9" },
			{ "\xe2\x82\\n", 4, FFFD "\n" },
		};

		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		{
			expect_decoded(cases[i].text, cases[i].length, JSON_TEXT_REPLACE, cases[i].replaced,
						   -1);
			expect_decoded(cases[i].text, cases[i].length, JSON_TEXT_ERROR, NULL, 0);
		}
	}

	begin_test("every code point, written as UTF-8 and as an escape");
	for (uint32_t code = 1; code <= 0x10ffff; code++)
	{
		char escape[16];
		char utf8[8];
		char output[64];
		size_t length = 0;
		size_t utf8_length = 0;
		JsonValue value;
		bool surrogate = code >= 0xd800 && code <= 0xdfff;

		if (code < 0x80)
			utf8[utf8_length++] = (char) code;
		else
		{
			int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;

			utf8[utf8_length++] = (char) ((more == 1   ? 0xc0
										   : more == 2 ? 0xe0
													   : 0xf0) |
										  (code >> (6 * more)));
			for (int i = more - 1; i >= 0; i--)
				utf8[utf8_length++] = (char) (0x80 | ((code >> (6 * i)) & 0x3f));
		}
		if (code < 0x10000)
			snprintf(escape, sizeof(escape), code % 2 ? "\\u%04x" : "\\u%04X", code);
		else
			snprintf(escape, sizeof(escape), "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10),
					 0xdc00 + ((code - 0x10000) & 0x3ff));
		value = string_value(escape, strlen(escape));
		if (json_string_decode(&value, JSON_TEXT_ERROR, NULL, output, &length, NULL) == surrogate ||
			(!surrogate && (length != utf8_length || memcmp(output, utf8, length) != 0)))
			CHECK_THAT(false, "escape of U+%04X", code);
		/* JSON has these as escapes only. */
		if (code == '\\' || code < ' ')
			continue;
		value = string_value(utf8, utf8_length);
		if (json_string_decode(&value, JSON_TEXT_ERROR, NULL, output, &length, NULL) == surrogate ||
			(!surrogate && (length != utf8_length || memcmp(output, utf8, length) != 0)))
			CHECK_THAT(false, "UTF-8 of U+%04X", code);
	}

	begin_test("comparing strings");
	{
		static const struct
		{
			const char *text;
			const char *other;
			bool equal;
		} cases[] = {
			{ "abc", "abc", true },
			{ "abc", "ab", false },
			{ "ab", "abc", false },
			{ "", "", true },
			{ "\\u0061bc", "abc", true },
			{ "a\\nc", "a\nc", true },
			{ "a\\nc", "a\nd", false },
			{ "a\\n", "a\nc", false },
			{ "a\\nc", "a\n", false },
			{ "\\u00e4", "\xc3\xa4", true },
			{ "\\u00e4", "\xc3", false },
			{ "\\ud83d\\ude00", "\xf0\x9f\x98\x80", true },
			{ "\\ud83d", "\xed\xa0\xbd", false },
			{ "\\u0000", "", false },
			{ "\\x", "x", false },
			{ "\\\\", "\\", true },
		};

		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		{
			JsonValue value = string_value(cases[i].text, strlen(cases[i].text));

			CHECK_THAT(json_string_equals(&value, cases[i].other) == cases[i].equal, "%s = %s",
					   cases[i].text, cases[i].other);
		}
		{
			JsonValue value = string_value("\\n\0", 3);

			CHECK(!json_string_equals(&value, "\n"));
		}
	}
}

static void
test_validate(void)
{
	static const char *const good[] = {
		"1",
		"\"x\"",
		"true",
		"false",
		"null",
		"[]",
		"{}",
		" [ ] ",
		"\t{\r\n}",
		"[1,2,[3,{\"a\":{}}]]",
		"{\"a\":1,\"b\":[true,false,null,\"x\"],\"c\":{\"d\":-1.5E-3}}",
		"{\"a\" : 1 , \"b\" : [ ] }",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\ud800\\uDFFF\"",
		"\"\xff\xfe any bytes\"",
		"\"0123456789012345678901234567890123456789\\\"0123456789\"",
		"[\"\x7f\"]"
	};
	static const char *const bad[] = { "",
									   " ",
									   "[",
									   "]",
									   "{",
									   "}",
									   "[1",
									   "[1,",
									   "[1,]",
									   "[,1]",
									   "[1 2]",
									   "[1}",
									   "{\"a\"}",
									   "{\"a\":}",
									   "{\"a\":1,}",
									   "{,}",
									   "{1:2}",
									   "{\"a\",1}",
									   "{\"a\" 1}",
									   "{\"a\":1 \"b\":2}",
									   "{\"a\":1]",
									   "[]]",
									   "1 2",
									   "tru",
									   "True",
									   "nul",
									   "truefalse",
									   "\"",
									   "\"x",
									   "\"\\\"",
									   "\"\\",
									   "\"\\x\"",
									   "\"\\u12\"",
									   "\"\\u123g\"",
									   "\"\t\"",
									   "\"\n\"",
									   "'x'",
									   "[\"a\":1]",
									   "{\"a\":1,\"b\"",
									   "NaN",
									   "Infinity",
									   "-",
									   "+1",
									   "[1,2]x",
									   "\"0123456789012345678901234567890123456789\n\"",
									   "{\"a\":1}}",
									   "/**/1",
									   "[1]\v" };

	begin_test("valid JSON");
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		size_t length = strlen(good[i]);
		char *text = malloc(length);
		StreamError error;

		memcpy(text, good[i], length);
		CHECK_THAT(json_validate(text, length, &error), "%s: %s", good[i], error.message);
		CHECK_NUMBER(error.kind, STREAM_ERROR_NONE);
		free(text);
	}

	begin_test("malformed JSON");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		size_t length = strlen(bad[i]);
		char *text = malloc(length + 1);
		StreamError error;

		memcpy(text, bad[i], length);
		text = realloc(text, length > 0 ? length : 1);
		CHECK_THAT(!json_validate(text, length, &error), "%s", bad[i]);
		CHECK_NUMBER(error.kind, STREAM_ERROR_CORRUPT);
		CHECK_CONTAINS(error.message, "malformed JSON value: ");
		CHECK(error.offset <= length);
		CHECK(!json_validate(text, length, NULL));
		free(text);
	}
	CHECK(!json_validate("\"a\0b\"", 5, NULL));
	CHECK(!json_validate("[1\0]", 4, NULL));
	CHECK(!json_validate("1\0", 2, NULL));
}

static void
expect_copied(const char *text, int text_length, JsonTextPolicy policy, const char *expected)
{
	size_t length = text_length < 0 ? strlen(text) : (size_t) text_length;
	char *input = malloc(length > 0 ? length : 1);
	size_t output_size = json_text_copied_size(text, length);
	char *output = malloc(output_size > 0 ? output_size : 1);
	size_t output_length = 0;
	StreamError error;
	bool done;

	memcpy(input, text, length);
	done = json_text_copy(input, length, policy, NULL, output, &output_length, &error);
	if (expected == NULL)
		CHECK_THAT(!done && error.kind == STREAM_ERROR_CORRUPT, "\"%s\" is not refused", text);
	else
	{
		CHECK_THAT(done, "\"%s\": %s", text, error.message);
		CHECK_THAT(done && output_length == strlen(expected) &&
					   memcmp(output, expected, output_length) == 0,
				   "\"%s\" is copied as \"%.*s\"", text, (int) output_length, output);
		CHECK(!done || json_validate(output, output_length, NULL));
	}
	free(input);
	free(output);
}

static void
test_copy(void)
{
	begin_test("copying JSON text");
	for (JsonTextPolicy policy = JSON_TEXT_ERROR; policy <= JSON_TEXT_REPLACE; policy++)
	{
		expect_copied("{\"a\":[1,\"\\n\\u00e9\\ud83d\\ude00\\\\u0000\",\"\xc3\xa9\"]}", -1, policy,
					  "{\"a\":[1,\"\\n\\u00e9\\ud83d\\ude00\\\\u0000\",\"\xc3\xa9\"]}");
		expect_copied("[1,]", -1, policy, NULL);
		expect_copied("[ \"a long string with a break in it\",\n\t\r\n\"\\\"\"\n]", -1, policy,
					  "[ \"a long string with a break in it\",\n\t\r\n\"\\\"\"\n]");
		expect_copied("[\"\\x\"]", -1, policy, NULL);
		expect_copied("[\0]", 3, policy, NULL);
		expect_copied("[\xff]", -1, policy, NULL);
	}

	begin_test("copying raw control characters in strings");
	for (unsigned char control = 1; control < 0x20; control++)
	{
		char text[80];
		char expected[80];

		snprintf(text, sizeof(text), "{\n\"a\\\"%c\":\t[\"0123456789abcdef%cx\",\n\"\"],\"%c\":1}",
				 control, control, control);
		snprintf(expected, sizeof(expected),
				 "{\n\"a\\\"\\u%04x\":\t[\"0123456789abcdef\\u%04xx\",\n\"\"],\"\\u%04x\":1}",
				 control, control, control);
		expect_copied(text, -1, JSON_TEXT_ERROR, NULL);
		expect_copied(text, -1, JSON_TEXT_REPLACE, expected);
	}
	{
		char output[80];
		size_t length;
		StreamError error;

		CHECK(!json_text_copy("[\"a\tb\"]", 7, JSON_TEXT_ERROR, NULL, output, &length, &error));
		CHECK_NUMBER(error.offset, 3);
		CHECK_CONTAINS(error.message, "control character 0x09 in a JSON string is not escaped");
		/* Whatever else is wrong with it is what is said. */
		CHECK(!json_text_copy("[\"a\tb\",]", 8, JSON_TEXT_ERROR, NULL, output, &length, &error));
		CHECK_CONTAINS(error.message, "malformed JSON value: ");
	}

	begin_test("copying what is no text");
	expect_copied("{\"\\u0000\":\"\\ud800\\\\\xff\xc3\xa9\"}", -1, JSON_TEXT_ERROR, NULL);
	expect_copied("{\"\\u0000\":\"\\ud800\\\\\xff\xc3\xa9\"}", -1, JSON_TEXT_REPLACE,
				  "{\"" FFFD "\":\"" FFFD "\\\\" FFFD "\xc3\xa9\"}");
	expect_copied("[\"a\0b\"]", 7, JSON_TEXT_ERROR, NULL);
	expect_copied("[\"a\0b\"]", 7, JSON_TEXT_REPLACE, "[\"a" FFFD "b\"]");
	expect_copied("[\"\\ud800\\ud800\\udc00\"]", -1, JSON_TEXT_REPLACE,
				  "[\"" FFFD "\\ud800\\udc00\"]");
	expect_copied("[\"\xe2\x82\"]", -1, JSON_TEXT_REPLACE, "[\"" FFFD "\"]");
	expect_copied("[\"\xe2\x82\"]", -1, JSON_TEXT_ERROR, NULL);
}

static void
test_cursor(void)
{
	static const struct
	{
		const char *text;
		const char *expected; /* items, or the beginning of an error message */
	} cases[] = {
		{ "[]", "" },
		{ " {} ", "" },
		{ "[ ]", "" },
		{ "[1, \"x\" ,true,null,[2],{\"a\":3}]",
		  "number:1;string:x;true:true;null:null;array:[2];object:{\"a\":3};" },
		{ "{\"a\":1,\"b\\\"\" : [ ] , \"c\":{}}", "a=number:1;b\\\"=array:[ ];c=object:{};" },
		{ "[1 2]", "number:1;malformed JSON value: expected \",\" at \"2]" },
		{ "[1,]", "number:1;malformed JSON value: expected a value" },
		{ "[,]", "malformed JSON value: expected a value" },
		{ "[01]", "malformed JSON value: expected a value" },
		{ "[tru]", "malformed JSON value: expected a value" },
		{ "{\"a\"}", "malformed JSON value: expected \":\"" },
		{ "{\"a\":}", "malformed JSON value: expected a value" },
		{ "{1}", "malformed JSON value: expected a key" },
		{ "{\"a\":1,}", "a=number:1;malformed JSON value: expected a key" },
	};

	begin_test("cursors");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		/* The container lies inside a record, other things follow. */
		Bytes text = { 0 };
		char *data;
		const char *start;
		JsonValue container = { 0 };
		JsonValue key;
		JsonValue value;
		JsonCursor cursor;
		StreamError error;
		Bytes result = { 0 };
		size_t length = strlen(cases[i].text);

		append_text(&text, cases[i].text);
		append_text(&text, ",\"more\":[1,2,3]}]");
		data = padded((char *) text.data, text.length);
		start = data;
		while (*start == ' ')
			start++;
		while (data[length - 1] == ' ')
			length--;
		container.start = start;
		container.length = (uint32_t) (data + length - start);
		container.type = *start == '[' ? JSON_ARRAY : JSON_OBJECT;
		CHECK(json_cursor_open(&cursor, &container));
		while (json_cursor_next(&cursor, &key, &value, &error))
		{
			if (container.type == JSON_OBJECT)
			{
				append(&result, key.start, key.length);
				append_text(&result, "=");
			}
			append_text(&result, describe(&value));
			append_text(&result, ";");
		}
		append_text(&result, error.message);
		append(&result, "", 1);
		CHECK_THAT(strncmp((char *) result.data, cases[i].expected, strlen(cases[i].expected)) ==
						   0 &&
					   (strstr(cases[i].expected, "malformed") != NULL) ==
						   (error.kind != STREAM_ERROR_NONE),
				   "%s: %s", cases[i].text, (char *) result.data);
		CHECK(!json_cursor_next(&cursor, &key, &value, NULL));
		free(data);
		free(text.data);
		free(result.data);
	}
	{
		JsonValue scalar = { "1", 1, JSON_NUMBER, false };
		JsonCursor cursor;

		CHECK(!json_cursor_open(&cursor, &scalar));
	}
}

int
main(void)
{
	test_paths();
	test_path_syntax();
	test_values();
	test_many_keys();
	test_framing();
	test_depth();
	test_sizes();
	test_random_documents();
	test_decode();
	test_validate();
	test_copy();
	test_cursor();
	return finish_tests();
}
