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
	PollSchedule schedule = {
		.expected = expected, .own = own, .shortest = SHORTEST, .longest = LONGEST
	};

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

#define MAX_EXPORTS 8

typedef struct Round
{
	int64_t ended; /* when the last one was found ready */
	int most_calls;
	int64_t least; /* gap but for the first */
} Round;

typedef struct Asked
{
	PollSchedule schedule;
	int64_t duration;
	int64_t last; /* call */
	int64_t due;
	int calls;
	bool is_ready;
} Asked;

/* The first that is found ready tells how long they take. */
static void
learn(Asked *exports, int count, int64_t duration, int64_t now)
{
	for (int i = 0; i < count; i++)
	{
		Asked *export = &exports[i];
		int64_t due;

		if (export->is_ready || export->schedule.expected >= 0)
			continue;
		export->schedule.expected = duration;
		export->schedule.elapsed = now;
		due = now + poll_next_learned(&export->schedule, now - export->last);
		if (due < export->due)
			export->due = due;
	}
}

/* Exports of a new session that are requested at the same time, and nothing is known about them. */
static Round
run_round(const int64_t *durations, int count, unsigned turn)
{
	Round round = { 0, 0, INT64_MAX };
	Asked exports[MAX_EXPORTS];
	int left = count;

	for (int i = 0; i < count; i++)
	{
		exports[i] = (Asked){ .schedule = { .expected = -1,
											.turn = turn + i,
											.shortest = SHORTEST,
											.longest = LONGEST },
							  .duration = durations[i] };
		exports[i].due = poll_next(&exports[i].schedule);
	}
	while (left > 0)
	{
		Asked *export = NULL;

		for (int i = 0; i < count; i++)
			if (!exports[i].is_ready && (export == NULL || exports[i].due < export->due))
				export = &exports[i];
		export->schedule.elapsed = export->due;
		export->schedule.gap = export->due - export->last;
		if (export->calls > 0 && export->schedule.gap < round.least)
			round.least = export->schedule.gap;
		export->last = export->due;
		export->calls++;
		if (export->calls > round.most_calls)
			round.most_calls = export->calls;
		export->is_ready = export->due >= export->duration;
		if (export->is_ready)
		{
			round.ended = export->due;
			left--;
			learn(exports, count, export->duration, export->due);
		}
		else
			export->due += poll_next(&export->schedule);
	}
	return round;
}

static void
test_rounds(void)
{
	for (int count = 1; count <= 5; count++)
	{
		/* By the length of exports: up to 10 s, and longer. */
		double sum[2] = { 0, 0 };
		double most[2] = { 0, 0 };
		int rounds[2] = { 0, 0 };

		begin_test("rounds of exports that take equally long, about which nothing is known");
		for (int64_t duration = 4000; duration <= 60000; duration += duration / 100)
		{
			/* The first of its kind takes the first turn. */
			for (unsigned turn = 0; turn < (count == 1 ? 1 : 8); turn++)
			{
				int64_t durations[] = { duration, duration, duration, duration, duration };
				Round round = run_round(durations, count, turn);
				double ratio = (double) round.ended / duration;

				int is_long = duration > 10000;

				sum[is_long] += ratio;
				most[is_long] = ratio > most[is_long] ? ratio : most[is_long];
				rounds[is_long]++;
				CHECK(round.least >= SHORTEST);
				CHECK_THAT(duration > 5000 || round.most_calls <= 8, "%d calls for %d ms",
						   round.most_calls, (int) duration);
				CHECK_THAT(duration > 45000 || round.most_calls <= 15, "%d calls for %d ms",
						   round.most_calls, (int) duration);
			}
		}
		for (int i = 0; i < 2; i++)
		{
			CHECK_THAT(sum[i] / rounds[i] <= (i == 0      ? 1.15
											  : count < 3 ? 1.14
														  : 1.07),
					   "%d exports: %.3f on average", count, sum[i] / rounds[i]);
			CHECK_THAT(most[i] <= 1.28, "%d exports: %.3f at most", count, most[i]);
		}
	}
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
	test_rounds();
	return finish_tests();
}
