/*-------------------------------------------------------------------------
 *
 * test_poll_schedule.c
 *		When status calls come, for exports of all lengths.
 *
 *-------------------------------------------------------------------------
 */
#include "check.h"

#include "session/poll_schedule.h"

#define SHORTEST 1000
#define LONGEST 15000

typedef struct Course
{
	int calls;
	int64_t ended;    /* when the last call found it ready */
	int64_t least;    /* gap but for the first */
	int64_t greatest; /* gap */
} Course;

/* All calls for an export that takes so long. */
static Course
run(int64_t duration, int64_t expected, bool own, double random)
{
	Course course = { 0, 0, INT64_MAX, 0 };
	PollSchedule schedule = { 0, 0, expected, own, SHORTEST, LONGEST };

	while (course.calls < 10000)
	{
		int64_t next = poll_next(&schedule);

		if (schedule.gap != 0 && next < course.least)
			course.least = next;
		if (next > course.greatest)
			course.greatest = next;
		course.calls++;
		schedule.elapsed += next + (expected < 0 ? poll_jitter(next, random) : 0);
		schedule.gap = next > 0 ? next : 1;
		if (schedule.elapsed >= duration)
			break;
	}
	course.ended = schedule.elapsed;
	return course;
}

static void
test_unknown(void)
{
	begin_test("nothing is known: a small account's export is met at once");
	CHECK(run(500, -1, false, 0).ended <= 650);
	CHECK(run(500, -1, false, 0.99).calls == 1);

	begin_test("nothing is known: late by a fifth or so, and few calls");
	for (int i = 0; i <= 10; i++)
	{
		double random = i / 10.01;

		CHECK(run(5000, -1, false, random).calls <= 8);
		CHECK(run(45000, -1, false, random).calls <= 15);
		CHECK(run(45000, -1, false, random).ended <= 45000 * 1.15);
		for (int64_t duration = 10000; duration < 300000; duration += 777)
		{
			Course course = run(duration, -1, false, random);

			CHECK_THAT(course.ended - duration <= duration * 0.3, "%d ms late of %d",
					   (int) (course.ended - duration), (int) duration);
			CHECK(course.least >= SHORTEST && course.greatest <= LONGEST * 1.05);
		}
	}
}

static void
test_known(void)
{
	begin_test("it takes what was expected: few calls, hardly late");
	for (int64_t duration = 100; duration < 15000; duration += 100)
	{
		Course course = run(duration, duration, true, 0.5);

		CHECK(course.calls == 1);
		CHECK(course.ended - duration <= 100 + duration / 50);
	}
	/* Never longer than poll_interval_max without a look. */
	CHECK(run(600000, 600000, true, 0.5).greatest <= LONGEST);
	CHECK(run(600000, 600000, true, 0.5).ended <= 615000);

	begin_test("it takes a little longer than was expected");
	for (int64_t duration = 1000; duration < 60000; duration += 500)
	{
		Course course = run(duration + duration / 10, duration, true, 0.5);

		CHECK(course.calls <= 8);
		CHECK(course.least >= SHORTEST);
		CHECK(course.ended <= duration * 1.2 + SHORTEST + 200);
	}

	begin_test("it takes far longer or shorter than was expected");
	CHECK(run(45000, 500, true, 0.5).calls <= 18);
	CHECK(run(45000, 500, false, 0.5).ended <= 45000 * 1.25);
	CHECK(run(100, 60000, true, 0.5).ended <= LONGEST);
}

int
main(void)
{
	test_unknown();
	test_known();
	return finish_tests();
}
