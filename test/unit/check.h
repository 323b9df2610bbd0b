/*-------------------------------------------------------------------------
 *
 * check.h
 *		A tiny harness for unit tests: named tests, checks, a closing line.
 *
 *	begin_test("name");      each test counts once, passed or failed
 *	CHECK(condition);        a failed check prints where it stands
 *	return finish_tests();   prints "N passed, N failed"
 *
 * The output is TAP, with that line after it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_CHECK_H
#define ADSEXPORT_CHECK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tests_passed;
static int tests_failed;
static int tests_skipped;
static const char *current_test;
static int current_failures;

__attribute__((unused)) static void
end_test(void)
{
	if (current_test == NULL)
		return;
	printf("%s %d - %s\n", current_failures == 0 ? "ok" : "not ok",
		   tests_passed + tests_failed + tests_skipped + 1, current_test);
	if (current_failures == 0)
		tests_passed++;
	else
		tests_failed++;
	current_test = NULL;
}

__attribute__((unused)) static void
begin_test(const char *name)
{
	end_test();
	current_test = name;
	current_failures = 0;
}

__attribute__((unused)) static void
skip_test(const char *name, const char *reason)
{
	end_test();
	tests_skipped++;
	printf("ok %d - %s # SKIP %s\n", tests_passed + tests_failed + tests_skipped, name, reason);
}

/* Only the first failures of a test are shown; there may be thousands. */
__attribute__((format(printf, 4, 5), unused)) static bool
check_that(bool condition, const char *file, int line, const char *format, ...)
{
	va_list arguments;

	if (condition)
		return true;
	if (current_failures++ < 10)
	{
		printf("# %s:%d: ", file, line);
		va_start(arguments, format);
		vprintf(format, arguments);
		va_end(arguments);
		printf("\n");
	}
	return false;
}

/* A function, so that what is checked is evaluated once. */
__attribute__((unused)) static bool
check_number(long long actual, long long expected, const char *file, int line, const char *what)
{
	return check_that(actual == expected, file, line, "%s is %lld, expected %lld", what, actual,
					  expected);
}

#define CHECK(condition) check_that((condition), __FILE__, __LINE__, "%s", #condition)
#define CHECK_THAT(condition, ...) check_that((condition), __FILE__, __LINE__, __VA_ARGS__)
#define CHECK_NUMBER(actual, expected)                                                             \
	check_number((long long) (actual), (long long) (expected), __FILE__, __LINE__, #actual)
#define CHECK_CONTAINS(text, part)                                                                 \
	check_that(strstr((text), (part)) != NULL, __FILE__, __LINE__,                                 \
			   "\"%s\" does not contain \"%s\"", (text), (part))

__attribute__((unused)) static int
finish_tests(void)
{
	end_test();
	printf("1..%d\n", tests_passed + tests_failed + tests_skipped);
	printf("%d passed, %d failed", tests_passed, tests_failed);
	if (tests_skipped > 0)
		printf(", %d skipped", tests_skipped);
	printf("\n");
	return tests_failed == 0 && tests_passed > 0 ? 0 : 1;
}

/* Repeatable random numbers. */
static uint64_t random_state = 88172645463325252u;

__attribute__((unused)) static uint32_t
random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t) ((random_state >> 32) % limit);
}

/* A growing piece of memory. */
typedef struct Bytes
{
	unsigned char *data;
	size_t length;
	size_t capacity;
} Bytes;

__attribute__((unused)) static void
append(Bytes *bytes, const void *data, size_t length)
{
	if (bytes->length + length + 64 > bytes->capacity)
	{
		bytes->capacity = 2 * (bytes->length + length) + 256;
		bytes->data = realloc(bytes->data, bytes->capacity);
		if (bytes->data == NULL)
			abort();
	}
	if (length > 0)
		memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
}

__attribute__((unused)) static void
append_text(Bytes *bytes, const char *text)
{
	append(bytes, text, strlen(text));
}

__attribute__((unused)) static void
append_number(Bytes *bytes, uint64_t number, int size)
{
	for (int i = 0; i < size; i++)
	{
		/* Shifting by 64 or more is undefined; the bytes beyond are zero. */
		unsigned char byte = i < 8 ? (unsigned char) (number >> (8 * i)) : 0;

		append(bytes, &byte, 1);
	}
}

__attribute__((unused)) static void
append_bytes(Bytes *bytes, const Bytes *more)
{
	append(bytes, more->data, more->length);
}

__attribute__((unused)) static bool
same_bytes(const Bytes *one, const Bytes *other)
{
	return one->length == other->length &&
		   (one->length == 0 || memcmp(one->data, other->data, one->length) == 0);
}

#endif /* ADSEXPORT_CHECK_H */
