/*-------------------------------------------------------------------------
 *
 * iso_time.c
 *		Dates and times in the fixed format that both vendors use.
 *
 *-------------------------------------------------------------------------
 */
#include "stream/iso_time.h"

#define MICROSECONDS_PER_DAY (INT64_C(86400) * 1000000)

/* Zones reach from -15:59 to +15:59, as in PostgreSQL. */
#define MAX_ZONE_HOURS 15

static bool
is_leap_year(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static inline bool
read_digits(const char *text, int count, int *value)
{
	int result = 0;

	for (int i = 0; i < count; i++)
	{
		unsigned digit = (unsigned char) (text[i] - '0');

		if (digit > 9)
			return false;
		result = result * 10 + digit;
	}
	*value = result;
	return true;
}

/* Days since 2000-01-01; counts from March, so that a leap day comes last. */
static int
days_of_date(int year, int month, int day)
{
	int era;
	int year_of_era;
	int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	if (month <= 2)
		year--;
	era = year / 400;
	year_of_era = year - era * 400;
	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
		   730425; /* 2000-01-01 is that many days after 0000-03-01 */
}

bool
iso_date_read(const char *text, int *days)
{
	int year;
	int month;
	int day;

	if (!read_digits(text, 4, &year) || text[4] != '-' || !read_digits(text + 5, 2, &month) ||
		text[7] != '-' || !read_digits(text + 8, 2, &day))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	if (day > 28 && day > (month == 2 ? 28 + is_leap_year(year) : 30 + ((month + month / 8) & 1)))
		return false;
	*days = days_of_date(year, month, day);
	return true;
}

/* [Z|+hh[:mm]|-hh[:mm]] up to end, in seconds east of Greenwich */
static bool
read_zone(const char *next, const char *end, int *offset)
{
	int hours;
	int minutes = 0;
	bool negative;

	*offset = 0;
	if (next == end)
		return true;
	if (*next == 'Z' || *next == 'z')
		return next + 1 == end;
	if (*next != '+' && *next != '-')
		return false;
	negative = *next++ == '-';
	if (end - next < 2 || !read_digits(next, 2, &hours))
		return false;
	next += 2;
	if (next < end && *next == ':')
		next++;
	if (next < end)
	{
		if (end - next != 2 || !read_digits(next, 2, &minutes))
			return false;
	}
	else if (next[-1] == ':')
		return false;
	if (hours > MAX_ZONE_HOURS || minutes >= 60)
		return false;
	*offset = (hours * 60 + minutes) * 60;
	if (negative)
		*offset = -*offset;
	return true;
}

bool
iso_time_read(const char *text, size_t length, int64_t *microseconds)
{
	const char *end = text + length;
	const char *next;
	int days;
	int hour;
	int minute;
	int second;
	int fraction = 0;
	int offset;

	if (length < 10 || !iso_date_read(text, &days))
		return false;
	if (length == 10)
	{
		*microseconds = (int64_t) days * MICROSECONDS_PER_DAY;
		return true;
	}
	if (length < 19 || (text[10] != 'T' && text[10] != ' ' && text[10] != 't') ||
		!read_digits(text + 11, 2, &hour) || text[13] != ':' ||
		!read_digits(text + 14, 2, &minute) || text[16] != ':' ||
		!read_digits(text + 17, 2, &second))
		return false;
	if (hour >= 24 || minute >= 60 || second >= 60)
		return false;

	next = text + 19;
	if (next < end && *next == '.')
	{
		int unit = 1000000;

		next++;
		if (next == end || (unsigned char) (*next - '0') > 9)
			return false;
		while (next < end && (unsigned char) (*next - '0') <= 9)
		{
			unit /= 10;
			if (unit == 0)
				return false;
			fraction += (*next++ - '0') * unit;
		}
	}
	if (!read_zone(next, end, &offset))
		return false;

	*microseconds = (int64_t) days * MICROSECONDS_PER_DAY +
					((int64_t) ((hour * 60 + minute) * 60 + second - offset)) * 1000000 + fraction;
	return true;
}
