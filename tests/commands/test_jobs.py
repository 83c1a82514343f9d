"""`truecast jobs`: what runs when, switched and run by hand."""


def test_lists_the_jobs_with_their_schedules(truecast, installed):
    ran = truecast("jobs", "list")
    assert ran.code == 0
    for name in ("ingest:sample", "resolve", "issue"):
        assert f"\n{name} " in ran.out
    (ingest,) = [one for one in truecast("jobs", "list", "--json").json if one["job"] == "ingest:sample"]
    assert (ingest["enabled"], ingest["schedule"]) == (True, "0 * * * * UTC")
    assert ingest["last_run"]["outcome"] in ("ok", "skipped")


def test_a_switch_is_remembered(truecast, installed):
    assert truecast("jobs", "disable", "issue").code == 0
    issue = next(one for one in truecast("jobs", "list", "--json").json if one["job"] == "issue")
    assert (issue["enabled"], issue["next_due_at"]) == (False, None)
    assert truecast("jobs", "enable", "issue").code == 0
    issue = next(one for one in truecast("jobs", "list", "--json").json if one["job"] == "issue")
    assert issue["enabled"] is True


def test_a_job_runs_by_hand_and_leaves_its_row(truecast, installed):
    ran = truecast("jobs", "run", "resolve", "--json")
    assert ran.json["job"] == "resolve"
    assert ran.code == (1 if ran.json["outcome"] == "failed" else 0)
    assert truecast("jobs", "history", "resolve", "--json", "--limit", "1").json[0]["id"] == ran.json["id"]
    assert "resolve" in truecast("jobs", "history", "resolve").out or truecast("jobs", "history", "resolve").code == 0


def test_an_unknown_job_is_named(truecast, installed):
    for words in (("run", "nope"), ("enable", "nope"), ("disable", "nope"), ("history", "nope")):
        ran = truecast("jobs", *words)
        assert ran.code == 66
        assert "No job is called 'nope'" in ran.err


def test_looking_at_the_jobs_of_a_new_installation_loads_no_data(truecast, data_dir):
    assert truecast("jobs", "list").code == 0
    assert truecast("jobs", "history", "issue").out == "issue has not run yet\n"
