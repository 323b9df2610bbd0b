"""Where the extension sits: beside what, and reached by whom; and the same with a managed service."""

from picture import Picture


def draw(managed):
    height = 372 if managed else 300
    picture = Picture(960, height, "A managed server reads through a small one that has the extension" if managed
                      else "Where the extension sits: between the vendors' exports and what reads tables")
    picture.text(20, 30, "With a managed service" if managed else "Where it sits", "text strong")
    base = 92
    picture.box("theirs", 20, base, 150, 58, "Amazon Ads", "exports")
    picture.box("theirs", 20, base + 100, 150, 58, "Amplitude", "exports")
    if managed:
        frame(picture, 232, 58, 250, 236, "a small server of your own")
        picture.box("ours", 256, base, 202, 58, "foreign tables", "adsexport_fdw, with credentials")
        picture.box("ours", 256, base + 100, 202, 58, "views", "for the managed server's role")
        picture.arrow([(357, base + 58), (357, base + 98)])
        frame(picture, 536, 58, 228, 290, "the managed PostgreSQL")
        picture.box("plain", 556, base, 188, 58, "foreign tables", "postgres_fdw")
        picture.box("plain", 556, base + 100, 188, 58, "history, loaded events", "ordinary tables")
        picture.box("plain", 556, base + 184, 188, 44, "cron")
        picture.arrow([(650, base + 58), (650, base + 98)])
        picture.arrow([(650, base + 184), (650, base + 160)])
        picture.arrow([(458, base + 129), (498, base + 129), (498, base + 29), (554, base + 29)])
        picture.text(504, base + 84, "SQL", "faint small")
        edge = 744
    else:
        frame(picture, 232, 58, 532, 216, "your PostgreSQL")
        picture.box("ours", 256, base, 202, 58, "foreign tables", "adsexport_fdw: read when asked")
        picture.box("plain", 256, base + 100, 202, 58, "cron", "pg_cron, or psql and a timer")
        picture.box("plain", 556, base, 188, 58, "your reports", "joined as they are")
        picture.box("plain", 556, base + 100, 188, 58, "history, loaded events", "ordinary tables")
        picture.arrow([(458, base + 129), (554, base + 129)])
        picture.text(506, base + 145, "each day", "faint small", "middle")
        picture.arrow([(458, base + 29), (554, base + 29)])
        picture.text(506, base + 21, "JOIN", "faint small", "middle")
        picture.arrow([(458, base + 44), (507, base + 44), (507, base + 79), (650, base + 79), (650, base + 98)])
        picture.text(580, base + 74, "INSERT … SELECT", "faint small", "middle")
        picture.arrow([(420, base + 58), (420, base + 88), (808, base + 88), (808, base + 112), (822, base + 112)])
        edge = 744
    picture.arrow([(170, base + 20), (254, base + 20)])
    picture.arrow([(170, base + 129), (206, base + 129), (206, base + 40), (254, base + 40)])
    picture.text(180, base + 12, "https", "faint small")
    picture.box("plain", 824, base, 124, 58, "BI", "SQL")
    picture.box("plain", 824, base + 100, 124, 58, "dbt", "models, snapshots")
    picture.arrow([(edge, base + 29), (822, base + 29)])
    picture.arrow([(edge, base + 116), (792, base + 116), (792, base + 44), (822, base + 44)])
    picture.arrow([(edge, base + 134), (822, base + 134)])
    return picture.finish()


def frame(picture, x, y, width, height, title):
    picture.add('<rect class="line" x="%d" y="%d" width="%d" height="%d" rx="8" stroke-dasharray="4 4"/>' % (x, y, width, height))
    picture.text(x + width / 2, y + 20, title, "faint", "middle")
