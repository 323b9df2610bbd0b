"""A query's way on a time axis, from what measure_query.py noted."""

from picture import Picture

LEFT, RIGHT, TOP, LANE = 112, 926, 74, 66
ENTITIES = ("campaigns", "ad_groups", "ads", "targets")


def number(value):
    return "{:,}".format(value)


def draw(run):
    end = run["seconds"]
    axis = TOP + LANE * len(ENTITIES) + 50
    picture = Picture(960, axis + 62, "A join of four exports on a time axis: four requests side by side, polls, downloads, rows")

    def at(seconds):
        return LEFT + (RIGHT - LEFT) * seconds / (end * 1.03)

    picture.text(20, 30, "One query, four exports", "text strong")
    picture.text(20, 48, "campaigns JOIN ad_groups JOIN targets JOIN ads: all four are requested at once. Measured with the emulator; "
                 "a vendor takes a second to minutes.", "faint small")
    for half in range(int(end * 2) + 1):
        picture.line(at(half / 2), TOP - 10, at(half / 2), axis, "grid")
        picture.text(at(half / 2), axis + 17, "%g s" % (half / 2), "faint small", "middle")

    def calls(entity, kind):
        return [call for call in run["calls"] if call["entity"] == entity and call["call"] == kind]

    for lane, entity in enumerate(ENTITIES):
        y = TOP + LANE * lane
        (request,), (download,), polls = calls(entity, "request"), calls(entity, "download"), calls(entity, "status")
        picture.text(20, y + 16, entity, "text strong")
        picture.text(20, y + 33, "%s rows" % number(run["read"][entity]["records"]), "faint small")
        picture.bar("vendor", at(request["at"]), y + 4, at(polls[-1]["at"]) - at(request["at"]), 15)
        if lane == 0:
            picture.text(at(polls[0]["at"]) + 9, y + 15.5, "the vendor makes the export", "text small")
        for poll in polls[:-1]:
            picture.dot("poll", at(poll["at"]), y + 11.5)
        picture.diamond("poll", at(polls[-1]["at"]), y + 11.5)
        picture.bar("download", at(download["at"]), y + 22, at(download["at"] + download["seconds"]) - at(download["at"]), 10)
        read = run["read"][entity]["at"]
        if entity == "targets":
            (thread,) = run["threads"]
            picture.bar("thread", at(thread["from"]), y + 34, at(thread["to"]) - at(thread["from"]), 8)
            picture.bar("rows", at(thread["from"]), y + 44, at(read) - at(thread["from"]), 8)
        else:
            picture.bar("rows", at(read) - 1.5, y + 34, 3, 12)
            if lane == 0:
                picture.text(at(read) - 9, y + 44, "read when the join begins", "faint small", "end")
    y = TOP + LANE * len(ENTITIES) + 8
    picture.text(20, y + 12, "the query", "text strong")
    first = min(entry["at"] for entity, entry in run["read"].items())
    picture.bar("waits", at(0), y, at(first) - at(0), 16)
    picture.text(at(0) + 8, y + 12, "waits, and may be cancelled at any moment", "text small")
    picture.bar("rows", at(first), y, at(end) - at(first), 16)
    picture.text(at(end), y + 33, "hash join and GROUP BY; the result after %.1f s" % end, "faint small", "end")
    legend(picture, axis + 44)
    return picture.finish()


def legend(picture, y):
    x = 20
    for kind, shape, words in (("poll", "dot", "asked whether it is ready"), ("poll", "diamond", "ready, with a link"), ("download", "bar", "download"),
                               ("thread", "bar", "a thread inflates and cuts records"), ("rows", "bar", "rows are read and joined")):
        if shape == "bar":
            picture.bar(kind, x, y - 8, 14, 9)
        elif shape == "dot":
            picture.dot(kind, x + 7, y - 4)
        else:
            picture.diamond(kind, x + 7, y - 4)
        picture.text(x + 21, y, words, "faint small")
        x += 42 + 6.05 * len(words)
