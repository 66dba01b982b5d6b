// Dates: days to civil dates and back, the weekday, Easter, leap seconds aside. Numbers with signs all over.
// in: "\x00\x00\x00\x00\x10\x4b\x00\x00\xff\xff\xff\xff\x00\x00\x80\x00\x19\xfc\xff\xff"
#include "prelude.h"

struct date { i32 year; u8 month, day; };

NOINLINE void civil(i32 days, struct date *d)
{
	i32 z = days + 719468, era = sdiv32(z >= 0 ? z : z - 146096, 146097);
	u32 doe = (u32)(z - era * 146097), yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	u32 doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	d->day = (u8)(doy - (153 * mp + 2) / 5 + 1);
	d->month = (u8)(mp < 10 ? mp + 3 : mp - 9);
	d->year = (i32)yoe + era * 400 + (d->month <= 2);
}

NOINLINE i32 days_of(const struct date *d)
{
	i32 y = d->year - (d->month <= 2), era = sdiv32(y >= 0 ? y : y - 399, 400);
	u32 yoe = (u32)(y - era * 400), doy = (153u * (d->month > 2 ? d->month - 3u : d->month + 9u) + 2) / 5 + d->day - 1;
	return era * 146097 + (i32)(yoe * 365 + yoe / 4 - yoe / 100 + doy) - 719468;
}

NOINLINE u32 easter(u32 y)
{
	u32 a = y % 19, b = y / 100, c = y % 100, d = b / 4, e = b % 4, g = (8 * b + 13) / 25;
	u32 h = (19 * a + b - d - g + 15) % 30, i = c / 4, k = c % 4, l = (32 + 2 * e + 2 * i - h - k) % 7, m = (a + 11 * h + 22 * l) / 451;
	return h + l - 7 * m + 114;
}

PROGRAM(calendar)
{
	u64 h = 0, wrong = 0;
	for (u64 at = 0; at + 4 <= len; at += 4) {
		i32 days = smod32((i32)LOAD32(mem + at), 100000000);
		struct date d;
		civil(days, &d);
		wrong += days_of(&d) != days;
		FOLD(h, d.year);
		FOLD(h, d.month << 8 | d.day);
		FOLD(h, smod32(smod32(days + 4, 7) + 7, 7));
		FOLD(h, easter((u32)d.year & 0xfff));
		STORE32(mem + at, (u32)d.year << 16 | (u32)d.month << 8 | d.day);
	}
	return h ^ wrong << 56;
}
